"""The tools that read: `read_page`, `memory_search` and `research_memory`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal, Protocol

from pydantic import Field

from ..stores.errors import UnknownRecord
from ..stores.recall_markers import wrap_recalled
from ..stores.records import Kind, MemoryItem, Page
from ..stores.times import Now, explain_dates, format_time, moment
from .expose import NOTHING, MemoryTool, ToolInput, ToolResult, ToolSpec, expose, fence_quotations, parse_id


class ReadInput(ToolInput):
    """What a model gives to `read_page`."""

    page_id: str = Field(min_length=1, max_length=200, description="The id of the page, such as 0m7vntb32623.")


READ = ToolSpec(
    "read_page",
    "Read a page of the memory whole, word for word, with when it was and who spoke. Give its id.",
    ReadInput,
)


def read_tool(record: Callable[[str], Page | MemoryItem]) -> MemoryTool:
    """`read_page` over what gives a page or an item by its id, or raises `UnknownRecord`: contexts name both."""

    def run(page_id: str) -> ToolResult:
        try:
            found = record(parse_id(page_id))
        except UnknownRecord as unknown:
            return fence_quotations(str(unknown)), None
        note = explain_dates(found.text, found.time).replace(" (", "\n(", 1) if isinstance(found, Page) else ""
        return wrap_recalled(f"[{found.id}] {found.header}\n\n{found.text}{note}"), found

    return expose(READ, run)


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


class FindInput(ToolInput):
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


def find_tool(items: ItemFinder) -> MemoryTool:
    """`memory_search` over a search of items."""

    def run(query: str, kind: Kind | None = None, method: Method = "hybrid", k: int = 10) -> ToolResult:
        return _render_hits(items.search(query, kind=kind, method=method, k=k))

    async def arun(query: str, kind: Kind | None = None, method: Method = "hybrid", k: int = 10) -> ToolResult:
        return _render_hits(await items.asearch(query, kind=kind, method=method, k=k))

    return expose(FIND, run, arun)


def _render_hits(hits: Sequence[FoundItem]) -> ToolResult:
    return wrap_recalled("\n".join(item_line(hit.item) for hit in hits)) if hits else NOTHING, list(hits)


def item_line(item: MemoryItem) -> str:
    """`[0m7w…] episodic (8 May 2024 13:56) Ana moved to Lisbon.`"""
    time = f" ({format_time(item.time)})" if item.time else ""
    return f"[{item.id}] {item.kind}{time} {' '.join(item.content.split())}"


EffortName = Literal["recall", "fast", "deep"]
BreadthName = Literal["auto", "narrow", "wide"]


class Researched(Protocol):
    """What a research comes to."""

    @property
    def context(self) -> str: ...


Researchers = tuple[Callable[..., Researched], Callable[..., Awaitable[Researched]]]
"""`Memory.research` and `Memory.aresearch`, or what is called as they are: `(question, depth=…, effort=…, breadth=…, now=…)`."""


class AskInput(ToolInput):
    """What a model gives to `research_memory`."""

    question: str = Field(min_length=1, max_length=2000, description="The question, with every name and time it needs.")
    depth: int | None = Field(default=None, ge=1, le=20, description="Rounds of searching and reflecting, at most.")
    effort: EffortName | None = Field(
        default=None, description="recall: one quick look; fast: fewer thoughts a round; deep: the most careful."
    )
    breadth: BreadthName | None = Field(
        default=None, description="narrow: one thing; wide: a list, an order or a summary; auto: as the question is."
    )


ASK = ToolSpec(
    "research_memory",
    "Research a question in everything that was ever said: plans, searches, follows up, and gives a short text with "
    "its sources. Slower than a search; best for questions that need several pages.",
    AskInput,
)


def ask_tool(researchers: Researchers, now: Now = None) -> MemoryTool:
    """`research_memory` over the two forms of a research."""
    research, aresearch = researchers

    def run(question: str, **options: Any) -> ToolResult:
        return _render_research(research(question, **options, now=moment(now)))

    async def arun(question: str, **options: Any) -> ToolResult:
        return _render_research(await aresearch(question, **options, now=moment(now)))

    return expose(ASK, run, arun)


def _render_research(result: Any) -> ToolResult:
    return wrap_recalled(result.context) if result.context else NOTHING, result
