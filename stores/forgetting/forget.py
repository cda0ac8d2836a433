"""Forget: take rows out of the truth with all that stands on nothing else, in one transaction."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from datetime import UTC, datetime

from ..connection import Database
from ..namespace import Namespace
from .choose import Choice, Chosen
from .forget_items import take_item, take_proposals, take_versions
from .gone import PERSON, Gone

ERASED_VECTORS = "erased:vectors"
"""The mark of the newest erasure that took vectors: what holds vectors and is older is made anew."""

_SHOWN = 80  # characters of a beginning


def forget(namespace: Namespace, choice: Choice | None, cause: str = PERSON) -> tuple[Gone, int | None]:
    """What is chosen, or with None the whole namespace, in one transaction; with the number of the erasure."""
    with namespace.database.write() as db:
        gone = _forgotten(db, namespace, choice, cause)
        return gone, record_in(db, gone)


def rehearse(namespace: Namespace, choice: Choice | None) -> tuple[Gone, dict[str, str]]:
    """The same, taken back: what would go, and by id how it begins."""
    with namespace.database.read() as db:
        db.execute("BEGIN IMMEDIATE")
        try:
            db.execute("SAVEPOINT before")
            gone = _forgotten(db, namespace, choice, PERSON)
            db.execute("ROLLBACK TO before")
            return gone, _beginnings(db, gone)
        finally:
            db.execute("ROLLBACK")


def forget_in(db: sqlite3.Connection, namespace: int, chosen: Chosen, cause: str = PERSON) -> Gone:
    """Delete what is chosen within a write transaction, and what is derived from it; the log says what, not what it
    said."""
    gone = Gone(namespace, cause, timeless=chosen.timeless)
    pages = set(chosen.pages)
    for n in chosen.sessions:
        pages.update(seq for (seq,) in db.execute("SELECT seq FROM page WHERE session = ?", (n,)))
    touched = {db.execute("SELECT session FROM page WHERE seq = ?", (seq,)).fetchone()[0] for seq in pages}
    for seq in sorted(pages):
        _take_page(db, gone, seq)
    for n in sorted(touched | chosen.sessions):
        _settle_session(db, gone, n)
    take_versions(db, gone, chosen)
    for seq in sorted(chosen.items):
        take_item(db, gone, seq)
    take_proposals(db, gone, chosen)
    return gone


def forget_everything_in(db: sqlite3.Connection, namespace: int, cause: str = PERSON) -> Gone:
    """The whole namespace with its name, its entries, shares, rules and log."""
    every = Chosen(
        sessions=_all(db, "SELECT n FROM session WHERE namespace = ?", namespace),
        items=_all(db, "SELECT seq FROM item WHERE namespace = ?", namespace),
        proposals=_all(db, "SELECT n FROM proposal WHERE namespace = ?", namespace),
    )
    gone = forget_in(db, namespace, every, cause)
    entries = "entry IN (SELECT entry.n FROM entry JOIN entry_path ON entry_path.n = entry.path WHERE namespace = ?)"
    texts = f"text IN (SELECT n FROM entry_text WHERE {entries})"
    gone.take(db, "vectors", "entry_embedding", texts, namespace, of="vector")
    gone.take(db, "entry texts", "entry_text", entries, namespace, of="text, stems")
    paths = "path IN (SELECT n FROM entry_path WHERE namespace = ?)"
    gone.take(db, "entries", "entry", paths, namespace, of="key, value")
    gone.take(db, "entry paths", "entry_path", "namespace = ?", namespace, of="labels")
    gone.take(db, "shares", "share", "namespace = ?", namespace, of="reader")
    gone.take(db, "rules", "retention", "namespace = ?", namespace)
    db.execute("DELETE FROM change WHERE namespace = ?", (namespace,))
    db.execute("DELETE FROM mark WHERE name GLOB ?", (f"embedded*:{namespace}:*",))
    gone.take(db, "namespaces", "namespace", "id = ?", namespace, of="name")
    return gone


def record_in(db: sqlite3.Connection, gone: Gone, *, tried: bool = False) -> int | None:
    """Note what is still to be erased from the files, in the same transaction; None where nothing went."""
    if not gone.told():
        return None
    number = db.execute(
        "INSERT INTO erasure (namespace, at, cause, counts, state, needles) VALUES (?, ?, ?, ?, ?, ?)",
        (
            gone.namespace,
            _now(),
            gone.cause,
            json.dumps(gone.told()),
            "pending" if tried else "deleted",
            gone.needles.pieces().astype("<u8").tobytes(),
        ),
    ).lastrowid
    if gone.counts["vectors"]:
        db.execute("DELETE FROM mark WHERE name GLOB 'chroma:*'")  # of collections that are made anew
        db.execute("INSERT OR REPLACE INTO mark (name, n) VALUES (?, ?)", (ERASED_VECTORS, number))
    return number


def _forgotten(db: sqlite3.Connection, namespace: Namespace, choice: Choice | None, cause: str) -> Gone:
    number = namespace.number(db)
    if choice is None:
        return forget_everything_in(db, number, cause)
    return forget_in(db, number, choice(db, number), cause)


def _beginnings(db: sqlite3.Connection, gone: Gone) -> dict[str, str]:
    """By id, how a page, an item or the text of a session that waits begins."""
    found: dict[str, str] = {}
    for ids, query in (
        (gone.session_ids, "SELECT json_extract(payload, '$.text') FROM session WHERE namespace = ? AND id = ?"),
        (gone.page_ids, "SELECT text FROM page WHERE namespace = ? AND id = ?"),
        (
            gone.item_ids,
            "SELECT content FROM item JOIN item_version ON item_version.item = item.seq WHERE namespace = ? AND id = ?"
            " AND content IS NOT NULL ORDER BY item_version.version DESC",
        ),
    ):
        for one in ids:
            row = db.execute(query, (gone.namespace, one)).fetchone()
            if row is not None and row[0] is not None:
                words = " ".join(row[0][: 2 * _SHOWN].split())
                found[one] = words if len(words) <= _SHOWN else f"{words[: _SHOWN - 1]}…"
    return found


def newest_erasure(database: Database) -> int:
    """The newest one that took vectors; 0 for none."""
    with database.read() as db:
        row = db.execute("SELECT n FROM mark WHERE name = ?", (ERASED_VECTORS,)).fetchone()
    return int(row[0]) if row else 0


# -- pages and sessions --------------------------------------------------------------------------------------


def _take_page(db: sqlite3.Connection, gone: Gone, seq: int) -> None:
    of_passages = "passage IN (SELECT seq FROM passage WHERE page = ?)"
    gone.take(db, "vectors", "embedding", of_passages, seq, of="vector")
    gone.take(db, "passages", "passage", "page = ?", seq, of="speaker, stems")
    db.execute("DELETE FROM uncurated WHERE page = ?", (seq,))
    rows = gone.take(db, "pages", "page", "seq = ?", seq, of="id, text, sha256, header, memo, title")
    gone.page_ids.append(rows[0][0])
    gone.log(db, "page", seq)


def _settle_session(db: sqlite3.Connection, gone: Gone, n: int) -> None:
    """The row goes with the last page, or where it still waits; else it is the session of the pages that are left."""
    left = db.execute("SELECT seq, text FROM page WHERE session = ? ORDER BY part", (n,)).fetchall()
    if not left:
        rows = gone.take(db, "sessions", "session", "n = ?", n, of="id, content, metadata, payload")
        gone.session_ids.append(rows[0][0])
        gone.log(db, "session", n)
        return
    for part, (seq, _) in enumerate(left, start=1):
        db.execute("UPDATE page SET part = ?, parts = ? WHERE seq = ?", (part, len(left), seq))
    time, content = db.execute("SELECT time, content FROM session WHERE n = ?", (n,)).fetchone()
    gone.needles.text(content)
    whole = hashlib.sha256(f"{time}\0{''.join(text for _, text in left)}".encode()).hexdigest()
    db.execute("UPDATE OR IGNORE session SET content = ? WHERE n = ?", (whole, n))


# ----------------------------------------------------------------------------------------------------------


def _all(db: sqlite3.Connection, query: str, *values: object) -> set[int]:
    return {n for (n,) in db.execute(query, values)}


def _now() -> str:
    return datetime.now(UTC).isoformat()
