"""Sessions in, pages out."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field, ValidationError

from ..stores.errors import BadInput
from ..stores.records import Filed, MemoryItem, Page, Passage, Session
from ..stores.truth.record_listing import PageFilter, PageSummary, items_from_page, page_summaries, passages_of
from .cursors import read_page_cursor, write_cursor
from .service import WRITES, OneMemory, OneService

router = APIRouter(tags=["history"])
Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str | None, Query(max_length=200, description="`next` of the part before.")]
_LINES = {"content": {"application/x-ndjson": {"schema": {"type": "string", "description": "A session on each line."}}}}


class SessionBody(BaseModel, extra="forbid"):
    """A stretch of history: exactly one of text, turns and messages."""

    text: str | None = None
    turns: list[tuple[str, str]] | None = Field(default=None, description="Pairs of speaker and text.")
    messages: list[dict[str, Any]] | None = Field(default=None, description='Chat messages: {"role", "content"}.')
    id: str | None = Field(default=None, description="Makes a retry idempotent: the same id is filed once.")
    time: str | None = Field(default=None, description="When it happened, such as 2024-05-08T13:56.")
    metadata: dict[str, Any] = Field(default_factory=dict)

    def session(self) -> Session:
        messages: Any = self.messages
        return Session(
            text=self.text, turns=self.turns, messages=messages, id=self.id, time=self.time, metadata=self.metadata
        )


class FiledList(BaseModel):
    filed: list[Filed]


class PageList(BaseModel):
    """`next` is the cursor of the next part; null at the end."""

    pages: list[PageSummary]
    next: str | None


class PageView(BaseModel):
    """A page, the passages of its text, and the items that name it as their source."""

    page: Page
    passages: list[Passage]
    items: list[MemoryItem]


class Stats(BaseModel):
    namespace: str
    sessions: int
    waiting: int = Field(description="Accepted, and not filed yet.")
    pages: int
    passages: int
    characters: int


@router.post("/sessions", dependencies=WRITES)
async def memorize(body: SessionBody, memory: OneMemory, service: OneService) -> Filed:
    """File a session. The same session twice is filed once."""
    filed = await memory.amemorize(body.session())
    service.add_costs(memory, filed.usage.steps)
    return filed


@router.post("/sessions/batch", dependencies=WRITES, openapi_extra={"requestBody": _LINES})
async def memorize_many(request: Request, memory: OneMemory, service: OneService) -> FiledList:
    """File sessions, one JSON object on each line; results in the order given. A faulty line changes nothing."""
    sessions = await asyncio.to_thread(_parse_lines, await request.body())
    filed = await memory.amemorize_many(sessions)
    service.add_costs(memory, (step for one in filed for step in one.usage.steps))
    return FiledList(filed=filed)


@router.post("/sessions/resume", dependencies=WRITES)
async def resume(memory: OneMemory, service: OneService) -> FiledList:
    """File sessions that were accepted but not filed."""
    filed = await memory.aresume()
    service.add_costs(memory, (step for one in filed for step in one.usage.steps))
    return FiledList(filed=filed)


@router.get("/pages")
async def list_pages(
    memory: OneMemory,
    words: Annotated[str | None, Query(max_length=500, description="Each must be in the page.")] = None,
    speaker: Annotated[str | None, Query(max_length=200)] = None,
    after: Annotated[str | None, Query(max_length=100, description="Sessions of this time or later.")] = None,
    before: Annotated[str | None, Query(max_length=100)] = None,
    session_id: Annotated[str | None, Query(max_length=512)] = None,
    metadata: Annotated[list[str] | None, Query(max_length=10, description="NAME=VALUE; may be repeated.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> PageList:
    """Pages by the time of their sessions, the newest first; the text of one is at /v1/pages/{page_id}."""
    pairs = [one.partition("=") for one in metadata or []]
    if any(not separator for _, separator, _ in pairs):
        raise BadInput("metadata is NAME=VALUE.")
    wanted = PageFilter(
        words=words,
        speaker=speaker,
        after=after,
        before=before,
        session_id=session_id,
        metadata={name: value for name, _, value in pairs},
    )
    place = read_page_cursor(cursor)
    pages, last = await asyncio.to_thread(page_summaries, memory._runtime.namespace, wanted, place, limit)
    return PageList(pages=pages, next=write_cursor(last))


@router.get("/pages/{page_id}")
async def get_page(page_id: str, memory: OneMemory) -> PageView:
    """One page word for word, of this namespace or of one that is shared with it. Spans count Unicode characters."""
    page = await memory.apage(page_id)
    runtime = memory._runtime
    passages = await asyncio.to_thread(passages_of, runtime.namespace, page_id)
    return PageView(
        page=page, passages=passages, items=await asyncio.to_thread(items_from_page, runtime.items, page_id)
    )


@router.get("/stats")
async def stats(memory: OneMemory) -> Stats:
    """Counts of the namespace."""
    return Stats(namespace=memory.namespace, **await memory.astats())


def _parse_lines(body: bytes) -> list[Session]:
    sessions = []
    for number, line in enumerate(body.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            sessions.append(SessionBody.model_validate_json(line).session())
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise BadInput(f"Line {number}{f', {where}' if where else ''}: {first['msg']}.") from error
    if not sessions:
        raise BadInput("The body has no session; send a JSON object on each line.")
    return sessions
