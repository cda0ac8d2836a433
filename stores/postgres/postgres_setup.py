"""Make a memory in a schema of PostgreSQL, upgrade an older one, or leave one as it is: `jitmem setup URL`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Literal

import psycopg

from ..errors import NotOurStore, StoreIsNewer, StoreIsOlder, StoreReadOnly
from . import postgres_upgrade
from .postgres_connection import PostgresConnection
from .postgres_url import PostgresPlace, parse_url
from .row_security import disable, enable, grant_role
from .sql_dialect import translate_schema
from .vector_tables import make_vector_tables

# One row. Whoever writes locks it first and holds it until the commit, so the numbers of `change` are in commit order.
_META = """
CREATE TABLE meta (
    one        boolean PRIMARY KEY DEFAULT true CHECK (one),
    version    integer NOT NULL,
    clients    int4range NOT NULL DEFAULT 'empty',
    backup_days integer,
    created_at timestamptz NOT NULL DEFAULT now()
)
"""
SetUp = Literal["made", "upgraded", "unchanged"]


def set_up(
    url: str, *, row_level_security: bool | None = None, role: str | None = None, backup_days: int | None = None
) -> SetUp:
    """Make the memory at a URL where there is none, or upgrade an older one. Errors as for `ensure_set_up`.

    Row-level security is turned on or off, or with None left as it is; a `role` is given the rights to read and write.
    `backup_days`: for how long log archive and backups are kept, which receipts of deletions name.
    """
    place = parse_url(url)
    from .hnsw_indexes import maintain_indexes
    from .postgres_database import PostgresDatabase

    with name_errors(place), psycopg.connect(place.dsn, autocommit=True) as raw:
        done = ensure_set_up(PostgresConnection(raw, place.schema), place.label)
    with closing(PostgresDatabase(place, None, create=False)) as database:  # makes terms of another analyzer again
        maintain_indexes(database)
    if any(option is not None for option in (row_level_security, role, backup_days)):
        _change(place, row_level_security, role, backup_days)
    return done


def _change(place: PostgresPlace, row_level_security: bool | None, role: str | None, backup_days: int | None) -> None:
    """In one transaction that no writer runs beside."""
    with name_errors(place), psycopg.connect(place.dsn) as raw:
        connection = PostgresConnection(raw, place.schema)
        connection.begin_write()
        if row_level_security is not None:
            (enable if row_level_security else disable)(connection)
        if role is not None:
            grant_role(connection, role)
        if backup_days is not None:
            connection.execute("UPDATE meta SET backup_days = ?", (backup_days,))


@contextmanager
def name_errors(place: PostgresPlace) -> Iterator[None]:
    """Around what uses a connection of its own."""
    try:
        yield
    except psycopg.Error as error:
        from .postgres_errors import raise_named

        raise_named(error, place.label)
        raise


def find_schema(connection: PostgresConnection) -> tuple[int, str] | None:
    """The version of the memory in the schema, and those of the clients that may use it, "" where none are named; None
    where there is no memory, `NotOurStore` for something else."""
    schema, meta, tables, names_clients = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = ?1), to_regclass(?2),"
        " (SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p', 'v') AND relnamespace ="
        " (SELECT oid FROM pg_namespace WHERE nspname = ?1)),"
        " EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass(?2) AND attname = 'clients')",
        (connection.schema, f'"{connection.schema}".meta'),
    ).fetchall()[0]
    if meta is None:
        if schema and tables:
            raise NotOurStore(
                f"The schema {connection.schema} has {tables} tables and no memory; name another one in the URL"
                " (?schema=…). Nothing was changed."
            )
        return None
    clients = "clients::text" if names_clients else "''"
    row = connection.execute(f"SELECT version, {clients} FROM meta").fetchone()
    return (int(row[0]), str(row[1])) if row else (0, "")


def refuse_others(place: str, version: int, clients: str, client: int) -> None:
    """`StoreIsNewer` or `StoreIsOlder` for tables that a client cannot use, which says who acts."""
    if not version:
        raise NotOurStore(f"{place} has an empty table meta: it is no memory of jitmem, or was emptied by hand.")
    if version < client:
        raise StoreIsOlder(
            f"{place} was made by an older jitmem (schema {version}, this one needs {client}). Who owns its tables upgrades"
            f" it: jitmem setup {place!r}. Nothing was changed."
        )
    # As PostgreSQL writes a range: the oldest one, and the one after the newest, which is the version of the tables.
    oldest, _, after = clients.strip("[)").partition(",")
    if version > client and not (oldest and after == str(version + 1) and int(oldest) <= client):
        raise StoreIsNewer(
            f"{place} was upgraded by a newer jitmem (schema {version}, this one knows {client}); upgrade jitmem here to use"
            " it. Nothing was changed."
        )


def ensure_set_up(connection: PostgresConnection, place: str) -> SetUp:
    """Create schema and tables, or upgrade older ones, in one transaction, unless another process has meanwhile.

    `StoreReadOnly` for a role that may not; `StoreIsNewer`.
    """
    raw, schema = connection.raw, connection.schema
    target = postgres_upgrade.POSTGRES_SCHEMA
    try:
        with raw.transaction():
            # For the transaction only, so also behind pgbouncer; two processes that come at once make one memory.
            raw.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"jitmem setup {schema}",), prepare=False
            )
            schema_and_clients = find_schema(connection)
            if schema_and_clients is None:
                _create(connection, target)
                return "made"
            if 0 < schema_and_clients[0] < target:
                postgres_upgrade.upgrade(connection, schema_and_clients[0], target)
                return "upgraded"
            refuse_others(place, *schema_and_clients, target)
            return "unchanged"
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction) as error:
        raise StoreReadOnly(
            f"No memory can be made or upgraded at {place} ({str(error).splitlines()[0]}). Run `jitmem setup` with a role"
            " that may create a schema in the database, and owns the tables of one that is there; the role of the"
            " application needs none of it."
        ) from error


def _create(connection: PostgresConnection, version: int) -> None:
    raw, schema = connection.raw, connection.schema
    if not connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = ?", (schema,)).fetchone():
        raw.execute(f'CREATE SCHEMA "{schema}"'.encode())
    raw.execute(f'SET LOCAL search_path TO "{schema}", pg_catalog'.encode())
    for statement in (_META, *translate_schema()):
        raw.execute(statement.encode())
    make_vector_tables(connection)
    clients = postgres_upgrade.clients_of(version)
    raw.execute(f"INSERT INTO meta (version, clients) VALUES ({version}, {clients})".encode())
