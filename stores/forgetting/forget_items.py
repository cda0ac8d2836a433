"""Forget memory items: whole, or the versions that stand on nothing but what is forgotten, and proposals with them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection
from datetime import datetime

from ..sketch import sketch
from .choose import Chosen
from .gone import Gone

_ELSEWHERE = "It stands on other pages too. See whether it tells what was forgotten."
_EARLIER = "What it said last is forgotten; it says again what it said before."


def take_versions(db: sqlite3.Connection, gone: Gone, chosen: Chosen) -> None:
    """Versions that stand on nothing but forgotten pages, or were chosen; the others lose the ids of those pages."""
    forgotten = set(gone.page_ids)
    dead: dict[int, set[int]] = {}
    for n, item, pages in db.execute(
        "SELECT item_version.n, item, pages FROM item JOIN item_version ON item_version.item = item.seq"
        " WHERE namespace = ? AND (pages != '[]' OR item_version.n IN (SELECT value FROM json_each(?)))",
        (gone.namespace, json.dumps(list(chosen.versions))),
    ).fetchall():
        if item in chosen.items:
            continue
        ids = json.loads(pages)
        left = [page for page in ids if page not in forgotten]
        if n in chosen.versions or (ids and not left and chosen.derived):
            dead.setdefault(item, set()).add(n)
        elif len(left) < len(ids):
            db.execute("UPDATE item_version SET pages = ? WHERE n = ?", (json.dumps(left), n))
            if chosen.derived:
                gone.kept.setdefault(_item_id(db, item), _ELSEWHERE)
    for item, versions in sorted(dead.items()):
        _shorten(db, gone, item, versions)


def _shorten(db: sqlite3.Connection, gone: Gone, item: int, versions: Collection[int]) -> None:
    """Erase versions of an item; it goes as a whole where no content is left, or another one says what is left."""
    rows = db.execute(
        "SELECT n, version, content, time FROM item_version WHERE item = ? ORDER BY version", (item,)
    ).fetchall()
    left = [row for row in rows if row[0] not in versions]
    if not any(content is not None for _, _, content, _ in left):
        take_item(db, gone, item)
        return
    n, _, content, time = left[-1]
    if rows[-1][0] != n and not _stands_again(db, gone, item, n, rows[-1][1] + 1, content, time):
        take_item(db, gone, item)
        return
    for dead in versions:
        _take_version(db, gone, dead)
    gone.log(db, "item", item)


def _stands_again(
    db: sqlite3.Connection, gone: Gone, item: int, n: int, number: int, content: str | None, time: str | None
) -> bool:
    """Make an earlier version the newest, under a number that nobody has seen; False where another item says it."""
    kind = db.execute("SELECT kind FROM item WHERE seq = ?", (item,)).fetchone()[0]
    mark = None if content is None else sketch(kind, content, datetime.fromisoformat(time) if time else None)
    same = "SELECT 1 FROM item WHERE namespace = ? AND kind = ? AND sketch = ? AND seq != ?"
    if mark is not None and db.execute(same, (gone.namespace, kind, mark, item)).fetchone():
        return False
    db.execute("UPDATE item_version SET version = ? WHERE n = ?", (number, n))
    db.execute("UPDATE item SET version = ?, sketch = ? WHERE seq = ?", (number, mark, item))
    # It may have been replaced before anybody embedded it: begin again from there.
    progress = f"embedded items:{gone.namespace}:*"
    db.execute("UPDATE mark SET n = min(n, ?) WHERE name GLOB ?", (n - 1, progress))
    gone.kept[_item_id(db, item)] = _EARLIER
    return True


def take_item(db: sqlite3.Connection, gone: Gone, seq: int) -> None:
    for (n,) in db.execute("SELECT n FROM item_version WHERE item = ?", (seq,)).fetchall():
        _take_version(db, gone, n)
    rows = gone.take(db, "items", "item", "seq = ?", seq, of="id, sketch")
    gone.item_ids.append(rows[0][0])
    gone.log(db, "item", seq)


def _take_version(db: sqlite3.Connection, gone: Gone, n: int) -> None:
    gone.take(db, "vectors", "item_embedding", "version = ?", n, of="vector")
    rows = gone.take(db, "versions", "item_version", "n = ?", n, of="content, stems")
    gone.contents.update(content for content, _ in rows if content)


def take_proposals(db: sqlite3.Connection, gone: Gone, chosen: Chosen) -> None:
    """Those that are about an item that went, say what it said, or come from forgotten pages alone."""
    pages, items = set(gone.page_ids), set(gone.item_ids)
    rows = db.execute("SELECT n, edit FROM proposal WHERE namespace = ?", (gone.namespace,)).fetchall()
    for n, raw in rows:
        edit = json.loads(raw)
        ids = edit.get("page_ids") or []
        left = [page for page in ids if page not in pages]
        about = edit.get("id") in items or (edit.get("content") or "") in gone.contents
        if n in chosen.proposals or about or (ids and not left):
            gone.take(db, "proposals", "proposal", "n = ?", n, of="edit, reason")
        elif len(left) < len(ids):
            db.execute("UPDATE proposal SET edit = ? WHERE n = ?", (json.dumps({**edit, "page_ids": left}), n))


def _item_id(db: sqlite3.Connection, seq: int) -> str:
    return str(db.execute("SELECT id FROM item WHERE seq = ?", (seq,)).fetchone()[0])
