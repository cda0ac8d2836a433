"""Hand a search to agents as a LangChain tool: readable lines as content, the hits as artifact."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from langchain_core.tools import BaseTool, StructuredTool
from pydantic import BaseModel, Field

from ..stores.records import Hit


class SearchInput(BaseModel):
    """What a model gives to a search."""

    query: str = Field(min_length=1, max_length=2000, description="What to search for.")
    k: int = Field(default=10, ge=1, le=100, description="How many passages at most.")


class _Search(Protocol):
    name: str
    description: str

    def search(self, query: str, k: int) -> Sequence[Hit]: ...

    async def asearch(self, query: str, k: int) -> Sequence[Hit]: ...


def as_tool(search: _Search) -> BaseTool:
    """A tool named `search_<name>`, sync and async."""

    def run(query: str, k: int = 10) -> tuple[str, list[Hit]]:
        return _told(search.search(query, k))

    async def arun(query: str, k: int = 10) -> tuple[str, list[Hit]]:
        return _told(await search.asearch(query, k))

    return StructuredTool.from_function(
        func=run,
        coroutine=arun,
        name=f"search_{search.name}",
        description=search.description,
        args_schema=SearchInput,
        response_format="content_and_artifact",
    )


def _told(hits: Sequence[Hit]) -> tuple[str, list[Hit]]:
    lines = [f"[{hit.page_id} {hit.start}-{hit.end}] {hit.text}" for hit in hits]
    return "\n".join(lines) or "Nothing found.", list(hits)
