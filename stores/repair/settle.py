"""Put rows that were saved from a damaged file in order, so that they are a memory again; and name what is missing."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from ..embeddings import SUBJECTS
from .repairs import complete_log, drop_orphans, drop_vectors, is_generation, label, models, progress
from .saved import Salvaged
from .settle_items import as_json, drop_unreadable, settle_entries, settle_items, settle_namespaces
from .settle_passages import Fill, settle_passages


def settle(db: sqlite3.Connection, ids: Mapping[int, str], fill: Fill) -> Salvaged:
    """In the transaction that is open. `ids` are those of pages that were there, by number."""
    saved = Salvaged()
    _sessions(db, saved)
    settle_entries(db, saved)
    settle_items(db, saved)
    settle_namespaces(db, saved)
    drop_unreadable(db, saved)
    _lost_pages(db, ids, saved)
    complete_log(db)
    drop_orphans(db)
    settle_passages(db, fill, saved)
    _marks(db)
    saved.pages, saved.sessions, saved.waiting, saved.items, saved.entries = db.execute(
        "SELECT (SELECT count(*) FROM page), (SELECT count(*) FROM session WHERE filed_at IS NOT NULL),"
        " (SELECT count(*) FROM session WHERE filed_at IS NULL),"
        " (SELECT count(*) FROM item WHERE sketch IS NOT NULL), (SELECT count(*) FROM entry)"
    ).fetchone()
    return saved


def content_hash(time: str | None, text: str) -> str:
    """What a session is known by, as the journal makes it."""
    return sha256(f"{time}\0{text}".encode()).hexdigest()


# -- sessions and their pages ------------------------------------------------------------------------------


def _sessions(db: sqlite3.Connection, saved: Salvaged) -> None:
    for n, payload, filed in db.execute("SELECT n, payload, filed_at FROM session ORDER BY n").fetchall():
        if filed is None or payload is not None:
            _waiting(db, n, saved)
    numbers = [
        n for (n,) in db.execute("SELECT n FROM session WHERE filed_at IS NOT NULL UNION SELECT session FROM page")
    ]
    for n in numbers:
        _filed(db, n, saved)


def _waiting(db: sqlite3.Connection, n: int, saved: Salvaged) -> None:
    session_id, time, content, payload = db.execute(
        "SELECT id, time, content, payload FROM session WHERE n = ?", (n,)
    ).fetchone()
    kept = as_json(payload)
    text = kept.get("text") if isinstance(kept, dict) else None
    if isinstance(text, str) and content_hash(time, text) == content and isinstance(kept.get("turns"), list):
        db.execute("UPDATE session SET filed_at = NULL WHERE n = ?", (n,))
        return
    saved.lost_sessions.append(session_id)
    db.execute("DELETE FROM session WHERE n = ?", (n,))


def _filed(db: sqlite3.Connection, n: int, saved: Salvaged) -> None:
    """A session whole, or what is left of it under a name that says so, or nothing."""
    pages = db.execute(
        "SELECT seq, id, part, parts, text, sha256, namespace, time_key FROM page WHERE session = ? ORDER BY part", (n,)
    ).fetchall()
    row = db.execute("SELECT id, time, content, filed_at FROM session WHERE n = ?", (n,)).fetchone()
    if row is not None and row[3] is None:  # it waits, and a stray page claims it
        db.execute("DELETE FROM page WHERE session = ?", (n,))
        return
    complete = bool(pages) and [page[2] for page in pages] == list(range(1, pages[0][3] + 1))
    if row is not None and complete and content_hash(row[1], "".join(page[4] for page in pages)) == row[2]:
        for page in pages:
            db.execute("UPDATE page SET sha256 = ? WHERE seq = ?", (_sha(page[4]), page[0]))
        return
    good = [page for page in pages if _sha(page[4]) == page[5]]
    for page in pages:
        if page not in good:
            saved.lost_pages.append(page[1])
            db.execute("DELETE FROM page WHERE seq = ?", (page[0],))
    if not good:
        if row is not None:
            saved.lost_sessions.append(row[0])
            db.execute("DELETE FROM session WHERE n = ?", (n,))
        return
    _renewed(db, n, good, row, complete and len(good) == len(pages), saved)


def _renewed(db: sqlite3.Connection, n: int, pages: Sequence[Any], row: Any, complete: bool, saved: Salvaged) -> None:
    """The row of a session that fits the pages it still has. One that lacks pages gets another id, so that the
    original can be memorized again under its own."""
    when = None if pages[0][7] is None else datetime.fromtimestamp(pages[0][7], UTC).replace(tzinfo=None).isoformat()
    session_id, time = (f"salvaged-{n}", when) if row is None else (row[0], row[1])
    if row is None:
        saved.notes.append(f"The record of a session was lost; its pages are kept under the id {session_id}.")
    parts = f"{len(pages)} of {pages[0][3]} pages"
    if not complete:
        saved.incomplete_sessions.append(session_id)
        session_id = f"{session_id} (salvaged: {parts})"
    elif row is not None:
        saved.notes.append(f"The time or the hash of session {session_id} was damaged; its text is whole.")
    text = "".join(page[4] for page in pages)
    at = datetime.now(UTC).isoformat()
    if row is None:
        db.execute(
            "INSERT INTO session (n, namespace, id, content, time, metadata, accepted_at, filed_at)"
            " VALUES (?, ?, ?, ?, ?, '{}', ?, ?)",
            (n, pages[0][6], session_id, content_hash(time, text), time, at, at),
        )
    else:
        db.execute(
            "UPDATE OR IGNORE session SET id = ?, content = ? WHERE n = ?", (session_id, content_hash(time, text), n)
        )
    if not complete:
        for part, page in enumerate(pages, start=1):
            db.execute("UPDATE page SET part = ?, parts = ? WHERE seq = ?", (part, len(pages), page[0]))


def _lost_pages(db: sqlite3.Connection, ids: Mapping[int, str], saved: Salvaged) -> None:
    """Pages that the index, or passages, still know; not those that were forgotten."""
    here = {seq for (seq,) in db.execute("SELECT seq FROM page")}
    forgotten = {ref for (ref,) in db.execute("SELECT ref FROM change WHERE kind = 'page' AND op = 'forget'")}
    known = dict(db.execute("SELECT DISTINCT page, '#' || page FROM passage").fetchall()) | dict(ids)
    named = set(saved.lost_pages)
    saved.lost_pages += [
        name for seq, name in sorted(known.items()) if seq not in here | forgotten and name not in named
    ]


# -- vectors -----------------------------------------------------------------------------------------------


def _marks(db: sqlite3.Connection) -> None:
    """The generation of each model by its newest vectors, and how far each namespace is embedded."""
    newest: dict[str, int] = {}
    for model in models(db):
        newest[model] = 0
    for table in ("embedding", "item_embedding", "entry_embedding"):
        for (name,) in db.execute(f"SELECT DISTINCT model FROM {table}"):
            if is_generation(name):
                model, _, generation = name.rpartition(" #")
                newest[model] = max(newest.get(model, 0), int(generation))
    given = {"embedded": "page", "embedded items": "change"}
    for model, generation in newest.items():
        if generation:
            db.execute("INSERT OR REPLACE INTO mark VALUES (?, ?)", (f"generation:{model}", generation))
        for subject in SUBJECTS:
            for (space,) in db.execute("SELECT id FROM namespace").fetchall():
                last = db.execute(
                    "SELECT seq FROM sqlite_sequence WHERE name = ?", (given[subject.progress],)
                ).fetchone()
                mark = progress(subject, space, label(model, generation))
                db.execute("INSERT OR REPLACE INTO mark VALUES (?, ?)", (mark, last[0] if last else 0))
    drop_vectors(db)


def _sha(text: str) -> str:
    return sha256(text.encode()).hexdigest()
