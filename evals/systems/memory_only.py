"""jitmem without its pages: memos and items alone, like a memory that keeps only what it wrote."""

from __future__ import annotations

import time

from ..datasets.benchmark_records import Question, Sample
from .bm25_ranking import BM25Ranking
from .chunks import Chunk
from .setups import Preparation, SystemAnswer, pack_context
from .shared_memory import JitmemSystem


class MemoryOnly(JitmemSystem):
    """The core memory first, then the memos and items that share most with the question, by BM25.

    `pages` is how many memos and items there may be.
    """

    _core: list[Chunk]
    _ranking: BM25Ranking

    def prepare(self, sample: Sample) -> Preparation:
        prepared = self.shared.prepare(sample)
        memory, session_of = self.shared.memory, self.shared.session_of
        self._core = []
        notes = [Chunk(session_of[page.id], f"({page.header}) {page.memo}") for page in memory.pages()]
        for item in memory.items():
            origin = next((session_of[one] for one in item.page_ids if one in session_of), "")
            (self._core if item.kind == "core" else notes).append(Chunk(origin, item.content))
        self._ranking = BM25Ranking(notes)
        return prepared

    def answer(self, question: Question) -> SystemAnswer:
        started = time.perf_counter()
        found = [*self._core, *self._ranking.best(question.text, self.pages)]
        context, marks = pack_context([(one.source, one.text) for one in found], self.budget)
        sources = tuple(dict.fromkeys(mark.source for mark in marks if mark.source))
        return SystemAnswer(context, marks, sources, seconds=time.perf_counter() - started)
