"""jitmem without its pages: the memos and the items alone, as memories that keep only what they wrote."""

from __future__ import annotations

import time

from ..datasets.records import Question, Sample
from .answer import Answer, Prepared, Setup, walked
from .bm25 import Ranked
from .chunks import Chunk
from .filled import Filled
from .open import Opening
from .recall import CONTEXT_TOKENS


class MemoryOnly:
    """The core memory first, then the memos and items that share most with the question, by BM25."""

    def __init__(self, setup: Setup, opening: Opening, filled: Filled | None = None) -> None:
        self._filled = filled or Filled(setup, opening)
        self._budget = setup.context_tokens or CONTEXT_TOKENS
        self._pages = setup.pages
        self._core: list[Chunk] = []
        self._ranked = Ranked([])

    def prepare(self, sample: Sample) -> Prepared:
        """File every session, and read what was written of it."""
        prepared = self._filled.prepare(sample)
        memory, session_of = self._filled.memory, self._filled.session_of
        notes = [Chunk(session_of[page.id], f"({page.header}) {page.memo}") for page in memory.pages()]
        for item in memory.items.list():
            origin = next((session_of[one] for one in item.page_ids if one in session_of), "")
            (self._core if item.kind == "core" else notes).append(Chunk(origin, item.content))
        self._ranked = Ranked(notes)
        return prepared

    def answer(self, question: Question) -> Answer:
        """`pages` is how many notes there may be."""
        started = time.perf_counter()
        found = [*self._core, *self._ranked.best(question.text, self._pages)]
        context, marks = walked([(one.source, one.text) for one in found], self._budget)
        sources = tuple(dict.fromkeys(mark.source for mark in marks if mark.source))
        return Answer(context, marks, sources, seconds=time.perf_counter() - started)

    def close(self) -> None:
        """Let go of the files."""
        self._filled.close()
