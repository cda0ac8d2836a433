"""Make salvaged rows a consistent memory again, and report what is missing."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from ..truth.embeddings import SUBJECTS
from .findings import SalvageReport
from .normalise_items import drop_unreadable, normalise_entries, normalise_items, normalise_namespaces, parse_json
from .normalise_passages import CutPassages, normalise_passages
from .repairs import (
    VECTOR_TABLES,
    complete_log,
    drop_orphans,
    drop_vectors,
    is_generation,
    label,
    models,
    progress_mark,
)


def normalise(db: sqlite3.Connection, page_ids: Mapping[int, str], cut: CutPassages) -> SalvageReport:
    """Inside the open transaction. `page_ids` are the ids of all pages that the damaged memory had, by number."""
    report = SalvageReport()
    _normalise_sessions(db, report)
    normalise_entries(db, report)
    normalise_items(db, report)
    normalise_namespaces(db, report)
    drop_unreadable(db, report)
    _report_lost_pages(db, page_ids, report)
    complete_log(db)
    drop_orphans(db)
    normalise_passages(db, cut, report)
    _write_marks(db)
    report.pages, report.sessions, report.waiting, report.items, report.entries = db.execute(
        "SELECT (SELECT count(*) FROM page), (SELECT count(*) FROM session WHERE filed_at IS NOT NULL),"
        " (SELECT count(*) FROM session WHERE filed_at IS NULL),"
        " (SELECT count(*) FROM item WHERE sketch IS NOT NULL), (SELECT count(*) FROM entry)"
    ).fetchone()
    return report


def content_hash(time: str | None, text: str) -> str:
    """The hash of a session, as the journal computes it."""
    return sha256(f"{time}\0{text}".encode()).hexdigest()


# -- sessions and their pages ------------------------------------------------------------------------------


def _normalise_sessions(db: sqlite3.Connection, report: SalvageReport) -> None:
    waiting = "SELECT n, id, time, content, payload FROM session WHERE filed_at IS NULL OR payload IS NOT NULL"
    for n, session_id, time, content, payload in db.execute(f"{waiting} ORDER BY n").fetchall():
        fields = parse_json(payload)
        text = fields.get("text") if isinstance(fields, dict) else None
        if isinstance(text, str) and content_hash(time, text) == content and isinstance(fields.get("turns"), list):
            db.execute("UPDATE session SET filed_at = NULL WHERE n = ?", (n,))
            db.execute("DELETE FROM page WHERE session = ?", (n,))  # stray pages that claim a waiting session
        else:
            report.lost_sessions.append(session_id)
            db.execute("DELETE FROM session WHERE n = ?", (n,))
    filed = "SELECT n FROM session WHERE filed_at IS NOT NULL UNION SELECT session FROM page"
    for (n,) in db.execute(filed).fetchall():
        _normalise_session(db, n, report)


def _normalise_session(db: sqlite3.Connection, n: int, report: SalvageReport) -> None:
    """Keep the session whole, or the pages that are left of it under another id, or delete it."""
    pages = db.execute(
        "SELECT seq, id, part, parts, text, sha256, namespace, time_key FROM page WHERE session = ? ORDER BY part", (n,)
    ).fetchall()
    row = db.execute("SELECT id, time, content FROM session WHERE n = ?", (n,)).fetchone()
    complete = bool(pages) and [page[2] for page in pages] == list(range(1, pages[0][3] + 1))
    if row is not None and complete and content_hash(row[1], "".join(page[4] for page in pages)) == row[2]:
        db.executemany("UPDATE page SET sha256 = ? WHERE seq = ?", [(_sha(page[4]), page[0]) for page in pages])
        return
    good = [page for page in pages if _sha(page[4]) == page[5]]
    for page in pages:
        if page not in good:
            report.lost_pages.append(page[1])
            db.execute("DELETE FROM page WHERE seq = ?", (page[0],))
    if good:
        _rewrite_session(db, n, good, row, complete and len(good) == len(pages), report)
    elif row is not None:
        report.lost_sessions.append(row[0])
        db.execute("DELETE FROM session WHERE n = ?", (n,))


def _rewrite_session(
    db: sqlite3.Connection, n: int, pages: Sequence[Any], row: Any, complete: bool, report: SalvageReport
) -> None:
    """Write the row for the pages that are left. A session that lacks pages gets another id, so that the original can
    be memorized again under its own."""
    when = None if pages[0][7] is None else datetime.fromtimestamp(pages[0][7], UTC).replace(tzinfo=None).isoformat()
    session_id, time = (f"salvaged-{n}", when) if row is None else (row[0], row[1])
    if row is None:
        report.notes.append(f"The record of a session was lost; its pages are kept under the id {session_id}.")
    elif complete:
        report.notes.append(f"The time or the hash of session {session_id} was damaged; its text is whole.")
    if not complete:
        report.incomplete_sessions.append(session_id)
        session_id = f"{session_id} (salvaged: {len(pages)} of {pages[0][3]} pages)"
        for part, page in enumerate(pages, start=1):
            db.execute("UPDATE page SET part = ?, parts = ? WHERE seq = ?", (part, len(pages), page[0]))
    content, now = content_hash(time, "".join(page[4] for page in pages)), datetime.now(UTC).isoformat()
    if row is None:
        db.execute(
            "INSERT INTO session (n, namespace, id, content, time, metadata, accepted_at, filed_at)"
            " VALUES (?, ?, ?, ?, ?, '{}', ?, ?)",
            (n, pages[0][6], session_id, content, time, now, now),
        )
    else:
        db.execute("UPDATE OR IGNORE session SET id = ?, content = ? WHERE n = ?", (session_id, content, n))


def _report_lost_pages(db: sqlite3.Connection, page_ids: Mapping[int, str], report: SalvageReport) -> None:
    """Pages that the index or passages still name, except those that were forgotten."""
    here = {seq for (seq,) in db.execute("SELECT seq FROM page")}
    forgotten = {ref for (ref,) in db.execute("SELECT ref FROM change WHERE kind = 'page' AND op = 'forget'")}
    known = dict(db.execute("SELECT DISTINCT page, '#' || page FROM passage").fetchall()) | dict(page_ids)
    reported = set(report.lost_pages)
    report.lost_pages += [
        name for seq, name in sorted(known.items()) if seq not in here | forgotten and name not in reported
    ]


# -- vectors -----------------------------------------------------------------------------------------------


def _write_marks(db: sqlite3.Connection) -> None:
    """The generation of each model by its newest vectors, and how far each namespace is embedded."""
    newest = dict.fromkeys(models(db), 0)
    for table in VECTOR_TABLES:
        for (name,) in db.execute(f"SELECT DISTINCT model FROM {table}"):
            if is_generation(name):
                model, _, generation = name.rpartition(" #")
                newest[model] = max(newest.get(model, 0), int(generation))
    used = dict(db.execute("SELECT name, seq FROM sqlite_sequence").fetchall())
    last = {"embedded": used.get("page", 0), "embedded items": used.get("change", 0)}
    spaces = [space for (space,) in db.execute("SELECT id FROM namespace")]
    marks = [(f"generation:{model}", generation) for model, generation in newest.items() if generation]
    marks += [
        (progress_mark(subject, space, label(model, generation)), last[subject.progress])
        for model, generation in newest.items()
        for subject in SUBJECTS
        for space in spaces
    ]
    db.executemany("INSERT OR REPLACE INTO mark VALUES (?, ?)", marks)
    drop_vectors(db)


def _sha(text: str) -> str:
    return sha256(text.encode()).hexdigest()
