"""The edits of memory items as tools: `memory_insert`, `memory_update`, `memory_delete`."""

from __future__ import annotations

from typing import Any

from .editor import Editor
from .expose import MemoryTool, ToolResult, ToolSpec, UnvalidatedTool, expose


def edit_tools(editor: Editor) -> list[MemoryTool]:
    """Over an editor, for the kinds that it may edit; none where it may write nothing."""
    if editor.mode == "read_only" or not editor.kinds:
        return []
    return [_edit_tool(spec, editor) for spec in editor.specs]


def _edit_tool(spec: ToolSpec, editor: Editor) -> MemoryTool:
    def run(given: Any) -> ToolResult:
        from .tool_replies import describe_outcome

        outcome = editor.call(spec.name, given)
        return describe_outcome(outcome), outcome

    return expose(spec, run, kind=UnvalidatedTool)
