"""jitmem's research, at any effort, depth, set of tools, number of pages, output and size of context."""

from __future__ import annotations

import time
from typing import Any

from ..datasets.benchmark_records import Question
from .eval_models import OWN_ANSWER, SystemContext
from .setups import CitedText, Setup, SystemAnswer
from .shared_memory import JitmemSystem, SharedMemory


class ResearchSystem(JitmemSystem):
    """The context of `Memory.research` with its citations as marks; with the reader `OWN_ANSWER`, its own answer."""

    def __init__(self, setup: Setup, context: SystemContext, shared: SharedMemory | None = None) -> None:
        super().__init__(setup, context, shared)
        names = ("effort", "depth", "tools", "pages", "output", "context_tokens")
        answer = {"answer": True} if context.models.reader == OWN_ANSWER else {}
        self._arguments: dict[str, Any] = {**{name: getattr(setup, name) for name in names}, **answer, **setup.options}

    def answer(self, question: Question) -> SystemAnswer:
        """A step whose model failed becomes a note: its round had less to go by."""
        started = time.perf_counter()
        result = self.shared.memory.research(question.text, **self._arguments)
        seconds = time.perf_counter() - started
        session_of = self.shared.session_of
        return SystemAnswer(
            context=result.context,
            marks=tuple(CitedText(session_of.get(one.page_id, one.page_id), one.quote) for one in result.citations),
            sources=self.shared.sources(result.page_ids),
            text=result.answer,
            cited=tuple(n for n, one in enumerate(result.citations, start=1) if one in result.answer_citations),
            usage=result.usage,
            seconds=seconds,
            notes=tuple(f"{one['step']}: {one['error']}: {one['message']}" for one in result.failures),
        )
