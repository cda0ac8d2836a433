"""Search the memory items as a tool: `memory_search`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from langchain_core.tools import BaseTool, ToolException
from pydantic import BaseModel, Field

from ..stores.errors import BadInput
from ..stores.recall_markers import wrap_recalled
from ..stores.records import Kind, MemoryItem
from ..stores.times import format_time
from .expose import NOTHING, ToolResult, ToolSpec, expose

Method = Literal["hybrid", "keyword", "vector"]


class FoundItem(Protocol):
    """An item with its score by one method."""

    @property
    def item(self) -> MemoryItem: ...


class ItemFinder(Protocol):
    """A search of the items: best first, at most `k`, by the method that is asked for."""

    def search(
        self, query: str, *, kind: Kind | None = None, method: Method = "hybrid", k: int = 10
    ) -> Sequence[FoundItem]: ...

    async def asearch(
        self, query: str, *, kind: Kind | None = None, method: Method = "hybrid", k: int = 10
    ) -> Sequence[FoundItem]: ...


class FindInput(BaseModel):
    """What a model gives to `memory_search`."""

    query: str = Field(min_length=1, max_length=2000, description="What to search for.")
    kind: Kind | None = Field(default=None, description="Only memories of this kind; none for all.")
    method: Method = Field(
        default="hybrid",
        description="keyword: memories that share words with the query; vector: memories alike; hybrid: both.",
    )
    k: int = Field(default=10, ge=1, le=100, description="How many memories at most.")


FIND = ToolSpec(
    "memory_search",
    "Search the memories (facts, preferences, events). Each line begins with the id that memory_update and "
    "memory_delete take.",
    FindInput,
)


def find_tool(items: ItemFinder) -> BaseTool:
    """`memory_search` over a search of items."""

    def run(query: str, kind: Kind | None = None, method: Method = "hybrid", k: int = 10) -> ToolResult:
        try:
            return _render_hits(items.search(query, kind=kind, method=method, k=k))
        except BadInput as error:
            raise ToolException(str(error)) from error

    async def arun(query: str, kind: Kind | None = None, method: Method = "hybrid", k: int = 10) -> ToolResult:
        try:
            return _render_hits(await items.asearch(query, kind=kind, method=method, k=k))
        except BadInput as error:
            raise ToolException(str(error)) from error

    return expose(FIND, run, arun)


def _render_hits(hits: Sequence[FoundItem]) -> ToolResult:
    return wrap_recalled("\n".join(item_line(hit.item) for hit in hits)) if hits else NOTHING, list(hits)


def item_line(item: MemoryItem) -> str:
    """`[0m7w…] episodic (8 May 2024 13:56) Ana moved to Lisbon.`"""
    time = f" ({format_time(item.time)})" if item.time else ""
    return f"[{item.id}] {item.kind}{time} {' '.join(item.content.split())}"
