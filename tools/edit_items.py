"""The edits of memory items as tools: `memory_insert`, `memory_update`, `memory_delete`."""

from __future__ import annotations

from typing import Any

from ..stores.recall_markers import wrap_recalled
from ..stores.records import Outcome
from .editor import Editor
from .expose import MemoryTool, ToolResult, ToolSpec, UnvalidatedTool, expose, fence_quotations

_MAX_QUOTED = 200  # characters of an item that is only to be recognized


def edit_tools(editor: Editor) -> list[MemoryTool]:
    """Over an editor, for the kinds that it may edit; none where it may write nothing."""
    if editor.mode == "read_only" or not editor.kinds:
        return []
    return [_edit_tool(spec, editor) for spec in editor.specs]


def describe_outcome(outcome: Outcome) -> str:
    """An outcome as one line; what it quotes of the memory is marked."""
    item = outcome.item
    if outcome.status == "applied" and item is not None:
        name = item.kind if item.kind == "core" else f"{item.kind} {item.id}"
        return f"applied: {name} deleted" if item.deleted else f"applied: {name} v{item.version}"
    if outcome.status == "proposed":
        return f"proposed: number {outcome.proposal} waits for a yes. {fence_quotations(outcome.reason)}"
    reason = fence_quotations(outcome.reason)
    if item is None or item.deleted:
        return f"{outcome.status}: {reason}"
    text = " ".join(item.content.split())
    # A rejected core paragraph has to be rewritten from the current one; other items only need to be recognized.
    short = text if item.kind == "core" or len(text) <= _MAX_QUOTED else f"{text[:_MAX_QUOTED]}…"
    return f"{outcome.status}: {reason} It reads: {wrap_recalled(short)}"


def _edit_tool(spec: ToolSpec, editor: Editor) -> MemoryTool:
    def run(given: Any) -> ToolResult:
        outcome = editor.call(spec.name, given)
        return describe_outcome(outcome), outcome

    return expose(spec, run, kind=UnvalidatedTool)
