"""What a row of each table looks like, told from the schema: by that a stray row is known."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

from ..connection import schema
from .btree import Value

_PYTHON: dict[str, type | tuple[type, ...]] = {"INTEGER": int, "TEXT": str, "REAL": (int, float), "BLOB": bytes}


@dataclass(frozen=True, slots=True)
class Shape:
    """A table: its columns in the order in which they lie in a row."""

    table: str
    columns: tuple[str, ...]
    types: tuple[str, ...]
    required: tuple[bool, ...]
    alias: int | None
    """The place of the column that is the rowid, and is kept as NULL."""

    def fits(self, values: Sequence[Value], *, whole: bool = True) -> bool:
        """Whether a row may be one of this table; not `whole`: columns that were added later may be missing."""
        if len(values) > len(self.columns) or (whole and len(values) < len(self.columns)):
            return False
        return all(self._fits(at, value) for at, value in enumerate(values)) and _tells(self, values)

    def _fits(self, at: int, value: Value) -> bool:
        if at == self.alias:
            return value is None
        return isinstance(value, _PYTHON[self.types[at]]) if value is not None else not self.required[at]


def shapes(statements: Sequence[str] = ()) -> dict[str, Shape]:
    """By table: of the schema that this jitmem writes, or of a file's own statements that can be read."""
    with closing(sqlite3.connect(":memory:")) as db:
        if not statements:
            db.executescript(schema())
        for statement in statements:
            try:
                db.execute(statement)
            except sqlite3.Error:  # a damaged statement: its table is known by this jitmem's schema, or not at all
                continue
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: _shape(db, name) for name in tables if not name.startswith("sqlite_")}


def only(known: Mapping[str, Shape], rows: Sequence[Sequence[Value]]) -> Shape | None:
    """The one table that rows of one leaf can be of; None where there is none, or more than one."""
    fitting = [shape for shape in known.values() if rows and all(shape.fits(row) for row in rows)]
    return fitting[0] if len(fitting) == 1 else None


def _shape(db: sqlite3.Connection, table: str) -> Shape:
    rows = db.execute(f"PRAGMA table_info({table})").fetchall()
    alias = [at for at, row in enumerate(rows) if row[5] == 1 and row[2] == "INTEGER"]
    single = sum(bool(row[5]) for row in rows) == 1
    return Shape(
        table=table,
        columns=tuple(row[1] for row in rows),
        types=tuple(row[2] for row in rows),
        required=tuple(bool(row[3]) for row in rows),
        alias=alias[0] if alias and single else None,
    )


def _tells(shape: Shape, values: Sequence[Value]) -> bool:
    """What the types do not tell: two tables may have the same."""
    row = dict(zip(shape.columns, values, strict=False))
    if shape.table == "page":
        return len(str(row.get("sha256"))) == 64
    if shape.table == "proposal":
        return str(row.get("edit")).startswith("{") and _is_time(row.get("at"))
    if shape.table == "erasure":
        return _is_time(row.get("at")) and row.get("state") in ("deleted", "pending", "erased")
    if shape.table in ("change", "entry"):
        return _is_time(row.get("at", row.get("updated_at")))
    if shape.table == "mark":
        return ":" in str(row.get("name"))
    return True


def _is_time(value: Value) -> bool:
    try:
        return bool(datetime.fromisoformat(str(value)))
    except ValueError:
        return False
