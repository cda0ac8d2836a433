"""Make a memory in a schema of PostgreSQL, or leave one as it is: `jitmem setup URL`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from ..errors import NotOurStore, StoreIsNewer, StoreReadOnly
from .postgres_connection import PostgresConnection
from .postgres_url import PostgresPlace, parse_url
from .row_security import disable, enable, grant_role
from .sql_dialect import translate_schema

POSTGRES_SCHEMA = 1
"""The version of the tables, counted for PostgreSQL alone."""
# One row. Whoever writes locks it first and holds it until the commit, so the numbers of `change` are in commit order.
_META = """
CREATE TABLE meta (
    one        boolean PRIMARY KEY DEFAULT true CHECK (one),
    version    integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
)
"""
_VECTORS = """
CREATE TABLE {name} (
    namespace bigint NOT NULL REFERENCES namespace (id) ON DELETE CASCADE,
    model     text COLLATE "C" NOT NULL,
    n         bigint NOT NULL REFERENCES {of} (n) ON DELETE CASCADE,
    number    bigint NOT NULL,
    near      {halfvec} NOT NULL,
    PRIMARY KEY (namespace, model, n)
);
CREATE INDEX {name}_n ON {name} (n)
"""


def set_up(url: str, *, row_level_security: bool | None = None, role: str | None = None) -> bool:
    """Make the memory at a URL where there is none; whether there was none. Errors as for `ensure_set_up`.

    Row-level security is turned on or off, or with None left as it is; a `role` is given the rights to read and write.
    """
    place = parse_url(url)
    from .postgres_database import PostgresDatabase

    before = _exists(place)
    PostgresDatabase(place, None, create=True).close()
    if row_level_security is not None or role is not None:
        _secure(place, row_level_security, role)
    return not before


def _secure(place: PostgresPlace, row_level_security: bool | None, role: str | None) -> None:
    """In one transaction that no writer runs beside."""
    with name_errors(place), psycopg.connect(place.dsn) as raw:
        connection = PostgresConnection(raw, place.schema)
        connection.begin_write()
        if row_level_security is not None:
            (enable if row_level_security else disable)(connection)
        if role is not None:
            grant_role(connection, role)


def _exists(place: PostgresPlace) -> bool:
    with name_errors(place), psycopg.connect(place.dsn, autocommit=True) as raw:
        return find_schema(PostgresConnection(raw, place.schema)) is not None


@contextmanager
def name_errors(place: PostgresPlace) -> Iterator[None]:
    """Around what uses a connection of its own."""
    try:
        yield
    except psycopg.Error as error:
        from .postgres_errors import raise_named

        raise_named(error, place.label)
        raise


def find_schema(connection: PostgresConnection) -> int | None:
    """The version of the memory in the schema; None where there is none, `NotOurStore` for something else."""
    (schema, meta, tables) = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = ?), to_regclass(?),"
        " (SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p', 'v') AND relnamespace ="
        " (SELECT oid FROM pg_namespace WHERE nspname = ?))",
        (connection.schema, f'"{connection.schema}".meta', connection.schema),
    ).fetchall()[0]
    if meta is None:
        if schema and tables:
            raise NotOurStore(
                f"The schema {connection.schema} has {tables} tables and no memory; name another one in the URL"
                " (?schema=…). Nothing was changed."
            )
        return None
    row = connection.execute("SELECT version FROM meta").fetchone()
    return int(row[0]) if row else 0


def ensure_set_up(connection: PostgresConnection, place: str) -> None:
    """Create schema and tables in one transaction, unless another process has meanwhile.

    `StoreReadOnly` for a role that may not create tables.
    """
    raw, schema = connection.raw, connection.schema
    try:
        with raw.transaction():
            # For the transaction only, so also behind pgbouncer; two processes that come at once make one memory.
            raw.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"jitmem setup {schema}",), prepare=False
            )
            version = find_schema(connection)
            if version is None:
                _create(connection)
            elif version > POSTGRES_SCHEMA:
                raise StoreIsNewer(f"{place} was made by a newer jitmem; upgrade jitmem.")
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction) as error:
        raise StoreReadOnly(
            f"No memory can be made at {place} ({str(error).splitlines()[0]}). Run `jitmem setup` with a role that may"
            " create a schema in the database; the role of the application needs none of it."
        ) from error


def _create(connection: PostgresConnection) -> None:
    raw, schema = connection.raw, connection.schema
    if not connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = ?", (schema,)).fetchone():
        raw.execute(f'CREATE SCHEMA "{schema}"'.encode())
    raw.execute(f'SET LOCAL search_path TO "{schema}", pg_catalog'.encode())
    for statement in (_META, *translate_schema()):
        raw.execute(statement.encode())
    if halfvec := _halfvec(connection):
        for name, of in (("passage_vector", "embedding"), ("item_vector", "item_embedding")):
            raw.execute(_VECTORS.format(name=name, of=of, halfvec=halfvec).encode())
    raw.execute(f"INSERT INTO meta (version) VALUES ({POSTGRES_SCHEMA})".encode())


def _halfvec(connection: PostgresConnection) -> str | None:
    """The type `halfvec` with its schema; None where pgvector (0.7 or newer) is not there and this role cannot add it."""
    installed = "SELECT quote_ident(nspname) FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace"
    query = f"{installed} WHERE extname = 'vector'"
    row = connection.execute(query).fetchone()
    if row is None:
        try:
            with connection.raw.transaction():
                connection.raw.execute(b"CREATE EXTENSION vector SCHEMA public")
        except psycopg.Error:  # no such extension, or no right to add it: vectors are then compared in the process
            return None
        row = connection.execute(query).fetchone()
    if row is None or connection.execute("SELECT to_regtype(?)", (f"{row[0]}.halfvec",)).fetchall()[0][0] is None:
        return None
    return f"{row[0]}.halfvec"
