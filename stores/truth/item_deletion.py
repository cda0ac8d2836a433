"""Delete memory items: whole, or only the versions whose sources are deleted, and their proposals."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection
from datetime import datetime

from .dedup_key import dedup_key
from .deletion_result import DeletionResult, Selection

_OTHER_SOURCES = "It has other source pages too. Check whether it repeats what was forgotten."
_EARLIER_VERSION = "Its newest version was forgotten; the version before is current again."


def delete_versions(db: sqlite3.Connection, result: DeletionResult, selection: Selection) -> None:
    """Delete versions that were selected or whose sources are all deleted; remove deleted sources from the others."""
    deleted_pages = set(result.page_ids)
    versions: dict[int, set[int]] = {}
    for n, item, pages in db.execute(
        "SELECT item_version.n, item, pages FROM item JOIN item_version ON item_version.item = item.seq"
        " WHERE namespace = ? AND (pages != '[]' OR item_version.n IN (SELECT value FROM json_each(?)))",
        (result.namespace, json.dumps(list(selection.versions))),
    ).fetchall():
        if item in selection.items:
            continue
        ids = json.loads(pages)
        left = [page for page in ids if page not in deleted_pages]
        if n in selection.versions or (ids and not left and selection.derived):
            versions.setdefault(item, set()).add(n)
        elif len(left) < len(ids):
            db.execute("UPDATE item_version SET pages = ? WHERE n = ?", (json.dumps(left), n))
            if selection.derived:
                result.kept.setdefault(_item_id(db, item), _OTHER_SOURCES)
    for item, numbers in sorted(versions.items()):
        _delete_versions_of(db, result, item, numbers)


def _delete_versions_of(db: sqlite3.Connection, result: DeletionResult, item: int, versions: Collection[int]) -> None:
    """Delete the whole item if no content is left, or if another item already has the content that is left."""
    rows = db.execute(
        "SELECT n, version, content, time FROM item_version WHERE item = ? ORDER BY version", (item,)
    ).fetchall()
    left = [row for row in rows if row[0] not in versions]
    if not any(content is not None for _, _, content, _ in left):
        delete_item(db, result, item)
        return
    n, _, content, time = left[-1]
    if rows[-1][0] != n and not _make_newest(db, result, item, n, rows[-1][1] + 1, content, time):
        delete_item(db, result, item)
        return
    for version in versions:
        _delete_version(db, result, version)
    result.log(db, "item", item)


def _make_newest(
    db: sqlite3.Connection,
    result: DeletionResult,
    item: int,
    n: int,
    number: int,
    content: str | None,
    time: str | None,
) -> bool:
    """Make an earlier version the newest under an unused number; False if another item has the same content."""
    kind = db.execute("SELECT kind FROM item WHERE seq = ?", (item,)).fetchone()[0]
    key = None if content is None else dedup_key(kind, content, datetime.fromisoformat(time) if time else None)
    same = "SELECT 1 FROM item WHERE namespace = ? AND kind = ? AND sketch = ? AND seq != ?"
    if key is not None and db.execute(same, (result.namespace, kind, key, item)).fetchone():
        return False
    db.execute("UPDATE item_version SET version = ? WHERE n = ?", (number, n))
    db.execute("UPDATE item SET version = ?, sketch = ? WHERE seq = ?", (number, key, item))
    # It may have been replaced before it was embedded: continue embedding from there.
    progress = f"embedded items:{result.namespace}:*"
    db.execute("UPDATE mark SET n = min(n, ?) WHERE name GLOB ?", (n - 1, progress))
    result.kept[_item_id(db, item)] = _EARLIER_VERSION
    return True


def delete_item(db: sqlite3.Connection, result: DeletionResult, seq: int) -> None:
    """An item with all its versions."""
    for (n,) in db.execute("SELECT n FROM item_version WHERE item = ?", (seq,)).fetchall():
        _delete_version(db, result, n)
    ((item_id,),) = result.delete(db, "items", "item", "seq = ?", seq, returning="id")
    result.item_ids.append(item_id)
    result.log(db, "item", seq)


def _delete_version(db: sqlite3.Connection, result: DeletionResult, n: int) -> None:
    result.delete(db, "vectors", "item_embedding", "version = ?", n)
    rows = result.delete(db, "versions", "item_version", "n = ?", n, returning="content")
    result.contents.update(content for (content,) in rows if content)


def delete_proposals(db: sqlite3.Connection, result: DeletionResult, selection: Selection) -> None:
    """Delete proposals about a deleted item, with a deleted text, or with no other sources than deleted pages."""
    pages, items = set(result.page_ids), set(result.item_ids)
    rows = db.execute("SELECT n, edit FROM proposal WHERE namespace = ?", (result.namespace,)).fetchall()
    for n, raw in rows:
        edit = json.loads(raw)
        ids = edit.get("page_ids") or []
        left = [page for page in ids if page not in pages]
        about = edit.get("id") in items or (edit.get("content") or "") in result.contents
        if n in selection.proposals or about or (ids and not left):
            result.delete(db, "proposals", "proposal", "n = ?", n)
        elif len(left) < len(ids):
            db.execute("UPDATE proposal SET edit = ? WHERE n = ?", (json.dumps({**edit, "page_ids": left}), n))


def _item_id(db: sqlite3.Connection, seq: int) -> str:
    return str(db.execute("SELECT id FROM item WHERE seq = ?", (seq,)).fetchone()[0])
