"""The edits of memory items as tools: `memory_insert`, `memory_update`, `memory_delete`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import lru_cache
from typing import Annotated, Any

from langchain_core.tools import BaseTool
from pydantic import BaseModel, Field, WithJsonSchema, create_model

from ..stores.recalled import mark
from ..stores.records import KINDS, Outcome
from .editor import Editor
from .expose import AsWritten, Spec, Told, expose

_MEANING = {
    "core": "core (the one paragraph that is always shown)",
    "semantic": "semantic (knowledge: facts, preferences, relations)",
    "episodic": "episodic (an event and its time)",
}
_QUOTED = 200  # characters of an item that is only to be recognized


def edit_tools(editor: Editor) -> list[BaseTool]:
    """Over an editor, for the kinds that it may edit; none where it may write nothing."""
    if editor.mode == "read_only" or not editor.kinds:
        return []
    return [_edit_tool(spec, editor) for spec in edit_specs(editor.kinds)]


@lru_cache(maxsize=8)
def edit_specs(kinds: tuple[str, ...] = KINDS) -> tuple[Spec, ...]:
    """The three tools as a model sees them, where only these kinds may be edited."""
    known = Annotated[str, WithJsonSchema({"type": "string", "enum": list(kinds)})]
    kind: Any = (known, Field(description=f"Which memory: {', '.join(_MEANING[kind] for kind in kinds)}."))
    id_told = "The id of the memory, as memory_search shows it" + (", or none for core." if "core" in kinds else ".")
    id_: Any = (str | None, Field(default=None, description=id_told))
    when = "When it was, such as 2024-05-08 or 8 May 2024 13:56"
    time: Any = (
        Annotated[Any, WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "null"}]})],
        Field(default=None, description=when + ("; an episodic memory needs it." if "episodic" in kinds else ".")),
    )
    content: Any = (str, Field(description="What is to be remembered, in words that are clear by themselves."))
    replacing: Any = (str | None, Field(default=None, description="The new text, whole: it takes the old one's place."))
    make: Callable[..., type[BaseModel]] = create_model
    return (
        Spec(
            "memory_insert",
            "Remember something new: one fact or one event a call. What is known already is not kept twice.",
            make("InsertInput", kind=kind, content=content, time=time),
        ),
        Spec(
            "memory_update",
            "Change a memory that is no longer right or complete. Its earlier text stays in its history.",
            make("UpdateInput", kind=kind, content=replacing, id=id_, time=time),
        ),
        Spec(
            "memory_delete",
            "Take a memory away that is wrong or no longer wanted. A person can bring it back.",
            make("DeleteInput", kind=kind, id=id_),
        ),
    )


def told(outcome: Outcome) -> str:
    """An outcome as one line; what it quotes of the memory is marked."""
    item = outcome.item
    if outcome.status == "applied" and item is not None:
        name = item.kind if item.kind == "core" else f"{item.kind} {item.id}"
        return f"applied: {name} deleted" if item.deleted else f"applied: {name} v{item.version}"
    if outcome.status == "proposed":
        return f"proposed: number {outcome.proposal} waits for a yes. {outcome.reason}"
    if item is None or item.deleted:
        return f"{outcome.status}: {outcome.reason}"
    said = " ".join(item.content.split())
    # A refused core paragraph is to be written anew from the one that stands; others are only to be recognized.
    short = said if item.kind == "core" or len(said) <= _QUOTED else f"{said[:_QUOTED]}…"
    return f"{outcome.status}: {outcome.reason} It reads: {mark(short)}"


def _edit_tool(spec: Spec, editor: Editor) -> BaseTool:
    def run(given: Any) -> Told:
        outcome = editor.call(spec.name, given)
        return told(outcome), outcome

    async def arun(given: Any) -> Told:
        return await asyncio.to_thread(run, given)

    return expose(spec, run, arun, AsWritten)
