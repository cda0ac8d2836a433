"""Memory items and the edits that wait for a decision."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from ..stores.errors import UnknownRecord
from ..stores.records import Kind, MemoryItem, Outcome, Proposal
from ..stores.truth.record_listing import newest_items
from ..tools.item_search import ItemHit
from .cursors import read_number_cursor, write_cursor
from .error_form import EditRefused
from .history_routes import Cursor, Limit
from .service import WRITES, OneMemory

router = APIRouter(tags=["items"])


class NewItem(BaseModel, extra="forbid"):
    content: str
    kind: Kind = "semantic"
    time: str | None = Field(default=None, description="Of the event; an episodic item needs one.")


class ItemChange(BaseModel, extra="forbid"):
    content: str | None = None
    time: str | None = None
    expected_version: int | None = Field(default=None, description="The update is refused if the item has another.")


class ItemQuery(BaseModel, extra="forbid"):
    query: str = Field(max_length=20_000)
    kind: Kind | None = None
    method: Literal["hybrid", "keyword", "vector"] = "hybrid"
    k: int = Field(default=10, ge=1, le=1000)


class ItemList(BaseModel):
    items: list[MemoryItem]
    next: str | None = Field(default=None, description="The cursor of the next part; null at the end.")


class ItemHitList(BaseModel):
    hits: list[ItemHit]


class ProposalList(BaseModel):
    proposals: list[Proposal]


@router.get("/items")
async def list_items(
    memory: OneMemory,
    kind: Kind | None = None,
    words: Annotated[str | None, Query(max_length=500, description="Each must be in the item.")] = None,
    as_of: Annotated[str | None, Query(max_length=100, description="The items at a past time, all at once.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> ItemList:
    """The items, the last to be made first."""
    if as_of is not None:
        return ItemList(items=(await memory.items.aas_of(as_of, kind=kind))[::-1])
    place = read_number_cursor(cursor)
    items, last = await asyncio.to_thread(newest_items, memory._runtime.items, kind, words, place, limit)
    return ItemList(items=items, next=write_cursor(last))


@router.post("/items", dependencies=WRITES)
async def insert_item(body: NewItem, memory: OneMemory) -> Outcome:
    """Add an item; `status` says whether it was applied, proposed, or is there already (duplicate)."""
    return _check_outcome(await memory.items.ainsert(body.content, body.kind, body.time))


@router.post("/items/search")
async def search_items(body: ItemQuery, memory: OneMemory) -> ItemHitList:
    """The items that match a query, best first; those of shared namespaces too."""
    hits = await memory.items.asearch(body.query, kind=body.kind, method=body.method, k=body.k)
    return ItemHitList(hits=hits)


@router.get("/items/{item_id}")
async def get_item(item_id: str, memory: OneMemory) -> MemoryItem:
    """The current version."""
    return await memory.items.aget(item_id)


@router.patch("/items/{item_id}", dependencies=WRITES)
async def update_item(item_id: str, body: ItemChange, memory: OneMemory) -> Outcome:
    """Change an item; the id `core` is the core paragraph, inserted if there is none."""
    update = memory.items.aupdate(item_id, body.content, body.time, expected_version=body.expected_version)
    return _check_outcome(await update)


@router.delete("/items/{item_id}", dependencies=WRITES)
async def delete_item(item_id: str, memory: OneMemory) -> Outcome:
    """Delete an item. Its history stays, and undo restores it; /v1/forget deletes for good."""
    return _check_outcome(await memory.items.adelete(item_id))


@router.get("/items/{item_id}/history")
async def item_history(item_id: str, memory: OneMemory) -> ItemList:
    """Every version, the oldest first, its deletion too."""
    return ItemList(items=await memory.items.ahistory(item_id))


@router.post("/changes/{number}/undo", dependencies=WRITES)
async def undo(number: int, memory: OneMemory) -> Outcome:
    """Restore an item to its state before a change, as a new change."""
    return _check_outcome(await memory.items.aundo(_check_number(number, "change")))


@router.get("/proposals")
async def list_proposals(memory: OneMemory, waiting: bool = True) -> ProposalList:
    """The edits that wait for a decision, oldest first; with waiting=false the decided ones too."""
    return ProposalList(proposals=await memory.admin.aproposals(waiting=waiting))


@router.post("/proposals/{number}/approve", dependencies=WRITES)
async def approve(number: int, memory: OneMemory) -> Outcome:
    """Apply a proposal."""
    return _check_outcome(await memory.admin.aapprove(_check_number(number, "proposal")))


@router.post("/proposals/{number}/reject", dependencies=WRITES)
async def reject(number: int, memory: OneMemory) -> Proposal:
    """Reject a proposal."""
    return await memory.admin.areject(_check_number(number, "proposal"))


def _check_outcome(outcome: Outcome) -> Outcome:
    if outcome.ok:
        return outcome
    raise (UnknownRecord if outcome.status == "unknown_id" else EditRefused)(outcome.reason)


def _check_number(number: int, thing: str) -> int:
    """SQLite's integers end at 64 bits."""
    if abs(number) >= 2**63:
        raise UnknownRecord(f"No {thing} has such a number.")
    return number
