"""What a person is told who has had something forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

OUT_OF_REACH = (
    "Not within reach of this: checkpoints of LangGraph, backups, exports and other copies, logs, snapshots of the file"
    " system, blocks that a disk has put aside, and what other processes hold in memory until their next search."
)


@dataclass(frozen=True, slots=True)
class Scan:
    """A search of every file in the memory's folder for the bytes of what was forgotten.

    `needles` are pieces of the texts and vectors that were erased. `found` names the files in which one of them still
    is, and it is of nothing that the memory keeps.
    """

    files: int
    bytes: int
    needles: int
    found: tuple[str, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class KeptItem:
    """A memory item that stands on something else as well: a person should see whether it tells what was forgotten."""

    item_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What was forgotten, and whether its last byte is gone.

    `status`: "erased" (the rows are gone, and the scan found nothing in any file), "pending" (the rows are gone, nobody
    can read them here any more, but bytes may be left: `reasons` say who holds them, and `sweep()` tries again), or
    "preview" (nothing was changed). `counts` are by what went: sessions, pages, passages, vectors, items, versions,
    proposals, entries, shares, rules, namespaces. `kept` are items that stand on other pages too. `beginnings` of what
    would go, by id, are in a preview only. `removed` are files that were taken away for what they held. `scan` is None
    for a preview, and where there was nothing to look for.
    """

    status: Literal["erased", "pending", "preview"]
    at: datetime
    number: int | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    session_ids: tuple[str, ...] = ()
    page_ids: tuple[str, ...] = ()
    item_ids: tuple[str, ...] = ()
    kept: tuple[KeptItem, ...] = ()
    beginnings: Mapping[str, str] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    scan: Scan | None = None
    note: str = OUT_OF_REACH
