"""What a row of each table looks like, from the schema: it identifies a row whose b-tree is lost."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime

from ..truth.database import schema

Value = int | float | str | bytes | None
"""What SQLite stores in a column."""
_PYTHON: dict[str, type | tuple[type, ...]] = {"INTEGER": int, "TEXT": str, "REAL": (int, float), "BLOB": bytes}
_TABLE_ACTIONS = (
    sqlite3.SQLITE_CREATE_TABLE,
    sqlite3.SQLITE_CREATE_INDEX,
    sqlite3.SQLITE_INSERT,
    sqlite3.SQLITE_UPDATE,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_REINDEX,
)
"""What SQLite does to make a table with its indexes."""


@dataclass(frozen=True, slots=True)
class RowSchema:
    """A table with its columns, in the order in which a row stores them."""

    table: str
    columns: tuple[str, ...]
    types: tuple[str, ...]
    required: tuple[bool, ...]
    alias: int | None
    """The index of the column that is the rowid; a row stores NULL in it."""

    def matches(self, values: Sequence[Value], *, whole: bool = True) -> bool:
        """Whether these may be a row of this table; unless `whole`, columns that were added later may be missing."""
        if len(values) > len(self.columns) or (whole and len(values) < len(self.columns)):
            return False
        return all(self._matches(at, value) for at, value in enumerate(values)) and self._is_plausible(values)

    def _matches(self, at: int, value: Value) -> bool:
        if at == self.alias:
            return value is None
        return isinstance(value, _PYTHON[self.types[at]]) if value is not None else not self.required[at]

    def _is_plausible(self, values: Sequence[Value]) -> bool:
        """What tells tables with the same types apart."""
        row = dict(zip(self.columns, values, strict=False))
        match self.table:
            case "page":
                return len(str(row.get("sha256"))) == 64
            case "proposal":
                return str(row.get("edit")).startswith("{") and _is_time(row.get("at"))
            case "erasure":
                return _is_time(row.get("at")) and row.get("state") in ("deleted", "pending", "erased")
            case "change" | "entry":
                return _is_time(row.get("at", row.get("updated_at")))
            case "mark":
                return ":" in str(row.get("name"))
        return True


def row_schemas() -> dict[str, RowSchema]:
    """By table: of this version's schema."""
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript(schema())
        return _read_schemas(db)


def row_schemas_of(statements: Sequence[str]) -> dict[str, RowSchema]:
    """By table: of statements from a file, as far as they are readable and make tables. They may be foreign: SQLite
    refuses them everything else, such as attaching a file or reading rows."""
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("PRAGMA trusted_schema = OFF")
        db.set_authorizer(lambda action, *_: sqlite3.SQLITE_OK if action in _TABLE_ACTIONS else sqlite3.SQLITE_DENY)
        for statement in statements:
            # Damaged, or no text: the table is known from this version's schema, or not at all.
            with suppress(sqlite3.Error, sqlite3.Warning, ValueError):
                db.execute(statement)
        db.set_authorizer(None)
        return _read_schemas(db)


def _read_schemas(db: sqlite3.Connection) -> dict[str, RowSchema]:
    tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    found = {name: _row_schema(db, name) for name in tables if not name.startswith("sqlite_")}
    return {name: one for name, one in found.items() if set(one.types) <= _PYTHON.keys()}


def identify(known: Mapping[str, RowSchema], rows: Sequence[Sequence[Value]]) -> RowSchema | None:
    """The one table that all rows of a leaf match; None if there is none, or more than one."""
    matching = [one for one in known.values() if rows and all(one.matches(row) for row in rows)]
    return matching[0] if len(matching) == 1 else None


def _row_schema(db: sqlite3.Connection, table: str) -> RowSchema:
    rows = db.execute("SELECT * FROM pragma_table_info(?)", (table,)).fetchall()
    alias = [at for at, row in enumerate(rows) if row[5] == 1 and row[2] == "INTEGER"]
    single = sum(bool(row[5]) for row in rows) == 1
    names, types, required = (tuple(row[column] for row in rows) for column in (1, 2, 3))
    return RowSchema(table, names, types, tuple(map(bool, required)), alias[0] if alias and single else None)


def _is_time(value: Value) -> bool:
    try:
        return bool(datetime.fromisoformat(str(value)))
    except ValueError:
        return False
