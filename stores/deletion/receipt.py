"""The receipt of a deletion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

OUT_OF_REACH = (
    "Out of reach: checkpoints of LangGraph (but see `threads`), what others wrote who read this namespace, backups, exports and other copies, other files in the folder, logs,"
    " snapshots of the file system, blocks that a disk has set aside, and what other processes hold in memory until"
    " their next search."
)

NOTHING_FOUND = "Nothing matched, and nothing was changed."


@dataclass(frozen=True, slots=True)
class KeptItem:
    """A memory item that may repeat what was forgotten: a person should check it."""

    item_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What was forgotten, and whether its bytes are erased.

    `status`: "erased" (the rows are deleted, the truth is rewritten and its log truncated, and the vector index that
    held the vectors is removed, to be rebuilt), "deleted" (in PostgreSQL: the rows are deleted, but not yet taken out of
    tables and indexes by VACUUM: `reasons` say why, and `purge()` or `jitmem work` tries again), "vacuumed" (there: they are;
    `note` says what the server and its backups may keep, and until when), "nothing found" (nothing matched, nothing was changed), "pending" (the rows are deleted and cannot be read here any more,
    but bytes may be left: `reasons` say why, and `purge()` tries again), or "preview" (nothing was changed). `counts`
    are by kind of row: sessions, pages, passages, vectors, items, versions, proposals, entries, shares, rules,
    namespaces, and memos that lost what they repeated, on `memo_page_ids`. `kept` are items that stay, each with the
    reason to look at it. `beginnings` of what would be deleted, by id, are in
    a preview only. `removed` are copies of the truth, left by an upgrade, that were removed as a whole.
    With `threads` given, `thread_ids` are those whose checkpoints are deleted, in a preview would be, and `unreached`
    says what of them may be left.
    """

    status: Literal["erased", "deleted", "vacuumed", "nothing found", "pending", "preview"]
    at: datetime
    counts: Mapping[str, int] = field(default_factory=dict)
    session_ids: tuple[str, ...] = ()
    page_ids: tuple[str, ...] = ()
    item_ids: tuple[str, ...] = ()
    memo_page_ids: tuple[str, ...] = ()
    kept: tuple[KeptItem, ...] = ()
    beginnings: Mapping[str, str] = field(default_factory=dict)
    thread_ids: tuple[str, ...] = ()
    unreached: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    note: str = OUT_OF_REACH
