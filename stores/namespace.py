"""A namespace is a column: its name becomes a number here, and never a folder or a collection."""

from __future__ import annotations

import sqlite3

from .connection import Database
from .errors import BadInput

_LONGEST = 512  # characters


class Namespace:
    """One namespace of a database; it exists from its first write on."""

    def __init__(self, database: Database, name: str) -> None:
        if not name.strip() or len(name) > _LONGEST or any(c == "\0" or "\ud800" <= c <= "\udfff" for c in name):
            raise BadInput(
                f"A namespace is any name of 1 to {_LONGEST} characters without NUL and lone surrogates; got {name!r:.60}."
            )
        self.database = database
        self.name = name
        self._number = 0

    def number(self, db: sqlite3.Connection) -> int:
        """Its number; 0, which no row bears, while it is empty."""
        if not self._number:
            row = db.execute("SELECT id FROM namespace WHERE name = ?", (self.name,)).fetchone()
            self._number = row[0] if row else 0
        return self._number

    def enter(self, db: sqlite3.Connection) -> int:
        """Its number, made if need be; inside a write transaction only."""
        db.execute("INSERT INTO namespace (name) VALUES (?) ON CONFLICT DO NOTHING", (self.name,))
        return int(db.execute("SELECT id FROM namespace WHERE name = ?", (self.name,)).fetchone()[0])
