"""The folder of Chroma beside the truth, with one owner process."""

from __future__ import annotations

import json
import logging
import os
import shutil
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock, Timeout

from .. import fork_hooks
from ..errors import JitmemError, StoreFull, StoreMoved
from ..truth.database import FOLDER_MODE, VECTORS_LOCK, Database, SqliteDatabase, make_folder
from ..truth.embeddings import ERASED_VECTORS, EmbeddingStore
from .chroma_index import keep_alive, open_systems
from .chroma_layout import find_foreign, find_unreached_vectors
from .chroma_vectors import ChromaVectors, Retired, zero_unfilled

T = TypeVar("T")
FOLDER = "vectors"
OPENED = "opened"  # a file in it: the newest erasure when it was created, and the process that opened it last
TRIAL = "trial"  # a file in it while Chroma reads a collection: some damage ends the process, and would end the next
REST_S = 60.0
"""For which Chroma is left alone when it has failed; after each further failure twice as long."""
ASIDE = tuple(f"{FOLDER}.aside{number}" for number in ("", "-2", "-3"))
"""What a folder that is not ours is renamed to; once all are taken it is deleted. The next erasure deletes them too."""
_FILE_MODE = 0o600
_log = logging.getLogger("jitmem")


def failures(*others: type[BaseException]) -> tuple[type[BaseException], ...]:
    """By which Chroma fails: its own errors, where it was imported, those of the disk, panics of its Rust code, which are
    no `Exception`, and `others`."""
    errors = sys.modules.get("chromadb.errors")
    panics = [kind for kind in BaseException.__subclasses__() if kind.__module__ == "pyo3_runtime"]
    return (StoreFull, OSError, *others, *panics, *([errors.ChromaError] if errors else []))


class ChromaFolder:
    """The folder beside the truth. The process with its lock owns Chroma, with the collections of all subjects.

    Two writers on one Chroma folder silently lose vectors, hence one owner. Ownership is asked for at the first
    search or feed, again at each later one, and kept until `close()`. A child of a process that had started Chroma,
    or tried to, never asks (`OwnedChroma`): Chroma would wait there for threads that did not cross the fork.

    A folder that holds more than Chroma and this package write is put aside before Chroma opens it (`find_foreign`).

    Chroma leaves the bytes of deleted vectors in its files. So a folder older than the newest erasure is deleted by its
    owner at the next search, feed or `close()`, and the next search rebuilds it from the truth.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER
        self._lock_path = folder / VECTORS_LOCK
        self._client: Any = None
        self._begin()
        fork_hooks.call_in_child(self)

    def after_fork_in_child(self) -> None:
        """The parent's lock stays the parent's, and its client can neither work nor be closed here."""
        self._begin()

    @property
    def is_owner(self) -> bool:
        return self._client is not None

    def try_vectors(
        self, embeddings: EmbeddingStore, what: Callable[[ChromaVectors], T], erased: int | None = None
    ) -> T | None:
        """What Chroma answers; None where it is not ours, or fails. The log says so once, until it works again."""
        try:
            while owned := self.vectors(embeddings, erased):
                with suppress(Retired):
                    answer = what(owned)
                    self._failing = False
                    return answer
        except failures() as error:
            if not self._failing:
                _log.warning("Chroma cannot work, so vectors are compared one by one until it can: %s", error)
            self._failing = True
            self.back_off()
        return None

    def vectors(self, embeddings: EmbeddingStore, erased: int | None = None) -> ChromaVectors | None:
        """The collection of these vectors; None where another process owns the folder, or the memory is read-only. `erased`
        is the newest erasure that the caller knows; without it the truth is asked."""
        with self._lock:
            if time.monotonic() < self._rests_until or _is_moved(embeddings.database):
                return None
            is_newest = erased is not None and erased <= self._erasure
            if self._opened and not is_newest and self._erasure != newest_erasure(embeddings.database):
                self._drop()
            if embeddings not in self._opened and not embeddings.database.read_only:
                if not self._file_lock.is_locked:
                    try:
                        self._file_lock.acquire(timeout=0)
                    except Timeout:
                        return None
                self._opened[embeddings] = self._open(embeddings)
            return self._opened.get(embeddings)

    def back_off(self) -> None:
        """Abandon Chroma after a failure, and open it again after a pause: after some failures it no longer answers,
        not even by an error.

        A Chroma that has failed is not closed: its threads and handles stay until the process ends."""
        with self._lock:
            self._retire(failed=True)
            self._rests_until = time.monotonic() + REST_S * 2**self._failures
            self._failures += 1

    def close(self) -> None:
        with self._lock:
            stale = False
            with suppress(JitmemError):  # of a truth that is closed already: the next owner looks again
                stale = any(
                    not _is_moved(embeddings.database) and self._erasure != newest_erasure(embeddings.database)
                    for embeddings in self._opened
                )
            self._retire()
            if stale:
                remove(self._folder)
            self._file_lock.release()

    def discard_if_stale(self, database: SqliteDatabase) -> str | None:
        """Delete the folder if it is older than the newest erasure; the reason where that is not all, or impossible: a
        link was removed and what it leads to was not looked at, or another process owns the folder."""
        with self._lock:
            link = os.readlink(self._folder) if self._folder.is_symlink() else None
            if link is None and (not self._folder.exists() or self._start_erasure() == newest_erasure(database)):
                return None
            database.refuse_moved()
            if self._file_lock.is_locked:
                self._drop()
                return None
            try:
                with self._file_lock.acquire(timeout=0):
                    self._drop()
                if link is not None:
                    return f"{FOLDER} was a link to {link!r}, and was removed; vectors may lie there: look, then purge."
            except Timeout:
                owner = self._read_marker().get("process")
                who = "another memory in this process" if owner == os.getpid() else f"process {owner}"
                return f"The vector index is open in {who}; its next search, flush or close rebuilds it."
        return None

    def _drop(self, *, failed: bool = False) -> None:
        self._retire(failed=failed)
        remove(self._folder)

    def _retire(self, *, failed: bool = False) -> None:
        """Close Chroma once no thread uses it, or abandon it if it has `failed`; the lock stays."""
        for vectors in self._opened.values():
            vectors.retire()
        self._opened.clear()
        if self._client is not None and not failed:
            self._client.close()
        self._client = None
        # Chroma keeps what failed, to start or later, and would hand it out again: it waits for ever in a later call.
        if self._file_lock.is_locked and (shared := open_systems()):
            keep_alive(shared._identifier_to_system.pop(str(self._folder), None))
            shared._identifier_to_refcount.pop(str(self._folder), None)

    def _start_erasure(self) -> int:
        """The newest erasure when the folder was created; 0 for none."""
        return self._read_marker().get("erasure", 0)

    def _read_marker(self) -> dict[str, int]:
        """What is a number in the marker; no more of it is read, and no other kind of file than a plain one."""
        try:
            if not stat.S_ISREG((self._folder / OPENED).lstat().st_mode):
                return {}
            with (self._folder / OPENED).open(encoding="ascii") as file:
                return {name: value for name, value in json.loads(file.read(999)).items() if type(value) is int}
        except (OSError, ValueError, AttributeError, RecursionError):
            return {}

    def put_aside_foreign(self) -> str | None:
        """Rename the folder if it is not ours; what was done, None for a folder that is ours, or open elsewhere."""
        with self._lock:
            try:
                with self._file_lock.acquire(timeout=0):
                    return self._put_aside() if self._client is None else None
            except Timeout:
                return None

    def _put_aside(self) -> str | None:
        reason = find_foreign(self._folder) if os.path.lexists(self._folder) else None
        if reason is None:
            return None
        free = next((place for name in ASIDE if not os.path.lexists(place := self._folder.with_name(name))), None)
        if free is None:
            remove(self._folder)
        else:
            self._folder.rename(free)
        done = "was deleted" if free is None else f"was put aside as {free.name}; look at it and delete it"
        what = "is not a vector index of this memory, or one that a killed process left half written"
        return f"{self._folder} {what} ({reason}): it {done}. The index is rebuilt."

    def _begin(self) -> None:
        self._file_lock = FileLock(self._lock_path, mode=0o600, thread_local=False)
        self._lock = threading.Lock()
        self._at_work = threading.Lock()  # of all collections: no write while files are zeroed
        self._client = None
        self._rests_until = 0.0
        self._failures: int = 0
        self._failing = False
        self._erasure = 0  # the newest when the folder was opened
        self._opened: dict[EmbeddingStore, ChromaVectors] = {}
        self._unreached: dict[str, list[int]] = {}  # by collection, as its graph was when the folder was opened

    def _open(self, embeddings: EmbeddingStore) -> ChromaVectors:
        try:
            return self._start(embeddings)
        except JitmemError:  # of the truth, such as StoreClosed: the folder is not to blame
            raise
        except failures(Exception):
            self._drop(failed=True)  # the folder is a cache: what cannot be opened is rebuilt from the truth
            return self._start(embeddings)

    def _start(self, embeddings: EmbeddingStore) -> ChromaVectors:
        if self._client is None:
            import chromadb
            from chromadb.config import Settings

            if done := self._put_aside():
                _log.warning("%s", done)
            self._erasure = erasure = newest_erasure(embeddings.database)
            if self._folder.exists() and (self._start_erasure() != erasure or (self._folder / TRIAL).exists()):
                shutil.rmtree(self._folder)
            make_folder(self._folder)
            # Before the first vector is read: one that is erased later than this is noticed.
            said = json.dumps({"erasure": erasure, "process": os.getpid()})
            (self._folder / OPENED).write_text(said, encoding="ascii")
            # Chroma would read a .env of its own accord, wherever the process was started.
            settings = Settings(anonymized_telemetry=False, _env_file=None)  # type: ignore[call-arg]
            zero_unfilled(self._folder)  # where an owner died before it could
            self._unreached = find_unreached_vectors(self._folder)
            self._client = chromadb.PersistentClient(self._folder, settings=settings)
        restrict_permissions(self._folder)  # Chroma's own files come with whatever the umask leaves
        trial = self._folder / TRIAL
        trial.touch(0o600)
        try:
            return ChromaVectors(embeddings, self._client, self._tidy, self._at_work, self._unreached)
        finally:
            trial.unlink(missing_ok=True)

    def _tidy(self) -> None:
        zero_unfilled(self._folder)
        restrict_permissions(self._folder)


def is_owned(folder: Path) -> bool:
    """Whether a memory over this folder owns the index now."""
    if not (folder / VECTORS_LOCK).exists():
        return False
    try:
        with FileLock(folder / VECTORS_LOCK, mode=0o600).acquire(timeout=0):
            return False
    except Timeout:
        return True
    except OSError:  # not for this user to write
        return False


def _is_moved(database: Database) -> bool:
    """Then nothing may be written beside the truth: the folder may be another memory's."""
    assert isinstance(database, SqliteDatabase), "Chroma lies beside a file"
    try:
        database.refuse_moved()
    except StoreMoved:
        return True
    return False


def remove(folder: Path) -> None:
    """A folder with all in it, or whatever else has the name; a link is removed, not what it leads to."""
    if folder.is_dir() and not folder.is_symlink():
        shutil.rmtree(folder, ignore_errors=True)
    else:
        folder.unlink(missing_ok=True)


def files_open_to_others(folder: Path) -> Iterator[Path]:
    """Everything in the folder that group or others may access; links are not followed."""
    for place, folders, files in os.walk(folder):
        for name in sorted([*folders, *files]):
            path = Path(place, name)
            with suppress(FileNotFoundError):
                if not path.is_symlink() and path.lstat().st_mode & 0o077:
                    yield path


def restrict_permissions(folder: Path) -> None:
    """Remove the permissions of group and others from everything in the folder; links are not followed.

    Files of another owner are not changed.
    """
    for path in files_open_to_others(folder):
        with suppress(FileNotFoundError, PermissionError):
            path.chmod(path.lstat().st_mode & (FOLDER_MODE if path.is_dir() else _FILE_MODE))


def newest_erasure(database: Database) -> int:
    """The number of the newest erasure of vectors; 0 if there was none."""
    rows = database.fetch("SELECT n FROM mark WHERE name = ?", (ERASED_VECTORS,))
    return int(rows[0][0]) if rows else 0
