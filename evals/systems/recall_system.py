"""jitmem's recall: one hybrid search, no rounds and no model."""

from __future__ import annotations

import time

from ..datasets.benchmark_records import Question
from .setups import SystemAnswer, pack_context
from .shared_memory import JitmemSystem

_HITS = 500


class RecallSystem(JitmemSystem):
    """The ranking of `Memory.recall`, packed until the context is full; of the first `pages` pages alone, if given."""

    def answer(self, question: Question) -> SystemAnswer:
        started = time.perf_counter()
        hits = self.shared.memory.recall(question.text, k=_HITS)
        pages = list(dict.fromkeys(hit.page_id for hit in hits))[: self.pages]
        session_of = self.shared.session_of
        texts = [(session_of[hit.page_id], hit.text) for hit in hits if hit.page_id in set(pages)]
        context, marks = pack_context(texts, self.budget)
        return SystemAnswer(context, marks, self.shared.sources(pages), seconds=time.perf_counter() - started)
