"""Memory items: their versions, their sketches, those that say the same, and the edits that wait."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ..repairs import wrong_sketches
from .file import SALVAGE
from .finding import FIX, Finding, Look, lasting, many, some

_LONG_H = 30 * 24.0  # that a proposal may wait


def versions(look: Look) -> Iterator[Finding]:
    """From the first to the newest, each with its row in the change log; but for what was forgotten."""
    gaps = look.rows(
        "SELECT item.id FROM item LEFT JOIN item_version ON item_version.item = item.seq GROUP BY item.seq"
        " HAVING count(item_version.n) = 0 OR count(item_version.n) != 1 + max(item_version.version) -"
        " min(item_version.version) AND item.seq NOT IN (SELECT ref FROM change WHERE kind = 'item' AND op = 'forget')"
    )
    if gaps:
        yield Finding(
            "damage",
            "items",
            f"{many(len(gaps), 'item')} with versions missing.",
            SALVAGE,
            len(gaps),
            some(row[0] for row in gaps),
        )
    newer = look.rows(
        "SELECT item.id FROM item JOIN item_version ON item_version.item = item.seq GROUP BY item.seq"
        " HAVING max(item_version.version) != item.version"
    )
    if newer:
        yield Finding(
            "attention",
            "items",
            f"{many(len(newer), 'item')} whose newest version is not the one that counts.",
            f"{FIX} puts the number right.",
            len(newer),
            some(row[0] for row in newer),
            "newest versions",
        )
    silent = look.rows(
        "SELECT item.id FROM item_version JOIN item ON item.seq = item_version.item LEFT JOIN change"
        " ON change.n = item_version.n AND change.kind = 'item' AND change.ref = item_version.item"
        " AND change.namespace = item.namespace WHERE change.n IS NULL"
    )
    if silent:
        yield Finding(
            "damage",
            "items",
            f"{many(len(silent), 'version')} of items that the change log does not tell of.",
            SALVAGE,
            len(silent),
            some(row[0] for row in silent),
        )


def sketches(look: Look) -> Iterator[Finding]:
    """The sketch by which duplicates are caught, against what the item says."""
    wrong = list(wrong_sketches(look.db))
    if mended := [item_id for _, item_id, _, taken in wrong if not taken]:
        yield Finding(
            "attention",
            "items",
            f"{many(len(mended), 'item')} whose sketch is not that of its content: a duplicate would not be caught.",
            f"{FIX} writes it anew.",
            len(mended),
            some(mended),
            "sketches",
        )
    if double := [item_id for _, item_id, _, taken in wrong if taken]:
        yield Finding(
            "attention",
            "items",
            f"{many(len(double), 'item')} saying the same as another.",
            "You: delete one of the two (`jitmem delete ID`).",
            len(double),
            some(double),
        )


def proposals(look: Look) -> Iterator[Finding]:
    """Those that speak of what has changed meanwhile, and those that nobody has decided for long."""
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
    decide = "You: `jitmem proposals` shows them; approve or reject each."
    if stale:
        yield Finding(
            "attention",
            "proposals",
            f"{many(len(stale), 'proposal')} about an item that was changed or deleted since.",
            decide,
            len(stale),
            some(stale),
        )
    if old:
        yield Finding(
            "attention",
            "proposals",
            f"{many(len(old), 'proposal')} undecided, the oldest for {lasting(oldest)}.",
            decide,
            len(old),
            some(old),
        )
