"""Hand what the memory can do to agents as LangChain tools: a text for the model, the records as artifact."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any, Protocol

from langchain_core.tools import StructuredTool, ToolException
from pydantic import BaseModel, Field

from ..stores.errors import BadInput
from ..stores.records import Hit
from ..stores.times import Now, add_dates, moment
from ..stores.trace_guard import TraceLevel, guard_traces

ToolResult = tuple[str, Any]
"""What the model reads, and the artifact: the records that it was made from."""

NOTHING = "Nothing found."


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as a model sees it: its name, what it is for, and the form of its arguments, as a model or a JSON Schema."""

    name: str
    description: str
    arguments: type[BaseModel] | dict[str, Any]

    @property
    def json_schema(self) -> dict[str, Any]:
        """The form of the arguments as a JSON Schema."""
        return self.arguments if isinstance(self.arguments, dict) else self.arguments.model_json_schema()

    def as_openai(self) -> dict[str, Any]:
        """The tool in OpenAI's form."""
        function = {"name": self.name, "description": self.description, "parameters": self.json_schema}
        return {"type": "function", "function": function}


class MemoryTool(StructuredTool):
    """A tool whose texts are in no trace that LangSmith is sent, unless they are wanted there."""

    trace_level: TraceLevel = "none"

    def run(self, tool_input: Any, *seen: Any, **options: Any) -> Any:
        with guard_traces(self.trace_level, {"callbacks": None, **options}) as guarded:
            return super().run(tool_input, *seen, **guarded)

    async def arun(self, tool_input: Any, *seen: Any, **options: Any) -> Any:
        with guard_traces(self.trace_level, {"callbacks": None, **options}) as guarded:
            return await super().arun(tool_input, *seen, **guarded)


class UnvalidatedTool(MemoryTool):
    """Hands its function the arguments as the model wrote them (`given`): the function answers an invalid one, where a
    failed validation would leave no artifact, or end the agent's turn."""

    def _parse_input(self, tool_input: str | dict[str, Any], tool_call_id: str | None) -> str | dict[str, Any]:
        return {"given": tool_input}


def expose(
    spec: ToolSpec,
    run: Callable[..., ToolResult],
    arun: Callable[..., Awaitable[ToolResult]] | None = None,
    kind: type[MemoryTool] = MemoryTool,
) -> MemoryTool:
    """A tool from its two forms; without `arun`, `run` is awaited in a thread. Arguments that do not fit, a `BadInput` and a `ToolException` go back to the model as an answer;
    every other error rises."""
    made: Any = kind.from_function(
        func=_bad_input_to_model()(run),
        coroutine=arun and _await_checked(arun),
        name=spec.name,
        description=spec.description,
        args_schema=spec.arguments,
        response_format="content_and_artifact",
        handle_validation_error=_explain_validation,
        handle_tool_error=True,
    )
    return made  # type: ignore[no-any-return]


@contextmanager
def _bad_input_to_model() -> Iterator[None]:
    """The model can correct a call, so it gets the error as an answer."""
    try:
        yield
    except BadInput as error:
        raise ToolException(fence_quotations(str(error))) from error


def _await_checked(arun: Callable[..., Awaitable[ToolResult]]) -> Callable[..., Awaitable[ToolResult]]:
    @wraps(arun)
    async def call(*args: Any, **kwargs: Any) -> ToolResult:
        with _bad_input_to_model():
            return await arun(*args, **kwargs)

    return call


def fence_quotations(message: str) -> str:
    """An error for the model: what it quotes was written by a model or a stranger, so it is marked as recalled text is."""
    from .quotations import mark_quotations

    return mark_quotations(message)


class ToolInput(BaseModel, extra="forbid"):
    """Arguments of a tool; one that it does not have is an error, not passed over in silence."""


class SearchInput(ToolInput):
    """What a model gives to a search."""

    query: str = Field(min_length=1, max_length=2000, description="What to search for.")
    k: int = Field(default=10, ge=1, le=100, description="How many passages at most.")


class NamedTool(Protocol):
    """Anything with a name and a description of its purpose."""

    name: str
    description: str


class RunnableSearch(NamedTool, Protocol):
    """A search of the pages."""

    def search(self, query: str, k: int) -> Sequence[Hit]: ...

    async def asearch(self, query: str, k: int) -> Sequence[Hit]: ...


def search_spec(search: NamedTool | type[NamedTool]) -> ToolSpec:
    """`search_<name>`; a class will do."""
    return ToolSpec(f"search_{search.name}", search.description, SearchInput)


def as_tool(search: RunnableSearch, now: Now = None) -> MemoryTool:
    """A tool named `search_<name>`, sync and async; `now` is when it is asked, by default the moment of the call."""

    def run(query: str, k: int = 10) -> ToolResult:
        return _render_hits(search.search(add_dates(query, moment(now)), k))

    async def arun(query: str, k: int = 10) -> ToolResult:
        return _render_hits(await search.asearch(add_dates(query, moment(now)), k))

    return expose(search_spec(search), run, arun)


_PRINTED_ID = re.compile(r"[0-9a-hjkmnp-tv-z]{12}", re.I)


def parse_id(given: str) -> str:
    """The id in what a model copies from a result, such as `[0m7vntb32623 0-29]`; anything else as it is."""
    found = _PRINTED_ID.findall(given)
    return found[0].lower() if len(found) == 1 and re.search(r"[\[\]\s(`'\"]", given) else given.strip()


def _render_hits(hits: Sequence[Hit]) -> ToolResult:
    from .tool_replies import render_hits

    return render_hits(hits)


def _explain_validation(error: Any) -> str:
    from .quotations import explain_validation

    return explain_validation(error)
