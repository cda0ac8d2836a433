"""Check memory items: their versions, sketches and duplicates; and the proposals that wait."""

from __future__ import annotations

import json
from collections.abc import Iterator

from .findings import FIX, SALVAGE, Finding, ReadOnlyTruth, duration, find
from .repairs import wrong_sketches

_LONG_H = 30 * 24.0  # after which somebody should decide a proposal


def versions(look: ReadOnlyTruth) -> Iterator[Finding]:
    """From the first to the newest, each with its row in the change log, except those that were forgotten."""
    gaps = look.column(
        "SELECT item.id FROM item LEFT JOIN item_version ON item_version.item = item.seq GROUP BY item.seq"
        " HAVING count(item_version.n) = 0 OR count(item_version.n) != 1 + max(item_version.version) -"
        " min(item_version.version) AND item.seq NOT IN (SELECT ref FROM change WHERE kind = 'item' AND op = 'forget')"
    )
    yield from find("damage", "items", gaps, "item", " with versions missing.", SALVAGE)
    newer = look.column(
        "SELECT item.id FROM item JOIN item_version ON item_version.item = item.seq GROUP BY item.seq"
        " HAVING max(item_version.version) != item.version"
    )
    what = " whose newest version is not the one that counts."
    yield from find("attention", "items", newer, "item", what, f"{FIX} corrects the number.", "newest versions")
    missing = look.column(
        "SELECT item.id FROM item_version JOIN item ON item.seq = item_version.item LEFT JOIN change"
        " ON change.n = item_version.n AND change.kind = 'item' AND change.ref = item_version.item"
        " AND change.namespace = item.namespace WHERE change.n IS NULL"
    )
    yield from find("damage", "items", missing, "version", " of items that the change log lacks.", SALVAGE)


def sketches(look: ReadOnlyTruth) -> Iterator[Finding]:
    """The sketch by which duplicates are detected, against the content of the item."""
    wrong = list(wrong_sketches(look.db))
    fixable = [item_id for _, item_id, _, taken in wrong if not taken]
    what = " whose sketch is not that of its content: a duplicate would not be detected."
    yield from find("attention", "items", fixable, "item", what, f"{FIX} rewrites it.", "sketches")
    double = [item_id for _, item_id, _, taken in wrong if taken]
    act = "You: delete one of the two (`jitmem delete ID`)."
    yield from find("attention", "items", double, "item", " saying the same as another.", act)


def proposals(look: ReadOnlyTruth) -> Iterator[Finding]:
    """About an item that has changed meanwhile, and undecided for long."""
    stale, old, oldest = [], [], 0.0
    for number, edit, at, space in look.rows("SELECT n, edit, at, namespace FROM proposal WHERE decision IS NULL"):
        item_id = json.loads(edit).get("id")
        row = look.rows(
            "SELECT sketch, change.at FROM item JOIN item_version ON item_version.item = item.seq"
            " AND item_version.version = item.version JOIN change ON change.n = item_version.n"
            " WHERE item.id = ? AND item.namespace = ?",
            item_id,
            space,
        )
        if item_id is not None and (not row or row[0][0] is None or row[0][1] > at):
            stale.append(number)
        if (hours := look.hours_since(at)) >= _LONG_H:
            old.append(number)
            oldest = max(oldest, hours)
    act = "You: `jitmem proposals` shows them; approve or reject each."
    what = " about an item that was changed or deleted since."
    yield from find("attention", "proposals", stale, "proposal", what, act)
    what = f" undecided, the oldest for {duration(oldest)}."
    yield from find("attention", "proposals", old, "proposal", what, act)
