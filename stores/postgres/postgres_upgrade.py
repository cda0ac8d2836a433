"""Bring the tables of an older memory in PostgreSQL to today's, in one transaction: `jitmem setup URL`.

A release only adds what the clients of the version before can do without (`expands`), and a later one takes away what they
needed. So replicas of two versions work side by side while they are replaced one by one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from ..analyzer import Analyzer
from ..truth.migrations import NEW_COLUMNS
from ..truth.numbers import number_rows
from ..truth.term_rebuild import index_pages
from .postgres_connection import PostgresConnection
from .row_security import EVERYTHING, enable, is_enabled
from .sql_dialect import translate_schema, translate_types
from .vector_tables import make_vector_tables

POSTGRES_SCHEMA = 3
"""The version of the tables, counted for PostgreSQL alone."""
_log = logging.getLogger("jitmem")


@dataclass(frozen=True, slots=True)
class UpgradeStep:
    """To one version from that before it: `change` comes before the tables that are new are made, `fill` after."""

    change: Callable[[PostgresConnection], object]
    fill: Callable[[PostgresConnection], object] = lambda _: None
    expands: bool = False
    """Whether clients of the version before go on reading and writing."""


def _add_numbers(connection: PostgresConnection) -> None:
    """Columns that the first memories of version 1 lack, and the later ones have."""
    for table, columns in NEW_COLUMNS.items():
        for column in columns:
            connection.raw.execute(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {translate_types(column)}".encode())
    connection.raw.execute(b"DROP INDEX IF EXISTS change_erased")


def _fill_numbers(connection: PostgresConnection) -> None:
    number_rows(connection)
    index_pages(connection, Analyzer())


def _add_clients(connection: PostgresConnection) -> None:
    connection.raw.execute(
        b"ALTER TABLE meta ADD COLUMN IF NOT EXISTS clients int4range NOT NULL DEFAULT 'empty',"
        b" ADD COLUMN IF NOT EXISTS backup_days integer"
    )


STEPS = {
    2: UpgradeStep(_add_numbers, _fill_numbers),
    3: UpgradeStep(_add_clients),
}


def clients_of(version: int) -> str:
    """In SQL, the versions of the clients that may use the tables of one."""
    oldest = version - 1 if version in STEPS and STEPS[version].expands else version
    return f"int4range({oldest}, {version}, '[]')"


def upgrade(connection: PostgresConnection, version: int, target: int) -> None:
    """In the transaction of the caller, who lets no other upgrade run beside. A failure leaves the old version as it was.

    Writers wait for the row of `meta`, and readers for a moment until the commit.
    """
    raw, schema = connection.raw, connection.schema
    raw.execute(f'SET LOCAL search_path TO "{schema}", pg_catalog'.encode())
    raw.execute(b"SET LOCAL lock_timeout = '60s'; SELECT version FROM meta FOR UPDATE")
    limited = is_enabled(connection)
    connection.scope = EVERYTHING if limited else ""
    connection.enter_scope()
    views = "SELECT relname::text FROM pg_class WHERE relkind = 'v' AND relnamespace = to_regnamespace(?)"
    for (view,) in connection.execute(views, (f'"{schema}"',)).fetchall():
        raw.execute(f'DROP VIEW "{view}"'.encode())  # made again below
    steps = [STEPS[step] for step in range(version + 1, target + 1)]
    for step in steps:
        step.change(connection)
    for statement in translate_schema():
        raw.execute(statement.encode())
    make_vector_tables(connection)
    for step in steps:
        step.fill(connection)
    raw.execute(f"UPDATE meta SET version = {target}, clients = {clients_of(target)}".encode())
    _grant_as_before(connection)
    if limited:
        enable(connection)
    _log.warning("The memory in schema %s was upgraded from version %d to %d.", schema, version, target)


def _grant_as_before(connection: PostgresConnection) -> None:
    """Who may read or write the pages may do so with the tables and views that are new."""
    rows = connection.execute(
        "SELECT quote_ident(grantee), string_agg(DISTINCT privilege_type, ', ')"
        " FROM information_schema.role_table_grants WHERE table_schema = ? AND table_name = 'page'"
        " AND privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE') GROUP BY grantee",
        (connection.schema,),
    ).fetchall()
    for grantee, privileges in rows:
        name = "PUBLIC" if grantee == '"PUBLIC"' else grantee
        connection.raw.execute(f'GRANT {privileges} ON ALL TABLES IN SCHEMA "{connection.schema}" TO {name}'.encode())
