"""Curate: draw core, semantic and episodic memories from a page, by as many edits as it is worth, or none."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from langgraph.runtime import Runtime
from pydantic import BaseModel, Field

from ..stores.archive import Archive
from ..stores.errors import UnknownRecord
from ..stores.items import Items
from ..stores.recalled import without
from ..stores.records import MemoryItem, Outcome, Page
from ..stores.times import show
from .disk_full import disk_full_hint
from .llm.ask import StepSpec
from .llm.prompt import clip, fence, fence_list
from .llm.step import Body, Steps
from .options import MemorizeOptions, read
from .run_step import Backends, StepPolicy, run_step
from .states import MemorizerState

CORE_SHOWN = 512  # tokens
_ITEMS_TOKENS = 500
_RELATED, _NEWEST = 10, 5
_FILED = "The session is filed; no memories are drawn from it until resume(), or the same call, finds room."
_MOST_CALLS = 50


class Editing(Protocol):
    """What changes items, as this step needs it. `schemas` are its tools, in OpenAI's form."""

    @property
    def schemas(self) -> Sequence[Mapping[str, Any]]: ...

    def call_all(
        self,
        calls: Iterable[tuple[str, Any]],
        *,
        page_ids: tuple[str, ...],
        cause: str,
        then: Callable[[sqlite3.Connection], object],
    ) -> list[Outcome]: ...


class Call(BaseModel):
    """One edit."""

    name: str = Field(description="memory_insert, memory_update or memory_delete.")
    args: dict[str, Any] = Field(description="Its arguments by name.")


class Curation(BaseModel):
    """The edits that a page is worth; none where nothing is worth keeping."""

    calls: list[Call] = Field(description="In the order in which they are to be done.")


@dataclass(frozen=True, slots=True)
class CurateQuestion:
    """The page without what was recalled from memory, and what is held already: core, related and newest items."""

    page: Page
    text: str
    core: str
    items: Sequence[MemoryItem]

    @property
    def part(self) -> int:
        """Which page of its session it is, from 1."""
        return self.page.part

    def prompt_values(self, share: float) -> Mapping[str, str]:
        """For `llm/prompts/curate.md`. The page is always shown whole."""
        return {
            "core": fence(clip(self.core, share * CORE_SHOWN)) if self.core else "There is none yet.",
            "items": fence_list(map(line, self.items), share * _ITEMS_TOKENS, "There are none yet."),
            "page": fence(f"{self.page.header}\n\n{self.text}"),
        }


CURATE = StepSpec("curate", CurateQuestion, Curation)


def line(item: MemoryItem) -> str:
    """`[0m7w…] episodic (8 May 2023): …`"""
    return f"[{item.id}] {item.kind}{_when(item.time)}: {' '.join(item.content.split())}"


def curate(
    archive: Archive,
    items: Items,
    related: Callable[[str, int], Sequence[MemoryItem]],
    editing: Editing,
    backends: Backends,
    defaults: MemorizeOptions,
) -> Body:
    """The node: filed pages → edits of items, all of a page's in one transaction with the note that it is done.

    A model that fails never costs the session, which is filed: it is named in `failures`, and `resume()` tries again.
    """
    spec = replace(CURATE, tools=tuple(editing.schemas))

    def node(state: MemorizerState, runtime: Runtime[Any]) -> Steps[dict[str, Any]]:
        on_failure = read(runtime.context, defaults).on_model_failure
        usage: list[dict[str, Any]] = []
        failures: list[dict[str, Any]] = []
        edits: list[dict[str, Any]] = []
        stop_reason = ""
        for _, page_id in archive.journal.uncurated(state["journal"]):
            try:
                page = archive.pages.page(page_id)  # as it stands now: what is forgotten is shown to nobody
            except UnknownRecord:
                continue
            question = _question(items, related, page)
            policy = StepPolicy(on_failure, required=False, stop_reason=stop_reason)
            answer, changes = yield from run_step(backends, spec, question, policy, runtime.stream_writer)
            usage += changes.get("usage", [])
            failures += changes.get("failures", [])
            stop_reason = changes.get("stop_reason", stop_reason)
            if answer is None:
                continue
            with disk_full_hint(archive.embeddings.database.path, _FILED):
                outcomes = editing.call_all(
                    [(call.name, call.args) for call in answer.calls[:_MOST_CALLS]],
                    page_ids=(page_id,),
                    cause="memorizer",
                    then=partial(archive.journal.curated_in, page_id=page_id),
                )
            edits += [_plain(page_id, call, outcome) for call, outcome in zip(answer.calls, outcomes, strict=False)]
            runtime.stream_writer({"event": "curated", "page_id": page_id, "edits": [e["status"] for e in edits]})
        return {"usage": usage, "failures": failures, "edits": edits}

    return node


def _question(items: Items, related: Callable[[str, int], Sequence[MemoryItem]], page: Page) -> CurateQuestion:
    core = items.core()
    text = without(page.text)
    near = {item.id: item for item in [*related(text, _RELATED), *items.items(newest=_NEWEST)] if item.kind != "core"}
    return CurateQuestion(page, text, core.content if core else "", list(near.values()))


def _plain(page_id: str, call: Call, outcome: Outcome) -> dict[str, Any]:
    """A call and what became of it, for the state."""
    edit = asdict(outcome.edit)
    return {
        "page_id": page_id,
        "name": call.name,
        "args": call.args,
        "status": outcome.status,
        "reason": outcome.reason,
        "item_id": outcome.item.id if outcome.item else edit["id"],
        "change": outcome.change,
    }


def _when(time: datetime | None) -> str:
    return f" ({show(time)})" if time else ""
