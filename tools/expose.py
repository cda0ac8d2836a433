"""Hand what the memory can do to agents as LangChain tools: a text for the model, the records as artifact."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from langchain_core.tools import BaseTool, StructuredTool
from pydantic import BaseModel, Field

from ..stores.recalled import mark
from ..stores.records import Hit

Told = tuple[str, Any]
"""What the model reads, and the artifact: the records that it was made from."""

NOTHING = "Nothing found."


@dataclass(frozen=True, slots=True)
class Spec:
    """A tool as a model sees it: its name, what it is for, and the form of its arguments."""

    name: str
    description: str
    form: type[BaseModel]


class AsWritten(StructuredTool):
    """Hands its function the arguments as the model wrote them (`given`): a fault can be answered there, where a
    failed validation would leave no artifact, or end the agent's turn."""

    def _parse_input(self, tool_input: str | dict[str, Any], tool_call_id: str | None) -> str | dict[str, Any]:
        return {"given": tool_input}


def expose(
    spec: Spec,
    run: Callable[..., Told],
    arun: Callable[..., Awaitable[Told]],
    kind: type[StructuredTool] = StructuredTool,
) -> BaseTool:
    """A tool from its two forms. Arguments that do not fit, and a `ToolException`, go back to the model as an answer;
    every other error rises."""
    return kind.from_function(
        func=run,
        coroutine=arun,
        name=spec.name,
        description=spec.description,
        args_schema=spec.form,
        response_format="content_and_artifact",
        handle_validation_error=_explained,
        handle_tool_error=True,
    )


class SearchInput(BaseModel):
    """What a model gives to a search."""

    query: str = Field(min_length=1, max_length=2000, description="What to search for.")
    k: int = Field(default=10, ge=1, le=100, description="How many passages at most.")


class Named(Protocol):
    """What is called something, and says what it is for."""

    name: str
    description: str


class PageSearch(Named, Protocol):
    """A search of the pages."""

    def search(self, query: str, k: int) -> Sequence[Hit]: ...

    async def asearch(self, query: str, k: int) -> Sequence[Hit]: ...


def search_spec(search: Named | type[Named]) -> Spec:
    """`search_<name>`; a class will do."""
    return Spec(f"search_{search.name}", search.description, SearchInput)


def as_tool(search: PageSearch) -> BaseTool:
    """A tool named `search_<name>`, sync and async."""

    def run(query: str, k: int = 10) -> Told:
        return _told(search.search(query, k))

    async def arun(query: str, k: int = 10) -> Told:
        return _told(await search.asearch(query, k))

    return expose(search_spec(search), run, arun)


def _told(hits: Sequence[Hit]) -> Told:
    lines = [f"[{hit.record_id} {hit.start}-{hit.end}] {hit.text}" for hit in hits]
    return mark("\n".join(lines)) if lines else NOTHING, list(hits)


def _explained(error: Any) -> str:
    """What of the arguments does not fit."""
    faults = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]
    return f"The arguments do not fit: {'; '.join(faults)}."
