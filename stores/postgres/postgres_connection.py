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

    def __init__(self, connection: psycopg.Connection[Any], schema: str, scope: str = "") -> None:
        self.raw = connection
        self.schema = schema
        self.scope = scope
        """With row-level security: the statement by which a transaction names what it may see, sent with its first one."""
        self.defers = False
        """Whether statements whose rows nobody reads go with the next one, or with `commit`, in one message."""
        self._deferred: list[str] = []

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
            return cursor.execute(f"{_BEGIN[statement]}{'; ' if self.scope else ''}{self.scope}".encode())
        if statement.startswith(_SKIPPED):
            return cursor
        translation = translate(statement, self.schema)
        scope = "" if not self.scope or self.in_transaction else self.scope.replace("%", "%%") + "; "
        if self._deferred:
            bound = cursor.mogrify(translation.text.encode(), translation.values(values))
            return self._send(cursor, [*self._take_deferred(), bound])
        cursor.execute(f"{scope}{translation.text}".encode(), translation.values(values))
        while (
            scope and cursor.nextset()
        ):  # several statements in one message are one transaction; the last gives the rows
            pass
        return cursor

    def executemany(self, statement: str, rows: Iterable[Values]) -> None:
        """The statement for each of the rows, many in one round trip; outside of a transaction these are one as well."""
        translation = translate(statement, self.schema)
        cursor = psycopg.ClientCursor(self.raw, row_factory=tuple_row)
        bound = (cursor.mogrify(translation.text.encode(), translation.values(values)) for values in rows)
        if self.defers:
            for one in bound:
                self._deferred.append(one)
                if len(self._deferred) >= _AT_ONCE:
                    self._send(cursor, self._take_deferred())
            return
        while several := list(islice(bound, _AT_ONCE)):
            if self.scope and not self.in_transaction:
                several.insert(0, self.scope)
            cursor.execute(";".join(several).encode())

    def execute_together(self, statements: Iterable[tuple[str, Values]]) -> None:
        """In one message, outside of a transaction: these are one, without the write lock."""
        cursor = psycopg.ClientCursor(self.raw, row_factory=tuple_row)
        translated = [(translate(statement, self.schema), values) for statement, values in statements]
        bound = [cursor.mogrify(one.text.encode(), one.values(values)) for one, values in translated]
        self._send(cursor, [self.scope, *bound] if self.scope else bound)

    def commit(self) -> None:
        """With what was deferred, in one round trip."""
        deferred, self.defers = self._take_deferred(), False
        if deferred:
            self._send(psycopg.ClientCursor(self.raw), [*deferred, "COMMIT"])
        else:
            self.raw.commit()

    def rollback(self) -> None:
        self._deferred, self.defers = [], False
        self.raw.rollback()

    def _take_deferred(self) -> list[str]:
        deferred, self._deferred = self._deferred, []
        return deferred

    @staticmethod
    def _send(cursor: psycopg.Cursor[Any], statements: Sequence[str]) -> psycopg.Cursor[Any]:
        """Bound statements in one message; the cursor has the rows of the last one."""
        cursor.execute(";".join(statements).encode())
        while cursor.nextset():
            pass
        return cursor

    def begin_write(
        self, statement: str = "", values: Values = (), *, whole: bool = False
    ) -> tuple[int, str, list[Any]]:
        """Begin a transaction, unless one is open, and wait for the write lock of the memory, held until its end; the
        version of the schema, and of the clients that may use it, and the rows of the first statement. One round trip,
        with the commit as well where the statement is the `whole` transaction."""
        begin = "" if self.in_transaction else "BEGIN; "
        cursor = psycopg.ClientCursor(self.raw, row_factory=tuple_row)
        # What may be seen is looked up after the lock: another writer may have made the namespace meanwhile.
        scope = f"; {self.scope}" if self.scope else ""
        lock = f'SELECT version, clients::text FROM "{self.schema}".meta FOR UPDATE'
        translation = translate(statement, self.schema)
        first = cursor.mogrify(translation.text.encode(), translation.values(values)) if statement else ""
        end = "; COMMIT" if whole else ""
        cursor.execute(f"{begin}{_LIMITS}; {lock}{scope}{first and '; '}{first}{end}".encode())
        while cursor.description is None or cursor.description[0].name != "version":
            cursor.nextset()
        row = cursor.fetchone()
        rows: list[Any] = []
        while first and cursor.nextset():
            rows = cursor.fetchall() if cursor.description else rows
        return (*(row or (0, "")), rows)

    def enter_scope(self) -> None:
        """In a transaction that did not begin here."""
        if self.scope:
            self.raw.execute(self.scope.encode())
