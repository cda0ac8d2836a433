"""What the stores need of a database, in either dialect: `SqliteDatabase` and `PostgresDatabase` have it.

The SQL is written once, as SQLite reads it; `stores/postgres/sql_dialect.py` translates it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from ..analyzer import Analyzer

Values = Sequence[Any] | Mapping[str, Any]


class Cursor(Protocol):
    """The rows of a statement."""

    @property
    def rowcount(self) -> int: ...
    @property
    def description(self) -> Any: ...
    def fetchone(self) -> Any: ...
    def fetchall(self) -> list[Any]: ...
    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """Of `sqlite3.Connection` what the stores use."""

    @property
    def in_transaction(self) -> bool: ...
    @property
    def IntegrityError(self) -> type[Exception]: ...  # noqa: N802  # as sqlite3 has it
    def execute(self, statement: str, values: Values = ..., /) -> Cursor: ...
    def executemany(self, statement: str, rows: Iterable[Values], /) -> object:
        """Nobody looks at what it returns: in a transaction it may run together with the next statement."""


class Database(Protocol):
    """All namespaces of one memory. Thread-safe; a connection is one thread's while its block lasts."""

    @property
    def path(self) -> Path | str:
        """The file, or the URL without its password."""

    @property
    def analyzer(self) -> Analyzer: ...
    @property
    def read_only(self) -> bool: ...
    @property
    def writes(self) -> int:
        """Transactions that this process has committed, for what is kept of earlier reads."""

    def read(self) -> AbstractContextManager[Connection]:
        """A connection for one or more SELECTs, each of which sees a committed state."""

    def fetch(self, query: str, values: Values = ..., /) -> list[Any]: ...
    def write(self) -> AbstractContextManager[Connection]:
        """One transaction that holds the write lock from its first statement; rolled back whole on any error."""

    def write_once(self, statement: str, values: Mapping[str, Any], /) -> list[Any]:
        """A transaction of one statement with the condition `{current}`, which is what `write` checks; its rows."""

    def write_after(
        self, statement: str, values: Mapping[str, Any], /
    ) -> AbstractContextManager[tuple[Connection, list[Any]]]:
        """`write` that begins with a statement with the condition `{current}`; beside the connection the rows it returns."""

    def writing(self, connection: Any, /) -> AbstractContextManager[object]:
        """`write` on a connection that `read` has given."""

    def for_readers(self, names: Iterable[str], /) -> Any:
        """The database as the server shows it to the namespace of the first name, with what is shared with any of them."""

    def close(self) -> None: ...
