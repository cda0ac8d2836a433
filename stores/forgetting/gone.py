"""What one transaction of forgetting takes away."""

from __future__ import annotations

import sqlite3
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from .needles import Needles
from .receipts import KeptItem

PERSON, RETENTION = "person", "retention"
"""Why something was forgotten."""


@dataclass
class Gone:
    """What one transaction took away; the texts themselves only as hashes of their pieces."""

    namespace: int
    cause: str
    counts: Counter[str] = field(default_factory=Counter)
    session_ids: list[str] = field(default_factory=list)
    page_ids: list[str] = field(default_factory=list)
    item_ids: list[str] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)
    """Id of an item to why it was kept."""
    contents: set[str] = field(default_factory=set)
    """Of items and versions, until the proposals that say the same are gone too."""
    needles: Needles = field(default_factory=Needles)
    timeless: int = 0

    def take(
        self, db: sqlite3.Connection, what: str, table: str, where: str, *values: object, of: str = ""
    ) -> list[Any]:
        """Delete rows, remember the texts of the columns `of`, and give these."""
        rows = db.execute(f"DELETE FROM {table} WHERE {where} RETURNING {of or 'NULL'}", values).fetchall()
        self.counts[what] += len(rows)
        for row in rows:
            for value in row:
                self.needles.vector(value) if isinstance(value, bytes) else self.needles.text(value)
        return rows

    def told(self) -> dict[str, int]:
        """The counts of what there was, in a fixed order."""
        return {what: self.counts[what] for what in sorted(self.counts) if self.counts[what]}

    def kept_items(self) -> tuple[KeptItem, ...]:
        """Those of them that stand after all."""
        return tuple(KeptItem(*pair) for pair in self.kept.items() if pair[0] not in self.item_ids)

    def log(self, db: sqlite3.Connection, kind: str, ref: int) -> None:
        """A row of the change log: by it indexes notice, and it says nothing of the content."""
        db.execute(
            "INSERT INTO change (namespace, kind, ref, op, cause, at) VALUES (?, ?, ?, 'forget', ?, ?)",
            (self.namespace, kind, ref, self.cause, datetime.now(UTC).isoformat()),
        )
