"""Make salvaged rows a consistent memory again, and report what is missing."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from .. import recall_markers
from ..analyzer import ANALYZER, Analyzer
from ..times import parse_iso_time
from ..truth.dedup_key import session_key
from ..truth.embeddings import SUBJECTS, vector_label
from ..truth.term_rebuild import index_pages
from .findings import SalvageReport
from .repairs import (
    VECTOR_TABLES,
    complete_log,
    drop_orphans,
    drop_vectors,
    is_generation,
    models,
    progress_mark,
    write_newest_versions,
    wrong_sketches,
)

CutPassages = Callable[[str], Sequence[tuple[int, int, str | None]]]
"""Cuts a text into passages: `(start, end, speaker)` of each."""
_OWNED = ("session", "page", "change", "item", "proposal", "entry_path", "share", "retention")


def normalise(db: sqlite3.Connection, page_ids: Mapping[int, str], cut: CutPassages) -> SalvageReport:
    """Inside the open transaction. `page_ids` are the ids of all pages that the damaged memory had, by number."""
    report = SalvageReport()
    _normalise_sessions(db, report)
    _normalise_entries(db, report)
    _normalise_items(db, report)
    _normalise_namespaces(db, report)
    _drop_unreadable(db, report)
    _report_lost_pages(db, page_ids, report)
    complete_log(db)  # and gives every change its number
    drop_orphans(db)
    _normalise_passages(db, cut, report)
    index_pages(db, Analyzer())
    _write_marks(db)
    report.pages, report.sessions, report.waiting, report.items, report.entries = db.execute(
        "SELECT (SELECT count(*) FROM page), (SELECT count(*) FROM session WHERE filed_at IS NOT NULL),"
        " (SELECT count(*) FROM session WHERE filed_at IS NULL),"
        " (SELECT count(*) FROM item WHERE sketch IS NOT NULL), (SELECT count(*) FROM entry)"
    ).fetchone()
    return report


# -- sessions and their pages ------------------------------------------------------------------------------


def _normalise_sessions(db: sqlite3.Connection, report: SalvageReport) -> None:
    waiting = "SELECT n, id, time, content, payload FROM session WHERE filed_at IS NULL OR payload IS NOT NULL"
    for n, session_id, time, content, payload in db.execute(f"{waiting} ORDER BY n").fetchall():
        fields = _parse_json(payload)
        text = fields.get("text") if isinstance(fields, dict) else None
        if isinstance(text, str) and session_key(time, text) == content and isinstance(fields.get("turns"), list):
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
    if row is not None and complete and session_key(row[1], "".join(page[4] for page in pages)) == row[2]:
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
    content, now = session_key(time, "".join(page[4] for page in pages)), datetime.now(UTC).isoformat()
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


# -- passages ----------------------------------------------------------------------------------------------


def _normalise_passages(db: sqlite3.Connection, cut: CutPassages, report: SalvageReport) -> None:
    """Keep passages that fit their page, and cut new ones from text that is in none."""
    count = 0
    for (session,) in db.execute("SELECT DISTINCT session FROM page ORDER BY session").fetchall():
        for page, text, uncovered in uncovered_stretches(db, session, drop=True):
            new = [(s + first, s + last, who) for s, end in uncovered for first, last, who in cut(text[s:end])]
            if new:
                _insert_passages(db, page, text, new)
                count += len(new)
    if count:
        report.notes.append(f"{count} passages were lost and are cut again from the text of their pages.")


def _insert_passages(db: sqlite3.Connection, page: int, text: str, new: Sequence[tuple[int, int, str | None]]) -> None:
    """All passages of the page get new numbers, as these rise along the text; the page is then embedded again."""
    left = db.execute('SELECT start, "end", speaker FROM passage WHERE page = ?', (page,)).fetchall()
    query = "SELECT session.time FROM page JOIN session ON session.n = page.session WHERE page.seq = ?"
    time = parse_iso_time(db.execute(query, (page,)).fetchone()[0])
    terms = Analyzer().passage_stems
    db.execute("UPDATE page SET analyzer = ? WHERE seq = ?", (ANALYZER, page))
    db.execute("DELETE FROM embedding WHERE passage IN (SELECT seq FROM passage WHERE page = ?)", (page,))
    db.execute("DELETE FROM passage WHERE page = ?", (page,))
    db.executemany(
        'INSERT INTO passage (page, start, "end", speaker, stems) VALUES (?, ?, ?, ?, ?)',
        [
            (page, start, end, speaker, " ".join(terms(text[start:end], time)))
            for start, end, speaker in sorted([*left, *new], key=lambda one: one[:2])
        ],
    )


def uncovered_stretches(
    db: sqlite3.Connection, session: int, *, drop: bool = False
) -> list[tuple[int, str, list[tuple[int, int]]]]:
    """`(page, text, [(start, end), …])` of each page of a session: text in no passage, unless blank or recalled.

    With `drop`, passages that do not fit are deleted first.
    """
    pages = db.execute("SELECT seq, text FROM page WHERE session = ? ORDER BY part", (session,)).fetchall()
    recalled_spans = recall_markers.recalled_spans("".join(text for _, text in pages))
    found, offset = [], 0
    for page, text in pages:
        covered = [(start - offset, end - offset) for start, end in recalled_spans]
        last = 0
        for seq, start, end in db.execute(
            'SELECT seq, start, "end" FROM passage WHERE page = ? ORDER BY start', (page,)
        ).fetchall():
            if last <= start < end <= len(text):
                covered.append((start, end))
                last = end
            elif drop:
                db.execute("DELETE FROM passage WHERE seq = ?", (seq,))
        uncovered, at = [], 0
        for start, end in [*sorted(covered), (len(text), len(text))]:
            if text[at : max(at, start)].strip():
                uncovered.append((at, start))
            at = max(at, end)
        found.append((page, text, uncovered))
        offset += len(text)
    return found


# -- items, entries, proposals, namespaces -----------------------------------------------------------------


def _normalise_items(db: sqlite3.Connection, report: SalvageReport) -> None:
    """Every item at the newest version that was saved."""
    for n, pages in db.execute("SELECT n, pages FROM item_version").fetchall():
        if not isinstance(_parse_json(pages), list):
            db.execute("UPDATE item_version SET pages = '[]' WHERE n = ?", (n,))
    for n, item, version, content in db.execute(
        "SELECT n, item, version, content FROM item_version WHERE n NOT IN (SELECT n FROM change) ORDER BY n"
    ).fetchall():
        space = db.execute("SELECT namespace FROM item WHERE seq = ?", (item,)).fetchone() or (_unused_namespace(db),)
        at = db.execute("SELECT at FROM change WHERE n < ? ORDER BY n DESC", (n,)).fetchone()
        op = "delete" if content is None else "insert" if version == 1 else "update"
        db.execute(
            "INSERT INTO change (n, namespace, kind, ref, op, cause, at) VALUES (?, ?, 'item', ?, ?, 'salvage', ?)",
            (n, space[0], item, op, at[0] if at else datetime.now(UTC).isoformat()),
        )
    lost = db.execute("DELETE FROM item WHERE seq NOT IN (SELECT item FROM item_version) RETURNING id").fetchall()
    report.lost_items += [item_id for (item_id,) in lost]
    lost = db.execute("DELETE FROM item_version WHERE item NOT IN (SELECT seq FROM item) RETURNING item").fetchall()
    report.lost_items += sorted({f"#{seq}" for (seq,) in lost})
    for item_id, newest, found in db.execute(
        "SELECT id, item.version, max(item_version.version) FROM item JOIN item_version ON item = seq GROUP BY seq"
    ).fetchall():
        if found < newest:
            report.notes.append(f"The newest version of item {item_id} was lost; version {found} is current now.")
    write_newest_versions(db)
    db.execute("UPDATE item SET sketch = NULL WHERE sketch IS NOT NULL")
    for seq, item_id, right, _ in wrong_sketches(db):
        if not db.execute("UPDATE OR IGNORE item SET sketch = ? WHERE seq = ?", (right, seq)).rowcount:
            report.notes.append(
                f"Item {item_id} says the same as another and is kept as deleted; undo its last change."
            )


def _normalise_entries(db: sqlite3.Connection, report: SalvageReport) -> None:
    _delete_unreadable(db, "entry_path", "labels", list)
    lost = db.execute("DELETE FROM entry WHERE path NOT IN (SELECT n FROM entry_path)").rowcount
    if lost := lost + len(_delete_unreadable(db, "entry", "value", dict)):
        report.notes.append(f"{lost} entries of the store were damaged and left out.")


def _drop_unreadable(db: sqlite3.Connection, report: SalvageReport) -> None:
    for n in _delete_unreadable(db, "proposal", "edit", dict):
        report.notes.append(f"Proposal {n} was damaged and left out.")
    for n, session_id, metadata in db.execute("SELECT n, id, metadata FROM session").fetchall():
        if not isinstance(_parse_json(metadata), dict):
            db.execute("UPDATE session SET metadata = '{}' WHERE n = ?", (n,))
            report.notes.append(f"The metadata of session {session_id} were damaged and left out.")


def _normalise_namespaces(db: sqlite3.Connection, report: SalvageReport) -> None:
    """A new name for each namespace whose name is lost; no user's name is guessed, so that no other user reads it."""
    used = " UNION ".join(f"SELECT namespace FROM {table}" for table in _OWNED)
    for (number,) in db.execute(f"{used} EXCEPT SELECT id FROM namespace").fetchall():
        name = f"salvaged-{number}"
        db.execute("INSERT OR IGNORE INTO namespace (id, name) VALUES (?, ?)", (number, name))
        report.notes.append(f"The name of a namespace was lost; what it holds is under {name}.")


def _parse_json(text: str | None) -> Any:
    try:
        return json.loads(text or "")
    except ValueError:
        return None


def _delete_unreadable(db: sqlite3.Connection, table: str, column: str, kind: type) -> list[int]:
    """Delete rows whose JSON is not of this kind; returns their numbers."""
    rows = db.execute(f"SELECT n, {column} FROM {table}").fetchall()
    lost = [n for n, value in rows if not isinstance(_parse_json(value), kind)]
    db.executemany(f"DELETE FROM {table} WHERE n = ?", [(n,) for n in lost])
    return lost


def _unused_namespace(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT 1 + coalesce(max(id), 0) FROM namespace").fetchone()[0])


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
        (progress_mark(subject, space, vector_label(model, generation)), last[subject.progress])
        for model, generation in newest.items()
        for subject in SUBJECTS
        for space in spaces
    ]
    db.executemany("INSERT OR REPLACE INTO mark VALUES (?, ?)", marks)
    drop_vectors(db)


def _sha(text: str) -> str:
    return sha256(text.encode()).hexdigest()
