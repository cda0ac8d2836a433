"""One connection of PostgreSQL with the few methods of `sqlite3.Connection` that the stores use."""

from __future__ import annotations

import select
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from .sql_dialect import translate

Values = Sequence[Any] | Mapping[str, Any]
# Within a transaction only, so that pgbouncer may give the next one to another server process. A writer that vanished
# without a word holds the lock no longer than this.
_LIMITS = "SET LOCAL lock_timeout = '60s'; SET LOCAL idle_in_transaction_session_timeout = '120s'"
_BEGIN = {"BEGIN": "BEGIN ISOLATION LEVEL REPEATABLE READ"}  # what SQLite gives: one state until the end
_AT_ONCE = 200  # statements of executemany
_SKIPPED = ("CREATE TABLE IF NOT EXISTS probe",)  # a table that some old SQLite files lack


class PostgresConnection:
    """Values are bound on this side, so one statement is one round trip, and nothing is prepared in the server."""

    IntegrityError = psycopg.IntegrityError
    OperationalError = psycopg.OperationalError

    def __init__(self, connection: psycopg.Connection[Any], schema: str) -> None:
        self.raw = connection
        self.schema = schema

    @property
    def in_transaction(self) -> bool:
        return self.raw.info.transaction_status != TransactionStatus.IDLE

    @property
    def is_alive(self) -> bool:
        """Whether the server has not closed it, as far as the socket tells, without asking."""
        if self.raw.closed:
            return False
        poll = select.poll()
        poll.register(self.raw.fileno(), select.POLLIN)
        while poll.poll(0):  # the last words of a server that dies come before the end of the stream
            try:
                self.raw.pgconn.consume_input()
            except psycopg.Error:
                return False
        return not self.raw.broken

    def execute(self, statement: str, values: Values = ()) -> psycopg.Cursor[Any]:
        """A statement in the dialect of the stores."""
        cursor = psycopg.ClientCursor(self.raw, row_factory=tuple_row)
        if statement == "BEGIN IMMEDIATE":
            self.begin_write()
            return cursor
        if statement in _BEGIN:
            return cursor.execute(_BEGIN[statement].encode())
        if statement.startswith(_SKIPPED):
            return cursor
        translation = translate(statement, self.schema)
        return cursor.execute(translation.text.encode(), translation.values(values))

    def executemany(self, statement: str, rows: Iterable[Values]) -> None:
        """The statement for each of the rows, many in one round trip; outside of a transaction these are one as well."""
        translation = translate(statement, self.schema)
        cursor = psycopg.ClientCursor(self.raw, row_factory=tuple_row)
        bound = (cursor.mogrify(translation.text.encode(), translation.values(values)) for values in rows)
        while several := list(islice(bound, _AT_ONCE)):
            cursor.execute(";".join(several).encode())

    def begin_write(self) -> int:
        """Begin a transaction, unless one is open, and wait for the write lock of the memory, held until its end; the
        version of the schema. One round trip."""
        begin = "" if self.in_transaction else "BEGIN; "
        cursor = psycopg.ClientCursor(self.raw, row_factory=tuple_row)
        cursor.execute(f'{begin}{_LIMITS}; SELECT version FROM "{self.schema}".meta FOR UPDATE'.encode())
        while cursor.nextset():
            pass
        row = cursor.fetchone()
        return int(row[0]) if row else 0
