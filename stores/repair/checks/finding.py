"""What an examination looks at, and what it finds."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

Severity = Literal["damage", "attention", "note"]
SEVERITIES: tuple[Severity, ...] = ("damage", "attention", "note")
"""Something that was kept is not as it was; somebody should act; worth knowing."""

MOST_IDS = 20  # of one finding
RESUME = "Memory.resume(), or `jitmem memorize` with any session, finishes it."
FIX = "jitmem doctor --fix"


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of thing that was found."""

    severity: Severity
    check: str
    """The family it belongs to: file, sessions, journal, items, proposals, store, indexes, secrets, personal data."""
    what: str
    """What is wrong, and how much of it."""
    act: str
    """Who can act, and what to do."""
    count: int = 1
    ids: tuple[str, ...] = ()
    """Of pages, sessions, items or proposals, the first 20 of them; never anything that they say."""
    fix: str | None = None
    """The repair that mends it."""


@dataclass(frozen=True, slots=True)
class Look:
    """A truth as it is examined: opened so that nothing can be written. Text that is no UTF-8 has surrogates."""

    folder: Path
    db: sqlite3.Connection
    tables: frozenset[str]
    trees: Mapping[int, str] = field(default_factory=dict)
    """The root page of each table and index to its name."""
    indexes: frozenset[str] = frozenset()
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def rows(self, query: str, *values: object) -> list[Any]:
        """Every row of a query."""
        return self.db.execute(query, values).fetchall()

    def each(self, query: str, *values: object) -> Iterator[Any]:
        """The same, one by one, for what may be large."""
        return iter(self.db.execute(query, values))

    def hours_since(self, stamp: str) -> float:
        """Since a time as the truth keeps it; 0 for one that cannot be read, which is a finding of its own."""
        try:
            return (self.now - datetime.fromisoformat(stamp)).total_seconds() / 3600
        except (ValueError, TypeError):
            return 0.0


def some(ids: Iterable[object]) -> tuple[str, ...]:
    """The first of them, as text."""
    return tuple(str(one) for one in ids)[:MOST_IDS]


def many(number: int, thing: str) -> str:
    """`1 page`, `2,048 pages`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def lasting(hours: float) -> str:
    """`3 hours`, `12 days`."""
    return many(int(hours), "hour") if hours < 48 else many(int(hours // 24), "day")
