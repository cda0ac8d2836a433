"""jitmem in three ways, over one memory with one sample in it: recall, research, and its memos and items alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...memory import Memory
from ...nodes.options import MemorizeOptions, with_changes
from ...stores.records import Usage
from ...stores.times import format_day
from ...testing import ScriptedModel
from ..datasets.benchmark_records import Question, Sample
from .chunks import BM25Ranking, Chunk, session_name
from .setups import (
    CONTEXT_TOKENS,
    OWN_ANSWER,
    CitedText,
    Preparation,
    Setup,
    SystemAnswer,
    SystemContext,
    answer_from_texts,
)

_NO_MODEL = "no model"
_HITS = 500


class SharedMemory:
    """One for each `Setup.memory_key`. `session_of` maps a page id to its session."""

    def __init__(self, setup: Setup, context: SystemContext) -> None:
        # Without memos, a scripted model answers the step with an empty memo.
        silent = (
            None if setup.memos else {"memorize": ScriptedModel(lines=lambda messages: {"memo": "-"}, model=_NO_MODEL)}
        )
        self.memory = Memory.open(
            context.folder / "memory",
            memorize_options=with_changes(MemorizeOptions(curate=setup.curate), {"page_tokens": setup.page_tokens}),
            **context.models.memory_arguments(silent),
        )
        self.session_of: dict[str, str] = {}

    def prepare(self, sample: Sample) -> Preparation:
        """File every session; a session that a stopped run has filed is not filed again."""
        sessions = list(sample.sessions)
        filed = self.memory.memorize_many(sessions)
        self.memory.flush()
        for at, (session, one) in enumerate(zip(sessions, filed, strict=True)):
            self.session_of |= dict.fromkeys(one.page_ids, session_name(session, at))
        usage = Usage.of(step for one in filed for step in one.usage.steps if step["model"] != _NO_MODEL)
        return Preparation(usage, [failure for one in filed for failure in one.failures])

    def sources(self, page_ids: Iterable[str]) -> tuple[str, ...]:
        """The sessions of pages, each once, in their order."""
        return tuple(dict.fromkeys(self.session_of[page_id] for page_id in page_ids if page_id in self.session_of))


class JitmemSystem:
    """What the systems have in common that ask a jitmem memory."""

    def __init__(self, setup: Setup, context: SystemContext, shared: SharedMemory | None = None) -> None:
        self.shared = shared or SharedMemory(setup, context)
        self.budget = setup.context_tokens or CONTEXT_TOKENS
        self.pages = setup.pages

    def prepare(self, sample: Sample) -> Preparation:
        return self.shared.prepare(sample)

    def close(self) -> None:
        self.shared.memory.close()


class RecallSystem(JitmemSystem):
    """The ranking of `Memory.recall`, packed until the context is full; of the first `pages` pages alone, if given. Each
    passage has its day before it and what its relative dates mean behind it, as an agent is shown it."""

    def answer(self, question: Question) -> SystemAnswer:
        hits = self.shared.memory.recall(question.text, k=_HITS, now=question.metadata.get("time"))
        pages = list(dict.fromkeys(hit.record_id for hit in hits))[: self.pages]
        session_of = self.shared.session_of
        texts = [
            (
                session_of[hit.record_id],
                f"({day}) {hit.dated_text}" if (day := format_day(hit.time)) else hit.dated_text,
            )
            for hit in hits
            if hit.record_id in set(pages)
        ]
        return answer_from_texts(texts, self.budget, self.shared.sources(pages))


class ResearchSystem(JitmemSystem):
    """The context of `Memory.research` with its citations as marks; with the reader `OWN_ANSWER`, its own answer."""

    def __init__(self, setup: Setup, context: SystemContext, shared: SharedMemory | None = None) -> None:
        super().__init__(setup, context, shared)
        names = ("effort", "depth", "tools", "pages", "output", "context_tokens")
        answer = {"answer": True} if context.models.reader == OWN_ANSWER else {}
        self._arguments: dict[str, Any] = {**{name: getattr(setup, name) for name in names}, **answer, **setup.options}

    def answer(self, question: Question) -> SystemAnswer:
        """A step whose model failed becomes a note: its round had less to go by."""
        result = self.shared.memory.research(question.text, now=question.metadata.get("time"), **self._arguments)
        session_of = self.shared.session_of
        return SystemAnswer(
            context=result.context,
            marks=tuple(CitedText(session_of.get(one.record_id, one.record_id), one.quote) for one in result.citations),
            sources=self.shared.sources(result.page_ids),
            text=result.answer,
            cited=tuple(n for n, one in enumerate(result.citations, start=1) if one in result.answer_citations),
            usage=result.usage,
            confidence=result.confidence,
            notes=tuple(f"{one['step']}: {one['error']}: {one['message']}" for one in result.failures),
        )


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
        for item in memory.items.list():
            origin = next((session_of[one] for one in item.page_ids if one in session_of), "")
            (self._core if item.kind == "core" else notes).append(Chunk(origin, item.content))
        self._ranking = BM25Ranking(notes)
        return prepared

    def answer(self, question: Question) -> SystemAnswer:
        found = [*self._core, *self._ranking.best(question.text, self.pages)]
        return answer_from_texts([(one.source, one.text) for one in found], self.budget)
