"""Make salvaged items, entries, proposals and namespaces consistent again."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime
from typing import Any

from ..ids import new_id
from .findings import SalvageReport
from .repairs import write_newest_versions, wrong_sketches

_OWNED = ("session", "page", "change", "item", "proposal", "entry_path", "share", "retention")


def normalise_items(db: sqlite3.Connection, report: SalvageReport) -> None:
    """Every item at the newest version that was saved; an item whose record is lost gets a new id."""
    for n, pages in db.execute("SELECT n, pages FROM item_version").fetchall():
        if not isinstance(parse_json(pages), list):
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
    for item, space, time in db.execute(
        "SELECT item, change.namespace, max(time) FROM item_version JOIN change ON change.n = item_version.n"
        " WHERE item NOT IN (SELECT seq FROM item) GROUP BY item ORDER BY item"
    ).fetchall():
        kind, item_id = "episodic" if time else "semantic", new_id()
        db.execute("INSERT INTO item VALUES (?, ?, ?, ?, NULL, 0)", (item, item_id, space, kind))
        report.notes.append(f"The record of a memory item was lost; it is kept as {kind} under the new id {item_id}.")
    lost = db.execute("DELETE FROM item WHERE seq NOT IN (SELECT item FROM item_version) RETURNING id").fetchall()
    report.lost_items += [item_id for (item_id,) in lost]
    for item_id, newest, kept in db.execute(
        "SELECT id, item.version, max(item_version.version) FROM item JOIN item_version ON item = seq GROUP BY seq"
    ).fetchall():
        if kept < newest:
            report.notes.append(f"The newest version of item {item_id} was lost; version {kept} is current now.")
    write_newest_versions(db)
    db.execute("UPDATE item SET sketch = NULL WHERE sketch IS NOT NULL")
    for seq, item_id, right, _ in wrong_sketches(db):
        if not db.execute("UPDATE OR IGNORE item SET sketch = ? WHERE seq = ?", (right, seq)).rowcount:
            report.notes.append(
                f"Item {item_id} says the same as another and is kept as deleted; undo its last change."
            )


def normalise_entries(db: sqlite3.Connection, report: SalvageReport) -> None:
    """Entries with readable values; those whose path is lost get a new one."""
    _delete_unreadable(db, "entry_path", "labels", list)
    for (n,) in db.execute("SELECT DISTINCT path FROM entry WHERE path NOT IN (SELECT n FROM entry_path)").fetchall():
        space = db.execute(
            "SELECT change.namespace FROM entry JOIN change ON change.kind = 'entry' AND ref = entry.n WHERE path = ?",
            (n,),
        ).fetchone()
        labels = json.dumps(["salvaged", str(n)], separators=(",", ":"))
        db.execute("INSERT INTO entry_path VALUES (?, ?, ?)", (n, space[0] if space else _unused_namespace(db), labels))
        report.notes.append(f"The path of some entries was lost; they are under {labels}.")
    if lost := _delete_unreadable(db, "entry", "value", dict):
        report.notes.append(f"{len(lost)} entries of the store were damaged and left out.")


def drop_unreadable(db: sqlite3.Connection, report: SalvageReport) -> None:
    """Proposals and metadata that are not JSON."""
    for n in _delete_unreadable(db, "proposal", "edit", dict):
        report.notes.append(f"Proposal {n} was damaged and left out.")
    for n, session_id, metadata in db.execute("SELECT n, id, metadata FROM session").fetchall():
        if not isinstance(parse_json(metadata), dict):
            db.execute("UPDATE session SET metadata = '{}' WHERE n = ?", (n,))
            report.notes.append(f"The metadata of session {session_id} were damaged and left out.")


def normalise_namespaces(db: sqlite3.Connection, report: SalvageReport) -> None:
    """A new name for each namespace whose name is lost; no user's name is guessed, so nobody reads it by accident."""
    used = " UNION ".join(f"SELECT namespace FROM {table}" for table in _OWNED)
    for (number,) in db.execute(f"{used} EXCEPT SELECT id FROM namespace").fetchall():
        name = f"salvaged-{number}"
        db.execute("INSERT OR IGNORE INTO namespace (id, name) VALUES (?, ?)", (number, name))
        report.notes.append(f"The name of a namespace was lost; what it holds is under {name}.")


def parse_json(text: str | None) -> Any:
    """None for what is not JSON."""
    try:
        return json.loads(text or "")
    except ValueError:
        return None


def _delete_unreadable(db: sqlite3.Connection, table: str, column: str, kind: type) -> list[int]:
    """Delete rows whose JSON is not of this kind; returns their numbers."""
    rows = db.execute(f"SELECT n, {column} FROM {table}").fetchall()
    lost = [n for n, value in rows if not isinstance(parse_json(value), kind)]
    db.executemany(f"DELETE FROM {table} WHERE n = ?", [(n,) for n in lost])
    return lost


def _unused_namespace(db: sqlite3.Connection) -> int:
    """For a row whose namespace is unknown."""
    return int(db.execute("SELECT 1 + coalesce(max(id), 0) FROM namespace").fetchone()[0])
