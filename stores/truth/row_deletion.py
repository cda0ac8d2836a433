"""Delete rows from the truth with everything derived from them alone, inside a write transaction."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from datetime import UTC, datetime

from .database import Database
from .deletion_result import PERSON, DeletionResult, Selection
from .item_deletion import delete_item, delete_proposals, delete_versions

ERASED_VECTORS = "erased:vectors"
"""The mark with the number of the newest erasure of vectors; an older vector index must be rebuilt."""


def delete_rows(db: sqlite3.Connection, namespace: int, selection: Selection, cause: str = PERSON) -> DeletionResult:
    """Delete a selection and what is derived from it; the change log names the rows, never their content."""
    result = DeletionResult(namespace, cause, timeless=selection.timeless)
    pages = set(selection.pages)
    for n in selection.sessions:
        pages.update(seq for (seq,) in db.execute("SELECT seq FROM page WHERE session = ?", (n,)))
    touched = {db.execute("SELECT session FROM page WHERE seq = ?", (seq,)).fetchone()[0] for seq in pages}
    for seq in sorted(pages):
        _delete_page(db, result, seq)
    for n in sorted(touched | selection.sessions):
        _delete_or_shorten_session(db, result, n)
    delete_versions(db, result, selection)
    for seq in sorted(selection.items):
        delete_item(db, result, seq)
    delete_proposals(db, result, selection)
    return result


def record_erasure(db: sqlite3.Connection, result: DeletionResult, *, tried: bool = False) -> int | None:
    """Record in the same transaction that the deleted bytes are still to be erased; None if nothing was deleted."""
    counts = result.nonzero_counts()
    if not counts:
        return None
    state = "pending" if tried else "deleted"
    number = db.execute(
        "INSERT INTO erasure (namespace, at, cause, counts, state) VALUES (?, ?, ?, ?, ?)",
        (result.namespace, datetime.now(UTC).isoformat(), result.cause, json.dumps(counts), state),
    ).lastrowid
    if result.counts["vectors"]:
        db.execute("DELETE FROM mark WHERE name GLOB 'chroma:*'")  # of collections that are rebuilt
        db.execute("INSERT OR REPLACE INTO mark (name, n) VALUES (?, ?)", (ERASED_VECTORS, number))
    return number


def newest_erasure(database: Database) -> int:
    """The number of the newest erasure of vectors; 0 if there was none."""
    with database.read() as db:
        row = db.execute("SELECT n FROM mark WHERE name = ?", (ERASED_VECTORS,)).fetchone()
    return int(row[0]) if row else 0


def _delete_page(db: sqlite3.Connection, result: DeletionResult, seq: int) -> None:
    result.delete(db, "vectors", "embedding", "passage IN (SELECT seq FROM passage WHERE page = ?)", seq)
    result.delete(db, "passages", "passage", "page = ?", seq)
    db.execute("DELETE FROM uncurated WHERE page = ?", (seq,))
    ((page_id,),) = result.delete(db, "pages", "page", "seq = ?", seq, returning="id")
    result.page_ids.append(page_id)
    result.log(db, "page", seq)


def _delete_or_shorten_session(db: sqlite3.Connection, result: DeletionResult, n: int) -> None:
    """Without pages (also while it waits to be filed) the session is deleted; else it becomes that of the pages left."""
    left = db.execute("SELECT seq, text FROM page WHERE session = ? ORDER BY part", (n,)).fetchall()
    if not left:
        ((session_id,),) = result.delete(db, "sessions", "session", "n = ?", n, returning="id")
        result.session_ids.append(session_id)
        result.log(db, "session", n)
        return
    for part, (seq, _) in enumerate(left, start=1):
        db.execute("UPDATE page SET part = ?, parts = ? WHERE seq = ?", (part, len(left), seq))
    (time,) = db.execute("SELECT time FROM session WHERE n = ?", (n,)).fetchone()
    content = hashlib.sha256(f"{time}\0{''.join(text for _, text in left)}".encode()).hexdigest()
    db.execute("UPDATE OR IGNORE session SET content = ? WHERE n = ?", (content, n))
