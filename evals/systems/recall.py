"""jitmem's recall: one hybrid search, no rounds and no model."""

from __future__ import annotations

import time

from ..datasets.records import Question, Sample
from .answer import Answer, Prepared, Setup, walked
from .filled import Filled
from .open import Opening

CONTEXT_TOKENS = 2000
_HITS = 500


class RecallSystem:
    """The ranking of `Memory.recall`, walked until the context is full."""

    def __init__(self, setup: Setup, opening: Opening, filled: Filled | None = None) -> None:
        self._filled = filled or Filled(setup, opening)
        self._budget = setup.context_tokens or CONTEXT_TOKENS
        self._pages = setup.pages

    def prepare(self, sample: Sample) -> Prepared:
        """File every session."""
        return self._filled.prepare(sample)

    def answer(self, question: Question) -> Answer:
        """Only the first pages speak, where their number is given."""
        started = time.perf_counter()
        hits = self._filled.memory.recall(question.text, k=_HITS)
        pages = list(dict.fromkeys(hit.record_id for hit in hits))[: self._pages]
        session_of = self._filled.session_of
        spoken = [(session_of[hit.record_id], hit.text) for hit in hits if hit.record_id in set(pages)]
        context, marks = walked(spoken, self._budget)
        return Answer(context, marks, self._filled.sources(pages), seconds=time.perf_counter() - started)

    def close(self) -> None:
        """Let go of the files."""
        self._filled.close()
