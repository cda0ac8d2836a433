"""Temporary tables for the lines of an export, in the transaction that imports them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .postgres_connection import PostgresConnection

# As in `jitmem.transfer.export_staging`.
_TABLES = """
space (n bigint PRIMARY KEY, name TX UNIQUE, target bigint);
session (n bigint PRIMARY KEY, space bigint, id TX, content TX, time TX, metadata TX, payload TX, accepted_at TX,
    filed_at TX, target bigint, fresh boolean, UNIQUE (space, id), UNIQUE (space, content));
page (n bigint PRIMARY KEY, space bigint, id TX UNIQUE, session bigint, part integer, parts integer, text TX, sha256 TX,
    header TX, memo TX, title TX, time_key double precision, cause TX, at TX, uncurated boolean, target bigint,
    UNIQUE (session, part));
passage (page bigint, start integer, "end" integer, speaker TX, stems TX, rowid bigint GENERATED ALWAYS AS IDENTITY);
item (n bigint PRIMARY KEY, space bigint, id TX UNIQUE, kind TX, newest bigint, sketch TX, target bigint,
    known bigint DEFAULT 0);
version (n bigint PRIMARY KEY, item bigint, version bigint, op TX, content TX, time TX, pages TX, stems TX, cause TX,
    at TX, UNIQUE (item, version));
proposal (n bigint PRIMARY KEY, space bigint, edit TX, cause TX, reason TX, at TX, decision TX, decided_at TX);
entry (n bigint PRIMARY KEY, space bigint, labels TX, key TX, value TX, created_at TX, updated_at TX,
    ttl double precision, expires_at double precision, target bigint, fresh boolean, UNIQUE (space, labels, key));
entry_text (entry bigint, text TX, stems TX, rowid bigint GENERATED ALWAYS AS IDENTITY);
share (n bigint PRIMARY KEY, space bigint, reader TX, UNIQUE (space, reader));
retention (n bigint PRIMARY KEY, space bigint, kind TX, age_s double precision, UNIQUE (space, kind));
probe (n bigint PRIMARY KEY, model TX UNIQUE, vector TX);
vectors (n bigint PRIMARY KEY, model TX, page bigint, item bigint, version bigint, entry bigint, vectors TX);
note (line bigint, text TX)
"""
_INDEXES = ("passage (page)", "item (space, kind, sketch)", "entry_text (entry)")


@contextmanager
def temporary_tables(connection: PostgresConnection) -> Iterator[None]:
    """The tables, within the block. They live in one transaction, which begins here, so that a pooler between us and the
    server gives it one server process; the import takes the write lock and commits, or all of it is rolled back."""
    raw = connection.raw
    raw.execute(b"BEGIN")
    try:
        connection.enter_scope()
        for table in _TABLES.replace(" TX", ' text COLLATE "C"').split(";"):
            raw.execute(f"CREATE TEMPORARY TABLE {table.strip()} ON COMMIT DROP".encode())
        for index in _INDEXES:
            raw.execute(f"CREATE INDEX ON pg_temp.{index}".encode())
        yield
    finally:
        if connection.in_transaction:
            raw.rollback()
