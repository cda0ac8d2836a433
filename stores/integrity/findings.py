"""What an examination reads and finds, and what a salvage saves."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

Severity = Literal["damage", "attention", "note"]
SEVERITIES: tuple[Severity, ...] = ("damage", "attention", "note")
"""Stored data has changed or is lost; a person should act; worth knowing."""

MOST_IDS = 20  # of one finding
RESUME = "Memory.resume(), or `jitmem memorize` with any session, finishes it."
FIX = "jitmem doctor --fix"
SALVAGE = "You: restore a backup, or save the rest with jitmem doctor --salvage NEW_FOLDER."


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of thing that was found."""

    severity: Severity
    check: str
    """Its group: file, sessions, journal, erasures, items, indexes."""
    what: str
    """What is wrong, and how much of it."""
    act: str
    """Who can act, and what to do."""
    count: int = 1
    ids: tuple[str, ...] = ()
    """Of pages, sessions or items, at most 20; never their content."""
    fix: str | None = None
    """The name of the repair, if there is one."""


@dataclass(frozen=True, slots=True)
class ReadOnlyTruth:
    """A truth opened read-only for an examination. Text that is not UTF-8 is read with surrogates."""

    folder: Path
    db: sqlite3.Connection
    tables: frozenset[str]
    trees: Mapping[int, str] = field(default_factory=dict)
    """Name of each table and index by its root page."""
    indexes: frozenset[str] = frozenset()
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def rows(self, query: str, *values: object) -> list[Any]:
        return self.db.execute(query, values).fetchall()

    def column(self, query: str, *values: object) -> list[Any]:
        return [row[0] for row in self.db.execute(query, values)]

    def each(self, query: str, *values: object) -> Iterator[Any]:
        return iter(self.db.execute(query, values))

    def hours_since(self, stamp: str) -> float:
        """Since a stored time; 0 for an unreadable one, which another check reports."""
        try:
            return (self.now - datetime.fromisoformat(stamp)).total_seconds() / 3600
        except (ValueError, TypeError):
            return 0.0


@dataclass
class SalvageReport:
    """What was saved, and what was not. Pages, sessions and items by id."""

    folder: Path | None = None
    """The new memory; None for a survey."""
    pages: int = 0
    sessions: int = 0
    waiting: int = 0
    """Sessions that were accepted and not filed; `resume` files them."""
    items: int = 0
    entries: int = 0
    lost_pages: list[str] = field(default_factory=list)
    """Ids, or `#` and the number of a page whose id is lost too."""
    incomplete_sessions: list[str] = field(default_factory=list)
    lost_sessions: list[str] = field(default_factory=list)
    lost_items: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What else was reconstructed or left out, one sentence each."""

    @property
    def whole(self) -> bool:
        return not (self.lost_pages or self.incomplete_sessions or self.lost_sessions or self.lost_items or self.notes)


def find(
    severity: Severity, check: str, ids: Collection[object], thing: str, what: str, act: str, fix: str | None = None
) -> Iterator[Finding]:
    """One finding about all `ids`, `3 pages lacking …` for the thing `page` and the text ` lacking …`; none without ids."""
    if ids:
        yield Finding(severity, check, f"{many(len(ids), thing)}{what}", act, len(ids), some(ids), fix)


def some(ids: Iterable[object]) -> tuple[str, ...]:
    """The first 20, as text."""
    return tuple(str(one) for one in ids)[:MOST_IDS]


def many(number: int, thing: str) -> str:
    """`1 page`, `2,048 pages`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def duration(hours: float) -> str:
    """`3 hours`, `12 days`."""
    return many(int(hours), "hour") if hours < 48 else many(int(hours // 24), "day")
