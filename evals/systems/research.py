"""jitmem's research, at any effort, depth, set of tools, number of pages, output and size of context."""

from __future__ import annotations

import time
from typing import Any

from ..datasets.records import Question, Sample
from .answer import Answer, Mark, Prepared, Setup
from .filled import Filled
from .open import ITSELF, Opening


class ResearchSystem:
    """The context that `Memory.research` gives, with its citations as marks; its own answer where nobody else reads."""

    def __init__(self, setup: Setup, opening: Opening, filled: Filled | None = None) -> None:
        self._filled = filled or Filled(setup, opening)
        asked = ("effort", "depth", "tools", "pages", "output", "context_tokens")
        itself = {"answer": True} if opening.models.reader == ITSELF else {}
        self._asking: dict[str, Any] = {**{name: getattr(setup, name) for name in asked}, **itself, **setup.options}

    def prepare(self, sample: Sample) -> Prepared:
        """File every session."""
        return self._filled.prepare(sample)

    def answer(self, question: Question) -> Answer:
        """One research. A step whose model failed is a note, as its round is poorer by it."""
        started = time.perf_counter()
        result = self._filled.memory.research(question.text, **self._asking)
        took = time.perf_counter() - started
        session_of = self._filled.session_of
        return Answer(
            context=result.context,
            marks=tuple(Mark(session_of.get(one.record_id, one.record_id), one.quote) for one in result.citations),
            sources=self._filled.sources(result.page_ids),
            text=result.answer,
            cited=tuple(n for n, one in enumerate(result.citations, start=1) if one in result.answer_citations),
            usage=result.usage,
            seconds=took,
            notes=tuple(f"{one['step']}: {one['error']}: {one['message']}" for one in result.failures),
        )

    def close(self) -> None:
        """Let go of the files."""
        self._filled.close()
