"""Connections of a user who may read a truth and not write it, nor make beside it what SQLite needs to read with others.

An existing write-ahead log and its index are read as by any other reader. Without a log no process writes, and the file is
opened as `immutable`. SQLite then does not notice later writes: this module checks for them.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import StoreReadOnly
from .database import BUSY_S, CONNECTION

_PATIENCE_S, _PAUSE_S = 1.0, 0.01
_NOT_YET = sqlite3.SQLITE_READONLY
"""Of a query: a writer rebuilds the index of the log, or was killed while it did. A connection opened later may read."""
_Stamp = tuple[int, int, int] | None
"""Inode, bytes and time of the last change (ns); None where there is no file, or no byte in it."""


class Reader(sqlite3.Connection):
    """To a truth whose log is read with it."""

    _held: sqlite3.Cursor

    def hold(self) -> None:
        """Keep every later query at the present state until `release`: an unfinished query pins it in SQLite."""
        self._held = self.execute("SELECT 1 FROM sqlite_master")

    def release(self) -> None:
        self._held.close()


class Immutable(sqlite3.Connection):
    """To a truth without a log, as it was when this was opened."""

    path: Path
    file: _Stamp


def reader(path: Path) -> sqlite3.Connection:
    """To be read within `read_whole`. `StoreReadOnly` for a log that cannot be read, since its index is missing or
    closed to this user."""
    uri, began = path.absolute().as_uri(), time.monotonic()
    while True:
        file = _stamp(path)
        if _stamp(_log(path)) is None:
            still = sqlite3.connect(f"{uri}?mode=ro&immutable=1", factory=Immutable, **CONNECTION)
            still.execute("PRAGMA trusted_schema = OFF")
            still.path, still.file = path, file
            return still
        connection = sqlite3.connect(f"{uri}?mode=ro", factory=Reader, **CONNECTION)
        try:
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.hold()
            return connection
        except sqlite3.Error as error:
            connection.close()
            waited_s = time.monotonic() - began
            # Log and index come and go with the last writer.
            if _code(error) == sqlite3.SQLITE_CANTOPEN and waited_s > _PATIENCE_S:
                raise StoreReadOnly(
                    f"What was written last to {path} is in {_log(path).name}, which this user cannot read without"
                    f" {path.name}-shm; let this user read both, or open the memory once as a user who can write it."
                ) from error
            if _code(error) not in (sqlite3.SQLITE_CANTOPEN, _NOT_YET) or waited_s > BUSY_S:
                raise
        time.sleep(_PAUSE_S)


def is_current(connection: sqlite3.Connection) -> bool:
    """Whether it sees what is there now, and may be read within `read_whole`."""
    if isinstance(connection, Immutable):
        return connection.file == _stamp(connection.path) and _stamp(_log(connection.path)) is None
    if isinstance(connection, Reader):
        try:
            connection.hold()
        except sqlite3.OperationalError as error:
            if _code(error) != _NOT_YET:
                raise
            return False
    return True


@contextmanager
def read_whole(connection: sqlite3.Connection) -> Iterator[None]:
    """`StoreReadOnly` if what was read may be of two states, since the file was written meanwhile: it may look damaged."""
    try:
        yield
    except Exception as error:
        _refuse_torn(connection, error)
        raise
    else:
        _refuse_torn(connection, None)
    finally:
        if isinstance(connection, Reader):
            connection.release()


def _refuse_torn(connection: sqlite3.Connection, cause: Exception | None) -> None:
    if isinstance(connection, Immutable) and connection.file != _stamp(connection.path):
        raise StoreReadOnly(
            f"{connection.path} was written while it was read by this user, who cannot write it; read it again."
        ) from cause


def _code(error: sqlite3.Error) -> int:
    """Without what tells its kinds apart; 0 where Python found the fault, and not SQLite."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF


def _log(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def _stamp(path: Path) -> _Stamp:
    with suppress(OSError):
        seen = os.stat(path)
        return (seen.st_ino, seen.st_size, seen.st_mtime_ns) if seen.st_size else None
    return None
