"""Tools that find their memory when they are called: that of the graph's run."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Protocol

from langchain_core.messages import ToolCall, ToolMessage
from langchain_core.tools import BaseTool, ToolException
from langgraph.runtime import Runtime, get_runtime

from .expose import ToolResult, ToolSpec, UnvalidatedTool, expose
from .memory_tools import SPECS, TOOLS, USUAL, validate_names


class HasTools(Protocol):
    """A memory, as far as it is needed here."""

    def tools(self) -> list[BaseTool]: ...


def jitmem_tools(include: Collection[str] | None = None) -> list[BaseTool]:
    """Tools that belong to no memory yet, to build an agent from: each call goes to the memory of the graph's run.

    That is the run's context, if it is a memory, or its `memory` (a key or an attribute); else the `memory` of the
    store that the graph was compiled with. The model has no say in it. `include`: names of `TOOLS`; without it `USUAL`.
    """
    chosen = validate_names(USUAL if include is None else include, TOOLS)
    return [_finding(spec) for name, spec in SPECS.items() if name in chosen]


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
