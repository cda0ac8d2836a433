"""A graph (HNSW) of its own for each namespace with very many vectors: built beside the application, by who owns the tables.

One graph over all namespaces would be searched through the vectors of others: slowly, and missing most of a small namespace.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import NamedTuple
from zlib import crc32

import psycopg
from psycopg import sql

from .postgres_connection import PostgresConnection
from .postgres_database import PostgresDatabase
from .postgres_setup import name_errors

MIN_VECTORS = int(os.environ.get("JITMEM_HNSW_MIN_VECTORS", "20000"))
"""Passages of a namespace from which on its vectors get a graph; with half of them, it is dropped again."""
_MOST_DIMENSIONS = 4000  # of a halfvec in a graph
_PREFIX = "passage_hnsw_"
_COUNTS = "SELECT namespace, model, count(*) FROM passage_vector GROUP BY namespace, model HAVING count(*) >= ?"
_INDEXES = """
    SELECT name.relname::text, indisvalid FROM pg_index JOIN pg_class AS name ON name.oid = indexrelid
    WHERE indrelid = to_regclass(?) AND name.relname LIKE ?
"""
_OWNS = "SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = to_regclass(?)"
_log = logging.getLogger("jitmem")


class IndexChanges(NamedTuple):
    """By the names of indexes."""

    made: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()


def index_name(namespace: int, label: str) -> str:
    """Of the vectors of a model, by their label, in a namespace."""
    return f"{_PREFIX}{namespace}_{crc32(label.encode()):08x}"


def find_large(database: PostgresDatabase, at_least: int | None = None) -> dict[str, tuple[int, str, int]]:
    """By the name of the index `(namespace, label of the model, vectors)` of those with so many."""
    if not database.has_graphs:
        return {}
    rows = database.fetch(_COUNTS, (MIN_VECTORS if at_least is None else at_least,))
    return {index_name(namespace, label): (namespace, label, count) for namespace, label, count in rows}


def find_indexes(database: PostgresDatabase) -> dict[str, bool]:
    """Every such index, and whether it can be used: one whose build broke off cannot."""
    table = f'"{database.schema}".passage_vector'
    return dict(database.fetch(_INDEXES, (table, f"{_PREFIX.replace('_', chr(92) + '_')}%")))


def maintain_indexes(database: PostgresDatabase) -> IndexChanges:
    """Build what is missing and drop what is no longer needed, while others read and write. Nothing where the role does
    not own the tables, and where another process is at it."""
    table = f'"{database.schema}".passage_vector'
    if not database.has_graphs or not database.fetch(_OWNS, (table,))[0][0]:
        return IndexChanges()
    dsn = database.place.dsn
    with name_errors(database.place), psycopg.connect(dsn) as guard, psycopg.connect(dsn, autocommit=True) as raw:
        key = f"jitmem hnsw {database.schema}"
        # One message, after which the transaction holds no snapshot: the build waits for every other one that does.
        lock = "SELECT pg_try_advisory_xact_lock(hashtextextended(?, 0))"
        ((alone,),) = PostgresConnection(guard, database.schema).execute(lock, (key,)).fetchall()
        return _change_indexes(database, PostgresConnection(raw, database.schema)) if alone else IndexChanges()


def _change_indexes(database: PostgresDatabase, connection: PostgresConnection) -> IndexChanges:
    indexes, made, dropped = find_indexes(database), list[str](), list[str]()
    needed = find_large(database, max(1, MIN_VECTORS // 2))
    for name, is_valid in indexes.items():
        if not is_valid or name not in needed:
            connection.raw.execute(f'DROP INDEX CONCURRENTLY IF EXISTS "{database.schema}".{name}'.encode())
            dropped.append(name)
    for name, (namespace, label, count) in needed.items():
        if count >= MIN_VECTORS and not indexes.get(name) and _build(database, connection, name, namespace, label):
            made.append(name)
    return IndexChanges(tuple(made), tuple(dropped))


def _build(database: PostgresDatabase, connection: PostgresConnection, name: str, namespace: int, label: str) -> bool:
    values: Mapping[str, object] = {"namespace": namespace, "label": label}
    rows = database.fetch(
        f"SELECT {database.halfvec}.vector_dims(near) FROM passage_vector"
        " WHERE namespace = :namespace AND model = :label LIMIT 1",
        values,
    )
    if not rows or rows[0][0] > _MOST_DIMENSIONS:
        return False
    _log.info("Building the index %s over the vectors of one namespace.", name)
    of_model = sql.Literal(label).as_string(None)
    connection.raw.execute(
        f'CREATE INDEX CONCURRENTLY {name} ON "{database.schema}".passage_vector USING hnsw'
        f" (({cast_near(database.halfvec, rows[0][0])}) {database.halfvec}.halfvec_cosine_ops)"
        f" WHERE namespace = {namespace} AND model = {of_model}".encode()
    )
    return True


def cast_near(halfvec: str | None, dimensions: int) -> str:
    """The indexed expression; a query uses the index only if it orders by the same."""
    return f"CAST(near AS {halfvec}.halfvec({dimensions}))"


def search_settings(limit: int) -> str:
    """The statement before a search: a graph is used wherever there is one, is asked for more than is wanted, and goes on
    until there is enough."""
    candidates = max(100, min(1000, 2 * limit))
    return (
        f"SELECT set_config('enable_sort', 'off', true), set_config('hnsw.ef_search', '{candidates}', true),"
        " set_config('hnsw.iterative_scan', 'strict_order', true)"
    )
