"""What one transaction is to delete from the truth, and what it deleted."""

from __future__ import annotations

import sqlite3
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

PERSON, RETENTION = "person", "retention"
"""The cause of a deletion, as the change log records it."""


@dataclass
class Selection:
    """Rows of one namespace, by number. `versions` belong to items that are not deleted as a whole."""

    pages: set[int] = field(default_factory=set)
    sessions: set[int] = field(default_factory=set)
    items: set[int] = field(default_factory=set)
    versions: set[int] = field(default_factory=set)
    proposals: set[int] = field(default_factory=set)
    derived: bool = True
    """Whether items are deleted whose only sources are the deleted pages."""
    timeless: int = 0
    """Sessions that were left out because they have no time."""

    def __bool__(self) -> bool:
        return bool(self.pages or self.sessions or self.items or self.versions or self.proposals)


@dataclass
class DeletionResult:
    """What one transaction deleted, by count and id."""

    namespace: int
    cause: str
    counts: Counter[str] = field(default_factory=Counter)
    session_ids: list[str] = field(default_factory=list)
    page_ids: list[str] = field(default_factory=list)
    item_ids: list[str] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)
    """Item id to the reason why the item was kept."""
    contents: set[str] = field(default_factory=set)
    """Texts of deleted versions, until the proposals with the same text are deleted too."""
    timeless: int = 0

    def delete(
        self, db: sqlite3.Connection, what: str, table: str, where: str, *values: object, returning: str = "NULL"
    ) -> list[Any]:
        """Delete rows, count them as `what`, and return the columns `returning`."""
        rows = db.execute(f"DELETE FROM {table} WHERE {where} RETURNING {returning}", values).fetchall()
        self.counts[what] += len(rows)
        return rows

    def nonzero_counts(self) -> dict[str, int]:
        """In alphabetical order."""
        return {what: self.counts[what] for what in sorted(self.counts) if self.counts[what]}

    def log(self, db: sqlite3.Connection, kind: str, ref: int) -> None:
        """A row of the change log without any content: indexes read it to drop what was deleted."""
        db.execute(
            "INSERT INTO change (namespace, kind, ref, op, cause, at) VALUES (?, ?, ?, 'forget', ?, ?)",
            (self.namespace, kind, ref, self.cause, datetime.now(UTC).isoformat()),
        )
