"""Lists of pages and items, a part at a time, newest first, and how a namespace grew: for a person who looks in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..analyzer import stems
from ..errors import BadInput
from ..records import KINDS, MemoryItem, Passage
from ..times import local_clock, order_key, parse_iso_time, parse_time
from .items import Items
from .namespace import Namespace

_BEGINNING = 240  # characters
_MOST = 200
_HAS_STEM = "instr(' ' || {stems} || ' ', ' ' || ? || ' ') > 0"


@dataclass(frozen=True, slots=True)
class PageSummary:
    """A page without its text: how it begins, and how many characters it has."""

    id: str
    session_id: str
    header: str
    memo: str
    time: datetime | None
    metadata: Mapping[str, Any]
    part: int
    parts: int
    beginning: str
    characters: int


@dataclass(frozen=True, slots=True)
class DayCount:
    """What was filed or written on a day (UTC): pages, and versions of items."""

    day: str
    pages: int
    items: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFilter:
    """What a page must have: each of the words in one passage or another, and of its session the rest."""

    words: str | None = None
    speaker: str | None = None
    after: str | None = None
    before: str | None = None
    session_id: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    def conditions(self) -> tuple[list[str], list[Any]]:
        has_stem = f"EXISTS (SELECT 1 FROM passage WHERE passage.page = page.seq AND {_HAS_STEM.format(stems='stems')})"
        found: list[tuple[str, Any]] = [(has_stem, stem) for stem in _stems_of(self.words)]
        if self.speaker:
            speaks = (
                "EXISTS (SELECT 1 FROM passage WHERE passage.page = page.seq AND lower(passage.speaker) = lower(?))"
            )
            found.append((speaks, self.speaker))
        if (first := parse_time(self.after)) is not None:
            found.append(("page.time_key >= ?", order_key(local_clock(first))))
        if (last := parse_time(self.before)) is not None:
            found.append(("page.time_key < ?", order_key(local_clock(last))))
        if self.session_id:
            found.append(("session.id = ?", self.session_id))
        for name, value in self.metadata.items():
            pair = json.dumps([name, value])
            found.append(
                (
                    "EXISTS (SELECT 1 FROM json_each(session.metadata) AS entry, (SELECT ? AS pair)"
                    " WHERE entry.key = json_extract(pair, '$[0]')"
                    " AND CAST(entry.value AS TEXT) = json_extract(pair, '$[1]'))",
                    pair,
                )
            )
        return [condition for condition, _ in found], [value for _, value in found]


def page_summaries(
    namespace: Namespace, wanted: PageFilter, after: tuple[float | None, int] | None, limit: int
) -> tuple[list[PageSummary], tuple[float | None, int] | None]:
    """The pages of this namespace by the time of their sessions, the newest first, those without a time last; and the
    place of the last one if there are more, from which the next call goes on."""
    limit = _check_limit(limit)
    conditions, values = wanted.conditions()
    if after is not None:
        time_key, seq = after
        if time_key is None:
            conditions.append("page.time_key IS NULL AND page.seq < ?")
            values.append(seq)
        else:
            conditions.append("((page.time_key, page.seq) < (?, ?) OR page.time_key IS NULL)")
            values += [time_key, seq]
    with namespace.database.read() as db:
        rows = db.execute(
            "SELECT page.time_key, page.seq, page.id, session.id, page.header, page.memo, session.time,"
            f" session.metadata, page.part, page.parts, substr(page.text, 1, {_BEGINNING}), length(page.text)"
            " FROM standing_page AS page CROSS JOIN session ON session.n = page.session"
            f" WHERE {' AND '.join(['page.namespace = ?', *conditions])}"
            " ORDER BY page.time_key DESC NULLS LAST, page.seq DESC LIMIT ?",
            (namespace.number(db), *values, limit + 1),
        ).fetchall()
    pages = [
        PageSummary(page_id, session_id, header, memo, parse_iso_time(time), json.loads(metadata), *rest)
        for _, _, page_id, session_id, header, memo, time, metadata, *rest in rows[:limit]
    ]
    return pages, (rows[limit - 1][0], rows[limit - 1][1]) if len(rows) > limit else None


def newest_items(
    items: Items, kind: str | None, words: str | None, after: int | None, limit: int
) -> tuple[list[MemoryItem], int | None]:
    """The current items of this namespace, the last to be made first; and the place of the last one if there are more."""
    limit = _check_limit(limit)
    if kind is not None and kind not in KINDS:
        raise BadInput(f"There is no kind {kind!r:.40} of items; there are {', '.join(KINDS)}.")
    wanted = _stems_of(words)
    conditions = ["item.namespace = ?", "item.sketch IS NOT NULL", "item.kind != 'entry'"]
    conditions += [_HAS_STEM.format(stems="stems") for _ in wanted]
    values: list[Any] = list(wanted)
    for condition, value in (("item.kind = ?", kind), ("item.seq < ?", after)):
        if value is not None:
            conditions.append(condition)
            values.append(value)
    with items.namespace.database.read() as db:
        rows = db.execute(
            "SELECT item.seq, item.id FROM standing_item AS item CROSS JOIN item_version AS newest"
            " ON newest.item = item.seq AND newest.version = item.version"
            f" WHERE {' AND '.join(conditions)} ORDER BY item.seq DESC LIMIT ?",
            (items.namespace.number(db), *values, limit + 1),
        ).fetchall()
    found = items.by_ids(item_id for _, item_id in rows[:limit])
    page = [found[item_id] for _, item_id in rows[:limit] if item_id in found]
    return page, rows[limit - 1][0] if len(rows) > limit else None


def items_from_page(items: Items, page_id: str) -> list[MemoryItem]:
    """The current items of this namespace that name the page as their source, at most 200."""
    with items.namespace.database.read() as db:
        rows = db.execute(
            "SELECT item.id FROM standing_item AS item CROSS JOIN item_version AS newest"
            " ON newest.item = item.seq AND newest.version = item.version"
            " WHERE item.namespace = ? AND item.sketch IS NOT NULL AND instr(newest.pages, ?) > 0"
            f" ORDER BY item.seq LIMIT {_MOST}",
            (items.namespace.number(db), json.dumps(page_id)),
        ).fetchall()
    return list(items.by_ids(item_id for (item_id,) in rows).values())


def passages_of(namespace: Namespace, page_id: str) -> list[Passage]:
    """Of a page that may be read, in its order."""
    rows = namespace.database.fetch(
        'SELECT page.id, start, "end", speaker FROM standing_page AS page CROSS JOIN passage ON passage.page = page.seq'
        f" WHERE page.id = :id AND +page.namespace IN ({namespace.readable_sql}) ORDER BY passage.seq",
        {**namespace.values, "id": page_id},
    )
    return [Passage(*row) for row in rows]


def daily_counts(namespace: Namespace) -> list[DayCount]:
    """By day of filing, the oldest first; days without anything are left out."""
    counts: dict[str, list[int]] = {}
    with namespace.database.read() as db:
        number = (namespace.number(db),)
        for place, query in enumerate(
            (
                "SELECT substr(accepted_at, 1, 10), count(*) FROM standing_page AS page CROSS JOIN session"
                " ON session.n = page.session WHERE page.namespace = ? GROUP BY 1",
                "SELECT substr(at, 1, 10), count(*) FROM change WHERE namespace = ? AND kind = 'item'"
                " AND op IN ('insert', 'update', 'undo') GROUP BY 1",
            )
        ):
            for day, count in db.execute(query, number):
                counts.setdefault(day, [0, 0])[place] = count
    return [DayCount(day, *both) for day, both in sorted(counts.items())]


def _stems_of(words: str | None) -> list[str]:
    found = list(dict.fromkeys(stems(words or "")))[:20]
    if words and words.strip() and not found:
        raise BadInput(f"{words!r:.60} has no word that is indexed; give other words.")
    return found


def _check_limit(limit: int) -> int:
    if not 1 <= limit <= _MOST:
        raise BadInput(f"limit must be from 1 to {_MOST}, not {limit}.")
    return limit
