"""jitmem's recall: one hybrid search, no rounds and no model."""

from __future__ import annotations

import time

from ..datasets.benchmark_records import Question, Sample
from .eval_models import SystemContext
from .setups import Preparation, Setup, SystemAnswer, pack_context
from .shared_memory import SharedMemory

CONTEXT_TOKENS = 2000
_HITS = 500


class RecallSystem:
    """The ranking of `Memory.recall`, walked until the context is full."""

    def __init__(self, setup: Setup, opening: SystemContext, filled: SharedMemory | None = None) -> None:
        self._filled = filled or SharedMemory(setup, opening)
        self._budget = setup.context_tokens or CONTEXT_TOKENS
        self._pages = setup.pages

    def prepare(self, sample: Sample) -> Preparation:
        """File every session."""
        return self._filled.prepare(sample)

    def answer(self, question: Question) -> SystemAnswer:
        """Only the first pages speak, where their number is given."""
        started = time.perf_counter()
        hits = self._filled.memory.recall(question.text, k=_HITS)
        pages = list(dict.fromkeys(hit.page_id for hit in hits))[: self._pages]
        session_of = self._filled.session_of
        spoken = [(session_of[hit.page_id], hit.text) for hit in hits if hit.page_id in set(pages)]
        context, marks = pack_context(spoken, self._budget)
        return SystemAnswer(context, marks, self._filled.sources(pages), seconds=time.perf_counter() - started)

    def close(self) -> None:
        """Let go of the files."""
        self._filled.close()
