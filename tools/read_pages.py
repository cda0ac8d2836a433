"""Read a page whole, as a tool: `read_page`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from langchain_core.tools import BaseTool
from pydantic import BaseModel, Field

from ..stores.errors import UnknownRecord
from ..stores.recall_markers import wrap_recalled
from ..stores.records import MemoryItem, Page
from .expose import ToolResult, ToolSpec, expose


class ReadInput(BaseModel):
    """What a model gives to `read_page`."""

    page_id: str = Field(min_length=1, max_length=200, description="The id of the page, such as 0m7vntb32623.")


READ = ToolSpec(
    "read_page",
    "Read a page of the memory whole, word for word, with when it was and who spoke. Give its id.",
    ReadInput,
)


def read_tool(record: Callable[[str], Page | MemoryItem]) -> BaseTool:
    """`read_page` over what gives a page or an item by its id, or raises `UnknownRecord`: contexts name both."""

    def run(page_id: str) -> ToolResult:
        try:
            found = record(page_id.strip())
        except UnknownRecord as unknown:
            return str(unknown), None
        return wrap_recalled(f"[{found.id}] {found.header}\n\n{found.text}"), found

    async def arun(page_id: str) -> ToolResult:
        return await asyncio.to_thread(run, page_id)

    return expose(READ, run, arun)
