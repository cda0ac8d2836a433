"""Forgetting, sharing, retention, and the health of a memory."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from ..doctor import Report
from ..memory import Memory
from ..stores.deletion.receipt import Receipt
from ..stores.errors import UnknownRecord
from ..stores.truth.record_listing import DayCount, daily_counts
from .error_form import EditRefused
from .service import OWNER_ONLY, WRITES, OneCaller, OneMemory, OneService, StepCost

router = APIRouter(tags=["administration"])


class Selector(BaseModel, extra="forbid"):
    """Exactly one way to select; `after` and `before` are one together."""

    page_id: list[str] | None = None
    session_id: list[str] | None = None
    item_id: list[str] | None = None
    after: str | None = Field(default=None, description="Sessions that happened at this time or later.")
    before: str | None = None
    query: str | None = Field(default=None, max_length=20_000, description="Records that contain each of these words.")
    everything: bool = Field(default=False, description="The whole namespace.")


class Preview(BaseModel):
    receipt: Receipt
    confirm: str = Field(description="What POST /v1/forget must send: it stands for exactly these records.")


class Confirmation(BaseModel, extra="forbid"):
    selector: Selector
    confirm: str


class ShareReader(BaseModel, extra="forbid"):
    reader: str = Field(description="A namespace, or NAME/* for all below NAME.")


class Shares(BaseModel):
    readers: list[str]


class Ages(BaseModel, extra="forbid"):
    """Such as "90 days"; null keeps for ever. A field that is left out stays as it is."""

    pages: str | None = None
    core: str | None = None
    semantic: str | None = None
    episodic: str | None = None


class RetentionSeconds(BaseModel):
    """Seconds by kind; a kind without a rule is kept for ever."""

    pages: float | None = None
    core: float | None = None
    semantic: float | None = None
    episodic: float | None = None

    @classmethod
    def of(cls, rules: dict[str, timedelta]) -> RetentionSeconds:
        return cls(**{kind: age.total_seconds() for kind, age in rules.items()})


class Namespaces(BaseModel):
    namespaces: list[str]


class Growth(BaseModel):
    days: list[DayCount]


class Costs(BaseModel):
    steps: list[StepCost]


@dataclass(frozen=True, slots=True)
class CallerView:
    name: str
    namespace: str
    owner: bool
    read_only: bool
    csrf: str | None
    """What a browser sends as X-CSRF-Token with each write; null for a token."""


@router.get("/caller")
async def caller(caller: OneCaller, memory: OneMemory, service: OneService) -> CallerView:
    """Who this request comes from, and which namespace it is about."""
    return CallerView(caller.name, memory.namespace, caller.is_owner, service.read_only, caller.csrf)


@router.post("/forget/preview")
async def preview_forget(body: Selector, memory: OneMemory) -> Preview:
    """What would be deleted for good. Nothing is changed."""
    receipt = await memory.aforget(**body.model_dump(), preview=True)
    return Preview(receipt=receipt, confirm=_confirmation(memory, body, receipt))


@router.post("/forget", dependencies=WRITES)
async def forget(body: Confirmation, memory: OneMemory) -> Receipt:
    """Delete for good what a preview showed; refused when the selector finds something else by now."""
    selectors: dict[str, Any] = body.selector.model_dump()
    found = await memory.aforget(**selectors, preview=True)
    if _confirmation(memory, body.selector, found) != body.confirm:
        raise EditRefused("What this selector finds is not what was previewed; nothing was forgotten. Preview again.")
    return await memory.aforget(**selectors)


@router.post("/purge", dependencies=WRITES)
async def purge(memory: OneMemory) -> Receipt:
    """Erase expired records of the namespace, and finish pending erasures."""
    return await memory.admin.apurge()


@router.get("/namespaces", dependencies=OWNER_ONLY)
async def list_namespaces(memory: OneMemory) -> Namespaces:
    """All that are not empty. For the owner."""
    return Namespaces(namespaces=await memory.admin.anamespaces())


@router.get("/shares")
async def list_shares(memory: OneMemory) -> Shares:
    """Who may read this namespace."""
    return Shares(readers=await memory.admin.ashares())


@router.post("/shares", dependencies=WRITES)
async def share(body: ShareReader, memory: OneMemory) -> Shares:
    """Let another namespace read this one."""
    await memory.admin.ashare(body.reader)
    return Shares(readers=await memory.admin.ashares())


@router.post("/shares/remove", dependencies=WRITES)
async def unshare(body: ShareReader, memory: OneMemory) -> Shares:
    """Revoke a share."""
    if not await memory.admin.aunshare(body.reader):
        raise UnknownRecord(f"{memory.namespace} is not shared with {body.reader}.")
    return Shares(readers=await memory.admin.ashares())


@router.get("/retention")
async def get_retention(memory: OneMemory) -> RetentionSeconds:
    """How long records are kept."""
    return RetentionSeconds.of(await memory.admin.aretention())


@router.patch("/retention", dependencies=WRITES)
async def set_retention(body: Ages, memory: OneMemory) -> RetentionSeconds:
    """Older records are hidden at once, and erased by POST /v1/purge."""
    changed: dict[str, Any] = {kind: getattr(body, kind) for kind in body.model_fields_set}
    return RetentionSeconds.of(await memory.admin.aset_retention(**changed))


@router.get("/doctor", dependencies=OWNER_ONLY)
async def doctor(memory: OneMemory) -> Report:
    """Check the whole folder; nothing is written. For the owner."""
    return await memory.admin.adoctor()


@router.get("/growth")
async def growth(memory: OneMemory) -> Growth:
    """Pages filed and items written, by day (UTC)."""
    return Growth(days=await asyncio.to_thread(daily_counts, memory._runtime.namespace))


@router.get("/costs")
async def costs(memory: OneMemory, service: OneService) -> Costs:
    """What models cost by step, for requests over this server since it was started."""
    return Costs(steps=service.costs(memory))


def _confirmation(memory: Memory, selector: Selector, receipt: Receipt) -> str:
    """A digest of the selector and of what it finds."""
    found = [receipt.session_ids, receipt.page_ids, receipt.item_ids, dict(receipt.counts)]
    text = json.dumps([memory.namespace, selector.model_dump(), found], sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
