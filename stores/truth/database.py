"""The SQLite file: opening it, pooled connections, transactions, named errors, permissions.

Only the owner may read a memory: folders 0700 and files 0600. The umask is never set: all threads of the process share it.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import sqlite3
import stat
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from queue import Empty, LifoQueue
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import fork_hooks
from ..analyzer import Analyzer
from ..errors import (
    JitmemError,
    MemoryNotFound,
    NotOurStore,
    StoreClosed,
    StoreDamaged,
    StoreIsNewer,
    StoreMoved,
    StoreReadOnly,
)

if TYPE_CHECKING:
    from .database_protocol import Connection as Connection
    from .database_protocol import Database as Database
else:
    Connection = Database = Any  # for annotations alone

FILE_NAME = "truth.sqlite3"
VECTORS_LOCK, ERASE_LOCK = ".vectors.lock", ".erase.lock"
FOLDER_MODE = 0o700
DOCTOR = "`jitmem doctor` on this folder tells what is damaged and saves the rest."
APPLICATION_ID = 0x6A69746D  # "jitm"
SCHEMA_VERSION = 4
SCHEMA_MARK = "schema"
"""The mark that an upgrade leaves beside `user_version`: a statement can read it."""
_CURRENT = f"NOT EXISTS (SELECT 1 FROM mark WHERE name = '{SCHEMA_MARK}' AND n > {SCHEMA_VERSION})"
SCHEMA_DIGEST = "0a0b9af81ebeca6dd11596356c689d92fc041b117f88f5ea7fd2c6c05d60f680"
"""Of what `OBJECTS` gives for a new truth."""
OBJECTS = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name"
PERSON, RETENTION = "person", "retention"
"""The cause of a deletion, as the change log records it."""
_FORK_S = 10.0  # that a fork waits for connections at work
BUSY_S = 60.0
CONNECTION: Mapping[str, Any] = {"uri": True, "timeout": BUSY_S, "isolation_level": None, "check_same_thread": False}
"""For any thread, and no transaction begins by itself. The database is `path.absolute().as_uri()`, which quotes '?', '#'
and '%' in folder names, and the options of SQLite's URIs."""


class SqliteDatabase:
    """One truth file. Connections are pooled: as many as ever worked at once, none shared by two threads.

    While the process forks none is open. A child would believe that it holds the locks of its parent's, and when the
    parent closed its last one, the log would be deleted under the child: what that writes from then on would be lost.
    """

    def __init__(self, folder: Path, *, create: bool, analyzer: Analyzer | None = None) -> None:
        self.path = folder / FILE_NAME
        self.analyzer = analyzer or Analyzer()
        _prepare(folder, self.path, create=create, terms=terms_mark(self.analyzer))
        self._place = _place(self.path)
        self.writes = 0
        """Transactions that this process has committed, for what is kept of earlier reads."""
        self.read_only = not (os.access(self.path, os.W_OK) and os.access(folder, os.W_OK))
        self._idle: LifoQueue[sqlite3.Connection] = LifoQueue()
        self._closed = False
        self._resting = threading.Condition()
        self._working = 0
        self._own = threading.local()  # connections that the thread has borrowed
        self._forking = False
        fork_hooks.pause_for_fork(self)
        try:
            self._check()
        except BaseException:
            self.close()
            raise

    def for_readers(self, names: Iterable[str]) -> Database:
        """Itself: only a server can limit what a connection is shown."""
        return self

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A connection for one or more SELECTs, each of which sees a committed state."""
        with _named_errors(self.path):
            connection = self._borrow()
            try:
                if self.read_only:
                    from .read_only import read_whole

                    with read_whole(connection):
                        yield connection
                else:
                    yield connection
            finally:
                self._give_back(connection)

    def fetch(self, query: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[Any]:
        with self.read() as connection:
            return connection.execute(query, values).fetchall()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction that holds the write lock from its first statement; rolled back whole on any error."""
        with self.read() as connection, self.writing(connection):
            yield connection

    @contextmanager
    def write_after(self, statement: str, values: Mapping[str, Any]) -> Iterator[tuple[sqlite3.Connection, list[Any]]]:
        """`write` that begins with a statement with the condition `{current}`; beside the connection the rows it returns."""
        with self.read() as connection, self.writing(connection, checked=True):
            rows = connection.execute(statement.format(current=_CURRENT), values).fetchall()
            if not rows:
                self._refuse_newer(connection)
            yield connection, rows

    @contextmanager
    def writing(self, connection: sqlite3.Connection, *, checked: bool = False) -> Iterator[None]:
        """`write` on a connection that `read` has given; `checked`: the first statement sees whether the file is newer."""
        if self.read_only:
            raise StoreReadOnly(f"{self.path} cannot be written by this user; reading works.")
        connection.execute("BEGIN IMMEDIATE")
        try:
            self.refuse_moved()
            if not checked:
                self._refuse_newer(connection)
            yield
            connection.execute("COMMIT")
            self.writes += 1
        except BaseException:
            with suppress(sqlite3.Error):  # SQLite has rolled back by itself when the disk was full
                connection.execute("ROLLBACK")
            raise

    def write_once(self, statement: str, values: Mapping[str, Any]) -> list[Any]:
        """A transaction of one statement with the condition `{current}`; the rows that it returns. None where a newer jitmem
        has upgraded the file meanwhile: `write` then says so."""
        with self.read() as connection:
            self.refuse_moved()
            rows = connection.execute(statement.format(current=_CURRENT), values).fetchall()
            self.writes += 1
            return rows

    def close(self) -> None:
        """Close every idle connection; one at work is closed when it is given back."""
        self._closed = True
        self._close_idle()

    def _close_idle(self) -> None:
        while True:
            try:
                self._idle.get_nowait().close()
            except Empty:
                return

    def _borrow(self) -> sqlite3.Connection:
        if self._closed:
            raise StoreClosed("This memory was closed; open it again with Memory.open(…).")
        with self._resting:
            self._resting.wait_for(lambda: not self._forking or self._borrow_count())
            self._working += 1
            self._own.count = self._borrow_count() + 1
        try:
            with suppress(Empty):
                while True:
                    idle = self._idle.get_nowait()
                    if not self.read_only:
                        return idle
                    from .read_only import is_current

                    if is_current(idle):
                        return idle
                    idle.close()
            return self._connect()
        except BaseException:
            self._release()
            raise

    def _give_back(self, connection: sqlite3.Connection) -> None:
        if self._closed:
            connection.close()
        else:
            self._idle.put(connection)
        self._release()

    def _release(self) -> None:
        with self._resting:
            self._working -= 1
            self._own.count = self._borrow_count() - 1
            self._resting.notify_all()

    def _borrow_count(self) -> int:
        return getattr(self._own, "count", 0)

    def before_fork(self) -> None:
        """Wait for borrowed connections, close all, and block new ones."""
        self._resting.acquire()
        self._forking = True
        self._resting.wait_for(lambda: self._working <= self._borrow_count(), _FORK_S)
        self._close_idle()

    def after_fork_in_parent(self) -> None:
        self._forking = False
        self._resting.notify_all()
        self._resting.release()

    def after_fork_in_child(self) -> None:
        """Start again: only the thread that forked exists in the child."""
        self._forking = False
        self._idle = LifoQueue()
        self._working = self._borrow_count()
        self._resting = threading.Condition()

    def _connect(self) -> sqlite3.Connection:
        self.refuse_moved()
        if self.read_only:
            from .read_only import reader

            return reader(self.path)
        connection: sqlite3.Connection = sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=rw", **CONNECTION)
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")  # NORMAL lost data in 4 of 12 power cuts, FULL in none
        connection.execute("PRAGMA secure_delete = ON")
        return connection

    def _check(self) -> None:
        with self.read() as connection:
            application = connection.execute("PRAGMA application_id").fetchone()[0]
            if application != APPLICATION_ID:
                raise NotOurStore(f"{self.path} is a SQLite file of another program; choose another folder.")
            version = self._refuse_newer(connection)
            rows = connection.execute(OBJECTS).fetchall()
            if hashlib.sha256(repr(rows).encode()).hexdigest() != SCHEMA_DIGEST:
                from .foreign_content import refuse_unknown_objects

                refuse_unknown_objects(self.path, rows, version)
        if version < SCHEMA_VERSION:
            self._upgrade()
        if not (self.read_only or self.fetch("SELECT 1 FROM mark WHERE name = ?", (terms_mark(self.analyzer),))):
            from .term_rebuild import rebuild_terms

            rebuild_terms(self)

    def _refuse_newer(self, connection: sqlite3.Connection) -> int:
        """The schema's version, asked before every write as well: a newer jitmem may have upgraded it meanwhile."""
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if version > SCHEMA_VERSION:
            raise StoreIsNewer(
                f"{self.path} was written by a newer jitmem (schema {version}, this one knows {SCHEMA_VERSION});"
                " upgrade jitmem to open it."
            )
        return version

    def refuse_moved(self) -> None:
        """`StoreMoved` if the path leads to another file than the one that was opened, or to none."""
        if _place(self.path) != self._place:
            raise StoreMoved(
                f"{self.path} was moved or replaced while it was open; nothing was written. Open it again."
            )

    def _upgrade(self) -> None:
        from .migrations import upgrade

        if self.read_only:
            raise StoreReadOnly(f"{self.path} is of an older jitmem; open it once as a user who can write it.")
        with self.read() as connection, self.read() as reader:
            upgrade(connection, reader, self.path, SCHEMA_VERSION, self.analyzer)


def terms_mark(analyzer: Analyzer) -> str:
    """The mark of a memory in which this analyzer made every term."""
    return f"terms:{analyzer.name}"


def _prepare(folder: Path, file: Path, *, create: bool, terms: str) -> None:
    """Make folder and file where there are none and `create` allows; refuse whatever is not ours."""
    if folder.exists() and not folder.is_dir():
        raise NotOurStore(f"{folder} is a file; a memory is a folder: choose another path.")
    refuse_special_files(folder)
    if file.exists():
        if file.stat().st_size == 0:
            raise NotOurStore(f"{file} is empty (0 bytes), not a memory; remove it or restore it from a backup.")
        return
    if not create:
        raise MemoryNotFound(f"There is no memory at {folder}; make one with: jitmem memorize FILE --memory {folder}")
    if folder.is_dir() and any(not entry.name.startswith(".") for entry in folder.iterdir()):
        if file.exists():  # another process has just made it
            return
        raise NotOurStore(f"{folder} holds other files and no memory; choose an empty or a new folder.")
    try:
        make_folder(folder)
        _create(file, terms)
    except PermissionError as error:
        raise StoreReadOnly(f"No permission to make a memory at {folder}; choose a folder you can write.") from error
    except OSError as error:
        raise JitmemError(f"Cannot make a memory at {folder}: {error.strerror or error}.") from error


def refuse_special_files(folder: Path) -> None:
    """`NotOurStore` for a link, pipe or device in the place of a file, and for a journal that names another
    file, which SQLite would delete. The folder itself may be a link."""
    for name in (*(f"{FILE_NAME}{end}" for end in ("", "-wal", "-shm", "-journal")), VECTORS_LOCK, ERASE_LOCK):
        with suppress(FileNotFoundError, NotADirectoryError):
            if not stat.S_ISREG((folder / name).lstat().st_mode):
                raise NotOurStore(
                    f"{folder / name} is a link, a pipe or a device, not a file; put the file itself there."
                )
            if name.endswith("-journal"):
                from .foreign_content import refuse_super_journal

                refuse_super_journal(folder / name)


def _place(file: Path) -> tuple[int, int] | None:
    """Device and inode; None for a file that is not there."""
    with suppress(OSError):
        found = file.stat()
        return found.st_dev, found.st_ino
    return None


def _create(file: Path, terms: str) -> None:
    """Under another name first, then linked, so that no process ever meets a half-made truth."""
    draft = file.with_name(f".{file.name}-{os.getpid()}-{secrets.token_hex(4)}")
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    try:
        with _named_errors(file), closing(sqlite3.connect(draft)) as connection:
            connection.executescript(schema())
            connection.execute("INSERT INTO mark VALUES (?, 1)", (terms,))
            connection.commit()
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            connection.execute("PRAGMA journal_mode = WAL")
        with suppress(FileExistsError):  # another process was faster; theirs is as good
            os.link(draft, file)
    finally:
        draft.unlink()


def one_of(numbers: Sequence[int]) -> str:
    """The condition that a column is one of these; with one of them SQLite can keep the order of an index."""
    return f"= {numbers[0]:d}" if len(numbers) == 1 else f"IN ({','.join(f'{number:d}' for number in numbers)})"


class LoggedChange(NamedTuple):
    """A row of the change log: its number in the folder and in its namespace, and when it was written."""

    n: int
    number: int
    at: str


def log_change(db: Connection, namespace: int, kind: str, ref: int, op: str, cause: str) -> LoggedChange:
    """Add a row to the change log, which has no content."""
    return log_changes(db, namespace, kind, [ref], op, cause)


def log_changes(db: Connection, namespace: int, kind: str, refs: Sequence[int], op: str, cause: str) -> LoggedChange:
    """The same for several rows; the last one. The namespace's head comes last: it is the order of changes."""
    at = datetime.now(UTC).isoformat()
    rows = db.execute(
        "INSERT INTO change (namespace, kind, ref, op, cause, at, number)"
        " SELECT ?1, ?2, refs.value, ?3, ?4, ?5, space.head + 1 + refs.key"
        " FROM json_each(?6) AS refs CROSS JOIN namespace AS space ON space.id = ?1 ORDER BY refs.key RETURNING n, number",
        (namespace, kind, op, cause, at, json.dumps(list(refs))),
    ).fetchall()
    n, number = max(rows, default=(0, 0))
    db.executemany(
        "UPDATE namespace SET head = head + ?2, items = iif(?3 = 'item', ?4, items),"
        " erased = iif(?5 IN ('forget', 'retain'), ?4, erased) WHERE id = ?1",
        [(namespace, len(refs), kind, n, op)],
    )
    return LoggedChange(n, number, at)


def has_deleted_bytes(database: Database) -> bool:
    """Whether a process died between deleting rows and erasing their bytes, or is erasing them now."""
    return bool(database.fetch("SELECT 1 FROM erasure WHERE state = 'deleted' LIMIT 1"))


def schema(name: str = "schema.sql") -> str:
    """Every table and index, each made only where there is none; no `;` within a statement or comment."""
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


@contextmanager
def _named_errors(path: Path) -> Iterator[None]:
    """SQLite's errors under the name of who can act."""
    try:
        yield
    except (sqlite3.Error, UnicodeError, OverflowError) as error:
        from .sqlite_errors import raise_named

        raise_named(error, path)
        raise


@contextmanager
def read_back(what: str) -> Iterator[None]:
    """Around the reading of a row, also as a decorator: raise `StoreDamaged` if it cannot be decoded.

    The error does not show the row: its content belongs in no log.
    """
    try:
        yield
    except JitmemError:
        raise
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise StoreDamaged(
            f"{what} cannot be read back ({type(error).__name__}): the truth is damaged. {DOCTOR}"
        ) from None


def make_folder(folder: Path) -> None:
    """Create it with its parents; an existing folder is not changed."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    for place in reversed(missing):
        place.mkdir(mode=FOLDER_MODE, exist_ok=True)
