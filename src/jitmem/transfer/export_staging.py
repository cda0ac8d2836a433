"""Temporary tables for the lines of an export, so that the whole file is validated before the truth is written.

The tables are in an unnamed SQLite database, attached to one connection and deleted when it is detached.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from ..stores.truth.database import Connection

if TYPE_CHECKING:
    from ..stores.postgres.postgres_connection import PostgresConnection

# One transaction writes all postings, in the order of pages and not of terms: with SQLite's usual 2 MB a page of the file is
# written to the log a hundred times. Memory is taken as it is needed.
_CACHE_KB = 256 * 1024
_TABLES = """
CREATE TABLE staged.space (n INTEGER PRIMARY KEY, name UNIQUE, target);
CREATE TABLE staged.session (n INTEGER PRIMARY KEY, space, id, content, time, metadata, payload, accepted_at, filed_at,
    target, fresh, UNIQUE (space, id), UNIQUE (space, content));
CREATE TABLE staged.page (n INTEGER PRIMARY KEY, space, id UNIQUE, session INTEGER REFERENCES session (n), part, parts, text,
    sha256, header, memo, title, time_key, cause, at, uncurated, target, UNIQUE (session, part));
CREATE TABLE staged.passage (page INTEGER, start, "end", speaker, stems);
CREATE INDEX staged.passage_page ON passage (page);
CREATE TABLE staged.item (n INTEGER PRIMARY KEY, space, id UNIQUE, kind, newest, sketch, target, known DEFAULT 0);
CREATE INDEX staged.item_sketch ON item (space, kind, sketch);
CREATE TABLE staged.version (n INTEGER PRIMARY KEY, item INTEGER, version, op, content, time, pages, stems, cause, at,
    UNIQUE (item, version));
CREATE TABLE staged.proposal (n INTEGER PRIMARY KEY, space, edit, cause, reason, at, decision, decided_at);
CREATE TABLE staged.entry (n INTEGER PRIMARY KEY, space, labels, key, value, created_at, updated_at, ttl, expires_at,
    target, fresh, UNIQUE (space, labels, key));
CREATE TABLE staged.entry_text (entry INTEGER, text, stems);
CREATE INDEX staged.entry_text_entry ON entry_text (entry);
CREATE TABLE staged.share (n INTEGER PRIMARY KEY, space, reader, UNIQUE (space, reader));
CREATE TABLE staged.retention (n INTEGER PRIMARY KEY, space, kind, age_s, UNIQUE (space, kind));
CREATE TABLE staged.probe (n INTEGER PRIMARY KEY, model UNIQUE, vector);
CREATE TABLE staged.vectors (n INTEGER PRIMARY KEY, model, page, item, version, entry, vectors);
CREATE TABLE staged.note (line, text);
"""


@contextmanager
def staging_tables(db: Connection) -> Iterator[None]:
    """The tables `staged.…` on this connection, within the block."""
    if not isinstance(db, sqlite3.Connection):
        from ..stores.postgres.import_tables import temporary_tables

        with temporary_tables(cast("PostgresConnection", db)):
            yield
        return
    ((usual,),) = db.execute("PRAGMA main.cache_size").fetchall()
    db.execute("ATTACH DATABASE '' AS staged")
    try:
        db.execute(f"PRAGMA main.cache_size = -{_CACHE_KB}")
        for statement in _TABLES.split(";"):
            db.execute(statement)
        yield
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")
        db.execute("DETACH DATABASE staged")
        db.execute(f"PRAGMA main.cache_size = {usual:d}")
