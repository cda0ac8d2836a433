"""Questions: research at once or as a stream of events, its estimate, and recall."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import asdict, is_dataclass
from typing import Any

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from ..graphs.research_options import ResearchOptions
from ..memory import Memory
from ..results import Estimate, Research
from ..stores.errors import BadInput, JitmemError
from ..stores.records import Hit
from .error_form import error_of
from .service import OneMemory, OneService, Service

router = APIRouter(tags=["questions"])
_PAUSE_S = 15.0  # without an event, after which a comment keeps the connection open
_STREAM = {
    "content": {"text/event-stream": {}},
    "description": "Events as server-sent events; the last is `done` or `error`.",
}


class ResearchRequest(ResearchOptions):
    """A question, and what of its options is not as in the memory."""

    question: str

    def changes(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.model_fields_set - {"question"}}


class RecallQuery(BaseModel, extra="forbid"):
    query: str
    k: int = Field(default=10, ge=1, le=1000, description="Passages, at most.")
    now: str | None = Field(default=None, description="The time of the question; the clock's without it.")


class HitList(BaseModel):
    hits: list[Hit]


@router.post("/recall")
async def recall(body: RecallQuery, memory: OneMemory, service: OneService) -> HitList:
    """The best passages, best first, with no chat model."""
    _check_length(body.query, service)
    return HitList(hits=await memory.arecall(body.query, body.k, now=body.now))


@router.post("/research")
async def research(body: ResearchRequest, memory: OneMemory, service: OneService) -> Research:
    """Plan, search, integrate and reflect: a small context in which each statement is cited."""
    _check_length(body.question, service)
    result = await memory.aresearch(body.question, **body.changes())
    service.add_costs(memory, result.usage.steps)
    return result


@router.post("/research/stream", response_class=StreamingResponse, responses={200: _STREAM})
async def stream_research(body: ResearchRequest, memory: OneMemory, service: OneService) -> StreamingResponse:
    """The same as server-sent events, as `Memory.stream` gives them: planned, found, ranked, integrated, reflected,
    retrying, failed, answered, done; `error` with an error form ends it."""
    _check_length(body.question, service)
    events = memory.astream(body.question, **body.changes())  # a faulty question is refused here, with its status
    return StreamingResponse(_server_events(events, memory, service), media_type="text/event-stream")


@router.post("/research/estimate")
async def estimate(body: ResearchRequest, memory: OneMemory, service: OneService) -> Estimate:
    """The model calls and tokens of this research, least and most. No chat model is called."""
    _check_length(body.question, service)
    return await memory.aestimate(body.question, **body.changes())


async def _server_events(
    stream: AsyncIterator[dict[str, Any]], memory: Memory, service: Service
) -> AsyncIterator[bytes]:
    """The research runs in a task of its own: when the client leaves, Starlette cancels every wait of this generator
    again and again, in which the research could not be closed."""
    pieces = asyncio.Queue[bytes | None]()

    async def research() -> None:
        try:
            async with aclosing(stream) as events:  # type: ignore[type-var]
                async for event in events:
                    if event["event"] == "done":
                        service.add_costs(memory, event["result"].usage.steps)
                    pieces.put_nowait(_server_event(event["event"], event))
        except JitmemError as error:
            pieces.put_nowait(_server_event("error", error_of(error)[1].model_dump()))
        finally:
            pieces.put_nowait(None)

    running = asyncio.create_task(research())
    try:
        while True:
            try:
                piece = await asyncio.wait_for(pieces.get(), _PAUSE_S)
            except TimeoutError:
                piece = b": still at work\n\n"
            if piece is None:
                break
            yield piece
        await running  # raises what nobody expected
    finally:
        running.cancel()


def _server_event(name: str, data: Any) -> bytes:
    """ASCII: every text can be sent, even one with a lone surrogate from a model."""
    return f"event: {name}\ndata: {json.dumps(data, default=_plain)}\n\n".encode()


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return value.isoformat() if hasattr(value, "isoformat") else dict(value)


def _check_length(question: str, service: Service) -> None:
    most = service.limits.question_chars
    if len(question) > most:
        raise BadInput(f"A question has at most {most:,} characters here; this one has {len(question):,}.")
