"""What bringing rows into the truth stands on: the open transaction, what came of it, and what is told."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from .moved import Imported

CAUSE = "import"
"""Of a change that the import itself makes."""
NOTES = 1000  # told one by one; a file may have any number of them


class Into:
    """The tables `staged.…` and the truth, in the write transaction that is open on `db`."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._untold = 0
        self.done = Imported()

    def _entered(self, name: str) -> int:
        self._db.execute("INSERT INTO namespace (name) VALUES (?) ON CONFLICT DO NOTHING", (name,))
        return int(self._one("SELECT id FROM namespace WHERE name = ?", name))

    def _log(self, namespace: int, kind: str, ref: int | None, op: str, cause: str, at: str) -> int:
        row = self._db.execute(
            "INSERT INTO change (namespace, kind, ref, op, cause, at) VALUES (?, ?, ?, ?, ?, ?)",
            (namespace, kind, ref, op, cause, at),
        )
        return int(row.lastrowid or 0)

    def _rename(self, old: str, new: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO staged.renamed VALUES (?, ?)", (old, new))
        self.done.mapped[old] = new

    def _renamed(self, old: str) -> str:
        return self._one("SELECT new FROM staged.renamed WHERE old = ?", old) or old

    def _note(self, text: str) -> None:
        if len(self.done.notes) < NOTES:
            self.done.notes.append(text)
        else:
            self._untold += 1

    def _one(self, query: str, *values: object) -> Any:
        row = self._db.execute(query, values).fetchone()
        return row[0] if row else None

    def _each(self, query: str, *values: object, by: str = "n") -> Iterator[Any]:
        """The rows in the order of their lines, some at a time: there may be millions, and they are changed meanwhile."""
        after = 0
        while rows := self._rows(f"{query} AND {by} > ? ORDER BY {by} LIMIT 500", *values, after):
            yield from rows
            after = rows[-1][0]

    def _rows(self, query: str, *values: object) -> list[Any]:
        return self._db.execute(query, values).fetchall()


def now() -> str:
    """As the truth writes it."""
    return datetime.now(UTC).isoformat()
