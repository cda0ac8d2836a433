"""All tools of a memory, bound to it (`make_tools`), or finding it when they are called (`jitmem_tools`)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Protocol

from langchain_core.messages import ToolCall, ToolMessage
from langchain_core.tools import BaseTool, ToolException
from langgraph.runtime import Runtime, get_runtime

from ..stores.errors import BadInput
from ..stores.records import MemoryItem, Page
from ..stores.times import Now
from ..stores.trace_guard import TraceLevel
from .edit_items import edit_tools
from .editor import Editor
from .expose import NamedTool, RunnableSearch, ToolResult, ToolSpec, UnvalidatedTool, as_tool, expose, search_spec
from .memory_specs import memory_specs
from .read_tools import ASK, FIND, READ, ItemFinder, Researchers, ask_tool, find_tool, read_tool
from .searches import SEARCHES, HybridSearch

_PAGE_SEARCHES: tuple[type[NamedTool], ...] = (*SEARCHES, HybridSearch)
_SPECS = {spec.name: spec for spec in (*map(search_spec, _PAGE_SEARCHES), READ, ASK, FIND, *memory_specs())}
TOOLS = tuple(_SPECS)
"""The name of every tool, in the order in which they are handed out."""
USUAL = tuple(name for name in TOOLS if name not in [search_spec(search).name for search in SEARCHES])
"""Those that an agent needs: `search_pages` is the best first try, and `research_memory` runs every search."""


def make_tools(
    *,
    searches: Iterable[RunnableSearch] = (),
    record: Callable[[str], Page | MemoryItem] | None = None,
    research: Researchers | None = None,
    items: ItemFinder | None = None,
    editor: Editor | None = None,
    include: Collection[str] | None = None,
    now: Now = None,
    trace_level: TraceLevel = "none",
) -> list[BaseTool]:
    """A tool for everything that is given, in the order of `TOOLS`; of these only those that `include` names. `now` is
    that of their questions.

    `BadInput` for a name in `include` that is no tool, or none of what is given: an editor that may not write has none.
    """
    made = [as_tool(search, now) for search in searches]
    made += [read_tool(record)] if record else []
    made += [ask_tool(research, now)] if research else []
    made += [find_tool(items)] if items else []
    made += edit_tools(editor) if editor else []
    for tool in made:
        tool.trace_level = trace_level
    return [tool for tool in made if tool.name in _validate_names(include, [tool.name for tool in made])]


class HasTools(Protocol):
    """A memory, as far as it is needed here."""

    def tools(self) -> list[BaseTool]: ...


def jitmem_tools(include: Collection[str] | None = None) -> list[BaseTool]:
    """Tools that belong to no memory yet, to build an agent from: each call goes to the memory of the graph's run.

    That is the run's context, if it is a memory, or its `memory` (a key or an attribute); else the `memory` of the
    store that the graph was compiled with. The model has no say in it. `include`: names of `TOOLS`; without it `USUAL`.
    """
    chosen = _validate_names(USUAL if include is None else include, TOOLS)
    return [_finding(spec) for name, spec in _SPECS.items() if name in chosen]


def _validate_names(include: Collection[str] | None, there: Collection[str]) -> Collection[str]:
    chosen = there if include is None else [include] if isinstance(include, str) else include
    if unknown := [name for name in chosen if name not in there]:
        raise BadInput(f"There is no tool {unknown[0]!r} here; there are {', '.join(there)}.")
    return chosen


def _finding(spec: ToolSpec) -> BaseTool:
    def run(given: Any) -> ToolResult:
        return _tool_result(_tool_of_the_run(spec.name).invoke(_call(spec, given)))

    async def arun(given: Any) -> ToolResult:
        return _tool_result(await _tool_of_the_run(spec.name).ainvoke(_call(spec, given)))

    return expose(spec, run, arun, UnvalidatedTool)


def _call(spec: ToolSpec, given: Any) -> ToolCall:
    """A bare text is the first argument, as LangChain has it."""
    arguments = given if isinstance(given, dict) else {next(iter(spec.json_schema["properties"])): given}
    return ToolCall(name=spec.name, args=arguments, id=spec.name, type="tool_call")


def _tool_result(message: ToolMessage) -> ToolResult:
    if message.status == "error":
        raise ToolException(message.text)
    return message.text, message.artifact


def _tool_of_the_run(name: str) -> BaseTool:
    tools = _memory_of_the_run().tools()
    for tool in tools:
        if tool.name == name:
            return tool
    raise ToolException(f"This memory has no {name}; it has {', '.join(tool.name for tool in tools)}.")


def _memory_of_the_run() -> HasTools:
    runtime = _runtime()
    if runtime is not None:
        context = runtime.context
        inside = context.get("memory") if isinstance(context, Mapping) else getattr(context, "memory", None)
        there: tuple[Any, ...] = (inside, context, getattr(runtime.store, "memory", None))
        for memory in there:
            if callable(getattr(memory, "tools", None)):
                found: HasTools = memory
                return found
    raise ToolException(
        "There is no memory here: run the graph with context={'memory': memory}, or compile it with a store that has one."
    )


def _runtime() -> Runtime[Any] | None:
    try:
        return get_runtime()
    except (RuntimeError, KeyError):  # called outside of any graph
        return None
