"""Items, entries, proposals and namespaces that were saved from a damaged file, put in order."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime
from typing import Any

from ..ids import new_id
from .repairs import newest_versions, wrong_sketches
from .saved import Salvaged

_CAUSE = "salvage"
_OWNED = ("session", "page", "change", "item", "proposal", "entry_path", "share", "retention")


def settle_items(db: sqlite3.Connection, saved: Salvaged) -> None:
    """Every item at its newest version that was saved; one whose record is lost gets a new id."""
    for n, pages in db.execute("SELECT n, pages FROM item_version").fetchall():
        if not isinstance(as_json(pages), list):
            db.execute("UPDATE item_version SET pages = '[]' WHERE n = ?", (n,))
    for n, item, version, content in db.execute(
        "SELECT n, item, version, content FROM item_version WHERE n NOT IN (SELECT n FROM change) ORDER BY n"
    ).fetchall():
        space = db.execute("SELECT namespace FROM item WHERE seq = ?", (item,)).fetchone() or (_any_namespace(db),)
        at = db.execute("SELECT at FROM change WHERE n < ? ORDER BY n DESC", (n,)).fetchone()
        op = "delete" if content is None else "insert" if version == 1 else "update"
        db.execute(
            "INSERT INTO change (n, namespace, kind, ref, op, cause, at) VALUES (?, ?, 'item', ?, ?, ?, ?)",
            (n, space[0], item, op, _CAUSE, at[0] if at else datetime.now(UTC).isoformat()),
        )
    for item, space, time in db.execute(
        "SELECT item, change.namespace, max(time) FROM item_version JOIN change ON change.n = item_version.n"
        " WHERE item NOT IN (SELECT seq FROM item) GROUP BY item ORDER BY item"
    ).fetchall():
        kind, item_id = "episodic" if time else "semantic", new_id()
        db.execute("INSERT INTO item VALUES (?, ?, ?, ?, NULL, 0)", (item, item_id, space, kind))
        saved.notes.append(f"The record of a memory item was lost; it is kept as {kind} under the new id {item_id}.")
    for seq, item_id in db.execute(
        "SELECT seq, id FROM item WHERE seq NOT IN (SELECT item FROM item_version)"
    ).fetchall():
        db.execute("DELETE FROM item WHERE seq = ?", (seq,))
        saved.lost_items.append(item_id)
    _versions(db, saved)


def _versions(db: sqlite3.Connection, saved: Salvaged) -> None:
    """The newest that was saved counts; a gap in the history is named."""
    for item_id, newest, kept in db.execute(
        "SELECT id, item.version, max(item_version.version) FROM item JOIN item_version ON item = seq GROUP BY seq"
    ).fetchall():
        if kept < newest:
            saved.notes.append(f"The newest version of item {item_id} was lost; it stands at version {kept}.")
    newest_versions(db)
    db.execute("UPDATE item SET sketch = NULL WHERE sketch IS NOT NULL")
    for seq, item_id, right, _ in wrong_sketches(db):
        if not db.execute("UPDATE OR IGNORE item SET sketch = ? WHERE seq = ?", (right, seq)).rowcount:
            saved.notes.append(f"Item {item_id} says the same as another and is kept as deleted; undo its last change.")


def settle_entries(db: sqlite3.Connection, saved: Salvaged) -> None:
    for n, labels in db.execute("SELECT n, labels FROM entry_path").fetchall():
        if not isinstance(as_json(labels), list):
            db.execute("DELETE FROM entry_path WHERE n = ?", (n,))
    for (n,) in db.execute("SELECT DISTINCT path FROM entry WHERE path NOT IN (SELECT n FROM entry_path)").fetchall():
        space = db.execute(
            "SELECT change.namespace FROM entry JOIN change ON change.kind = 'entry' AND ref = entry.n WHERE path = ?",
            (n,),
        ).fetchone()
        labels = json.dumps(["salvaged", str(n)], separators=(",", ":"))
        db.execute("INSERT INTO entry_path VALUES (?, ?, ?)", (n, space[0] if space else _any_namespace(db), labels))
        saved.notes.append(f"The path of some entries was lost; they are under {labels}.")
    lost = 0
    for n, value in db.execute("SELECT n, value FROM entry").fetchall():
        if not isinstance(as_json(value), dict):
            lost += db.execute("DELETE FROM entry WHERE n = ?", (n,)).rowcount
    if lost:
        saved.notes.append(f"{lost} entries of the store were damaged and left out.")


def drop_unreadable(db: sqlite3.Connection, saved: Salvaged) -> None:
    for n, edit in db.execute("SELECT n, edit FROM proposal").fetchall():
        if not isinstance(as_json(edit), dict):
            db.execute("DELETE FROM proposal WHERE n = ?", (n,))
            saved.notes.append(f"Proposal {n} was damaged and left out.")
    for n, session_id, metadata in db.execute("SELECT n, id, metadata FROM session").fetchall():
        if not isinstance(as_json(metadata), dict):
            db.execute("UPDATE session SET metadata = '{}' WHERE n = ?", (n,))
            saved.notes.append(f"The metadata of session {session_id} were damaged and left out.")


def settle_namespaces(db: sqlite3.Connection, saved: Salvaged) -> None:
    """A name for each number that has rows and lost its name. Nobody reads it by accident: no name of a user's is
    guessed."""
    used = " UNION ".join(f"SELECT namespace FROM {table}" for table in _OWNED)
    for (number,) in db.execute(f"{used} EXCEPT SELECT id FROM namespace").fetchall():
        name = f"salvaged-{number}"
        db.execute("INSERT OR IGNORE INTO namespace (id, name) VALUES (?, ?)", (number, name))
        saved.notes.append(f"The name of a namespace was lost; what it holds is under {name}.")


def _any_namespace(db: sqlite3.Connection) -> int:
    """For a row that does not say: a number that no other has."""
    return int(db.execute("SELECT 1 + coalesce(max(id), 0) FROM namespace").fetchone()[0])


def as_json(text: str | None) -> Any:
    """None where it is none."""
    try:
        return json.loads(text or "")
    except ValueError:
        return None
