"""Where a memory under torture is: a folder, or the URL of a schema of PostgreSQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from jitmem.stores.truth.database import FILE_NAME

Place = Path | str


def place_of(text: str) -> Place:
    return text if text.startswith("postgresql://") else Path(text)


def exists(place: Place) -> bool:
    """Whether a writer has come far enough to make it; a database is made before its writers."""
    return isinstance(place, str) or (place / FILE_NAME).exists()


@contextmanager
def one_state(place: Place) -> Iterator[tuple[Any, list[str]]]:
    """A connection whose statements all see one committed state, and what the engine's own check says against it."""
    if isinstance(place, Path):
        with closing(sqlite3.connect(place / FILE_NAME, isolation_level=None)) as db:
            db.execute("BEGIN")
            yield db, _check_file(db)
        return
    from psycopg import connect

    from jitmem.stores.postgres.postgres_connection import PostgresConnection
    from jitmem.stores.postgres.postgres_url import SCHEMA

    with connect(place, autocommit=True) as raw:
        connection = PostgresConnection(raw, SCHEMA)
        complaints = _check_btrees(raw)
        connection.execute("BEGIN")
        yield connection, complaints


def _check_file(db: sqlite3.Connection) -> list[str]:
    complaints = []
    if (found := db.execute("PRAGMA integrity_check").fetchall()) != [("ok",)]:
        complaints.append(f"integrity_check: {found}")
    if found := db.execute("PRAGMA foreign_key_check").fetchall():
        complaints.append(f"foreign_key_check: {found}")
    return complaints


def _check_btrees(raw: Any) -> list[str]:
    """Every B-tree of the schema against its table, by the extension amcheck, where the database has it."""
    from psycopg import Error

    if not raw.execute("SELECT 1 FROM pg_extension WHERE extname = 'amcheck'").fetchone():
        return []
    complaints = []
    for (name,) in raw.execute(
        "SELECT indexrelid::regclass::text FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid"
        " JOIN pg_am ON pg_am.oid = relam WHERE amname = 'btree' AND relnamespace = 'jitmem'::regnamespace"
    ).fetchall():
        try:
            raw.execute("SELECT bt_index_check(%s::regclass, true)", (name,))
        except Error as error:
            complaints.append(f"amcheck of {name}: {error}")
    return complaints
