"""A schema of a PostgreSQL database as the truth: opening it, pooled connections, transactions, named errors."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool, ConnectionPool, PoolTimeout

from ..analyzer import Analyzer
from ..errors import BadInput, MemoryNotFound, StoreClosed, StoreReadOnly
from ..truth.database import terms_mark
from . import postgres_upgrade
from .postgres_connection import PostgresConnection
from .postgres_setup import ensure_set_up, find_schema, refuse_others
from .postgres_url import SCHEMA, PostgresPlace, parse_url
from .row_security import EVERYTHING, is_enabled, see, see_numbers

_WAIT_S = 30.0  # for a connection
_KEEPALIVE: Mapping[str, Any] = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "connect_timeout": 10,
}
_CONNECTION: Mapping[str, Any] = {"autocommit": True, "prepare_threshold": None, "application_name": "jitmem"}
_inherited: list[
    ConnectionPool[Any]
] = []  # of a parent process: never used, and never closed, since it is the parent's


class PostgresDatabase:
    """One memory: all namespaces of a schema. Thread-safe; the connections are pooled, or the caller's pool is used.

    One transaction writes at a time, as in a SQLite file: it holds the lock of the row of `meta` from its first statement
    to its commit. Readers wait for nobody.
    """

    def __init__(
        self,
        place: PostgresPlace,
        pool: ConnectionPool[Any] | None,
        *,
        create: bool,
        analyzer: Analyzer | None = None,
    ) -> None:
        self.place = place
        self.analyzer = analyzer or Analyzer()
        self.path = place.label
        self.schema = place.schema
        self.client = postgres_upgrade.POSTGRES_SCHEMA
        """The version of the tables that this process knows."""
        self.read_only = False
        self.writes = 0
        """Transactions that this process has committed, for what is kept of earlier reads."""
        self.halfvec: str | None = None
        """The type of the vectors in SQL, with its schema; None without pgvector."""
        self.has_graphs = False
        """Whether pgvector is new enough (0.8) for a graph of which a part is searched."""
        self.scope = ""
        """With row-level security, how a transaction names what it may see: here all namespaces."""
        self._own = pool is None
        self._pool = pool
        self._pid = os.getpid()
        self._closed = False
        self._lock = threading.Lock()
        try:
            self._check(create)
        except BaseException:
            self.close()
            raise

    def for_readers(self, names: Iterable[str]) -> PostgresDatabase | LimitedDatabase:
        """As the server shows it to the namespace of the first name, with what is shared with any of them."""
        if not self.scope:
            return self
        return LimitedDatabase(self, see(self.schema, names))

    def for_numbers(self, namespaces: Iterable[int], settings: str) -> LimitedDatabase:
        """To read some namespaces by their numbers, after a statement with settings of the transaction."""
        return LimitedDatabase(self, f"{see_numbers(namespaces)}; {settings}" if self.scope else settings)

    @contextmanager
    def read(self, scope: str | None = None) -> Iterator[PostgresConnection]:
        """A connection for one or more SELECTs, each of which sees a committed state."""
        with self.named_errors(), self.connection(scope) as connection:
            yield connection

    @contextmanager
    def connection(self, scope: str | None = None) -> Iterator[PostgresConnection]:
        """The same, with psycopg's own errors."""
        connection = self._borrow()
        connection.scope = self.scope if scope is None else scope
        before = connection.raw.autocommit
        try:
            connection.raw.autocommit = True
            yield connection
        finally:
            self._give_back(connection, before)

    def fetch(self, query: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[Any]:
        with self.read() as connection:
            return connection.execute(query, values).fetchall()

    @contextmanager
    def write(self) -> Iterator[PostgresConnection]:
        """One transaction that holds the write lock from its first statement; rolled back whole on any error."""
        with self.read() as connection, self.writing(connection):
            yield connection

    @contextmanager
    def write_after(self, statement: str, values: Mapping[str, Any]) -> Iterator[tuple[PostgresConnection, list[Any]]]:
        """`write` that begins with a statement, in its first message; beside the connection the rows it returns."""
        with self.read() as connection, self.writing(connection, statement, values) as rows:
            yield connection, rows

    @contextmanager
    def writing(
        self, connection: PostgresConnection, statement: str = "", values: Mapping[str, Any] | None = None
    ) -> Iterator[list[Any]]:
        """`write` on a connection that `read` has given; one with an open transaction gets the lock, and is committed. The
        rows of the first statement."""
        self._refuse_reader()
        try:
            version, clients, rows = connection.begin_write(statement.format(current="true"), values or {})
            refuse_others(self.path, version, clients, self.client)
            connection.defers = True
            yield rows
        except BaseException:
            with suppress(psycopg.Error):
                connection.rollback()
            raise
        with self._committing(connection):
            connection.commit()

    def write_once(self, statement: str, values: Mapping[str, Any]) -> list[Any]:
        """A transaction of one statement, in one message; the rows that it returns. `{current}`, a condition, is what
        `write` checks."""
        with self.read() as connection:
            return self.write_whole(connection, statement, values)

    def write_whole(self, connection: PostgresConnection, statement: str, values: Mapping[str, Any]) -> list[Any]:
        """`write_once` on a connection that `read` has given."""
        self._refuse_reader()
        known = f'(SELECT version = {self.client} OR clients @> {self.client} FROM "{self.schema}".meta)'
        with self._committing(connection):
            version, clients, rows = connection.begin_write(statement.format(current=known), values, whole=True)
        refuse_others(self.path, version, clients, self.client)
        return rows

    def _refuse_reader(self) -> None:
        if self.read_only:
            raise StoreReadOnly(f"{self.path} cannot be written by this role or on this server; reading works.")

    @contextmanager
    def _committing(self, connection: PostgresConnection) -> Iterator[None]:
        """Around what ends in COMMIT: where the connection breaks, nobody knows whether it was written."""
        try:
            yield
            self.writes += 1
        except BaseException as error:
            lost = isinstance(error, psycopg.OperationalError) and (connection.raw.closed or connection.raw.broken)
            with suppress(psycopg.Error):
                connection.rollback()
            if not lost:
                raise
            from .postgres_errors import unreachable

            raise unreachable(self.path, error, committing=True) from error

    def close(self) -> None:
        """Close the pool, unless it is the caller's."""
        self._closed = True
        if self._own and self._pool is not None and self._pid == os.getpid():
            self._pool.close()

    # ------------------------------------------------------------------------------------------------------

    def _borrow(self) -> PostgresConnection:
        if self._closed:
            raise StoreClosed("This memory was closed; open it again with Memory.open(…).")
        pool = self._pool_here()
        while True:
            connection = PostgresConnection(pool.getconn(_WAIT_S), self.schema)
            if connection.is_alive:
                return connection
            connection.raw.close()  # the server was restarted, for instance
            pool.putconn(connection.raw)

    def _give_back(self, connection: PostgresConnection, autocommit: bool) -> None:
        if connection.in_transaction and not connection.raw.closed:
            with suppress(psycopg.Error):
                connection.raw.rollback()
        with suppress(psycopg.Error):
            connection.raw.autocommit = autocommit
        self._pool_here().putconn(connection.raw)

    def _pool_here(self) -> ConnectionPool[Any]:
        """The pool of this process. A child of a fork must not use the sockets of its parent."""
        with self._lock:
            if self._pool is not None and self._pid != os.getpid():
                if not self._own:
                    raise BadInput(
                        "This memory was opened with a pool of the parent process; open it again in the child, with a"
                        " pool of the child's own or by URL."
                    )
                _inherited.append(self._pool)
                self._pool = None
            if self._pool is None:
                self._pid = os.getpid()
                options = {**_KEEPALIVE, **_CONNECTION}
                self._pool = ConnectionPool(
                    self.place.dsn,
                    min_size=0,
                    max_size=self.place.connections,
                    kwargs=options,
                    open=True,
                    timeout=_WAIT_S,
                )
            return self._pool

    def _check(self, create: bool) -> None:
        if self._own:  # the pool would try for half a minute, and not say why
            with self.named_errors():
                psycopg.connect(self.place.dsn, **_KEEPALIVE).close()
        with self.read() as connection:
            version = find_schema(connection)
            if version is None:
                if not create:
                    raise MemoryNotFound(
                        f"There is no memory at {self.path}; make one with: jitmem setup {self.path!r}, or open it with"
                        " create=True."
                    )
                ensure_set_up(connection, self.path)
                version = find_schema(connection)
            refuse_others(self.path, *(version or (0, "")), self.client)
            self.read_only = _is_read_only(connection)
            self.halfvec, self.has_graphs = _find_halfvec(connection)
            if is_enabled(connection):
                self.scope = EVERYTHING
        if not (self.read_only or self.fetch("SELECT 1 FROM mark WHERE name = ?", (terms_mark(self.analyzer),))):
            from ..truth.term_rebuild import rebuild_terms

            rebuild_terms(self)

    @contextmanager
    def named_errors(self) -> Iterator[None]:
        """Around what uses a connection: psycopg's errors under the name of who can act."""
        try:
            yield
        except (psycopg.Error, PoolTimeout, UnicodeError, OverflowError) as error:
            from .postgres_errors import raise_named

            raise_named(error, self.path)
            raise

    # -- forks: nothing is paused, a child makes a pool of its own

    def __repr__(self) -> str:
        return f"PostgresDatabase({self.path})"


class LimitedDatabase:
    """A database of which the server shows some namespaces; everything else is that of the whole one."""

    def __init__(self, whole: PostgresDatabase, scope: str) -> None:
        self._whole = whole
        self._scope = scope

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whole, name)

    @contextmanager
    def read(self) -> Iterator[PostgresConnection]:
        with self._whole.read(self._scope) as connection:
            yield connection

    def fetch(self, query: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[Any]:
        with self.read() as connection:
            return connection.execute(query, values).fetchall()

    @contextmanager
    def write(self) -> Iterator[PostgresConnection]:
        with self.read() as connection, self._whole.writing(connection):
            yield connection

    @contextmanager
    def write_after(self, statement: str, values: Mapping[str, Any]) -> Iterator[tuple[PostgresConnection, list[Any]]]:
        with self.read() as connection, self._whole.writing(connection, statement, values) as rows:
            yield connection, rows

    def write_once(self, statement: str, values: Mapping[str, Any]) -> list[Any]:
        with self.read() as connection:
            return self._whole.write_whole(connection, statement, values)


def open_postgres(place: object, *, create: bool, analyzer: Analyzer | None = None) -> PostgresDatabase:
    """By URL, or in the schema `jitmem` of what the caller's `psycopg_pool.ConnectionPool` leads to."""
    if isinstance(place, AsyncConnectionPool):
        raise BadInput(
            "Memory.open takes a psycopg_pool.ConnectionPool: its async methods run the queries in threads. Give it one"
            " beside the AsyncConnectionPool of the checkpointer, or a URL."
        )
    if isinstance(place, ConnectionPool):
        known = PostgresPlace("", SCHEMA, place.max_size or 1, f"the pool {place.name}, schema {SCHEMA}")
        return PostgresDatabase(known, place, create=create, analyzer=analyzer)
    return PostgresDatabase(parse_url(str(place)), None, create=create, analyzer=analyzer)


def _is_read_only(connection: PostgresConnection) -> bool:
    row = connection.execute(
        "SELECT pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on'"
        " OR NOT has_table_privilege(?, 'INSERT')",
        (f'"{connection.schema}".change',),
    ).fetchone()
    return bool(row and row[0])


def _find_halfvec(connection: PostgresConnection) -> tuple[str | None, bool]:
    row = connection.execute(
        "SELECT quote_ident(nspname), string_to_array(extversion, '.')::int[] >= ARRAY[0, 8] FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace"
        " WHERE extname = 'vector' AND to_regclass(?) IS NOT NULL",
        (f'"{connection.schema}".passage_vector',),
    ).fetchone()
    return (None, False) if row is None else (str(row[0]), bool(row[1]))
