"""The tables of pgvector beside the vectors of the truth."""

from __future__ import annotations

import psycopg

from .postgres_connection import PostgresConnection

_VECTORS = """
CREATE TABLE IF NOT EXISTS {name} (
    namespace bigint NOT NULL REFERENCES namespace (id) ON DELETE CASCADE,
    model     text COLLATE "C" NOT NULL,
    n         bigint NOT NULL REFERENCES {of} (n) ON DELETE CASCADE,
    number    bigint NOT NULL,
    near      {halfvec} NOT NULL,
    PRIMARY KEY (namespace, model, n)
);
CREATE INDEX IF NOT EXISTS {name}_n ON {name} (n)
"""


def make_vector_tables(connection: PostgresConnection) -> None:
    """In the schema that the search path names, where pgvector is there or can be added, and they are missing."""
    if halfvec := _halfvec(connection):
        for name, of in (("passage_vector", "embedding"), ("item_vector", "item_embedding")):
            connection.raw.execute(_VECTORS.format(name=name, of=of, halfvec=halfvec).encode())


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
