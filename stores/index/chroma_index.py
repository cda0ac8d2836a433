"""Chroma as the vector index: one owner process a folder; everybody else, and everybody when it fails, scans the truth."""

from __future__ import annotations

import ctypes
import json
import logging
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from .. import fork_hooks
from ..errors import JitmemError, StoreFull
from ..truth.database import Database, make_folder, restrict_permissions
from ..truth.embeddings import EmbeddingStore, newest_erasure
from .vector_index import ExactVectors

if TYPE_CHECKING:
    from .chroma_vectors import ChromaVectors

FOLDER = "vectors"
OPENED = "opened"  # a file in it: the newest erasure when it was created, and the process that opened it last
TRIAL = "trial"  # a file in it while Chroma reads a collection: some damage ends the process, and would end the next
_started = _inherited_threads = False
REST_S = 60.0
"""For which Chroma is left alone when it has failed; after each further failure twice as long."""


def _open_systems() -> Any:
    """Where Chroma keeps what is open, by folder; None where it was never imported."""
    return getattr(sys.modules.get("chromadb.api.shared_system_client"), "SharedSystemClient", None)


def _note_threads() -> None:
    """In a child: whether its parent had started Chroma, here or in other code."""
    global _inherited_threads
    shared = _open_systems()
    inherited = list(shared._identifier_to_system.values()) if shared else []
    _inherited_threads |= _started or bool(inherited)
    for system in inherited:
        _keep_alive(system)


def _keep_alive(of_chroma: object) -> None:
    """Never dealloc it, not even at exit. In a child, dropping a Chroma waits for ever for threads that did not cross
    the fork; dropping one that has failed sometimes hangs all threads of the process (1.5.9, on a full disk)."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(of_chroma))


if hasattr(os, "register_at_fork"):  # there is no fork elsewhere
    os.register_at_fork(after_in_child=_note_threads)


class Retired(Exception):
    """The collection was closed; ask the folder for another."""


class ChromaFolder:
    """The folder beside the truth. The process with its lock owns Chroma, with the collections of all subjects.

    Two writers on one Chroma folder silently lose vectors, hence one owner. Ownership is asked for at the first
    search or feed, again at each later one, and kept until `close()`. A child of a process that had started Chroma
    never owns it: Chroma would wait there for threads that did not cross the fork.

    Chroma leaves the bytes of deleted vectors in its files. So a folder older than the newest erasure is deleted by its
    owner at the next search, feed or `close()`, and the next search rebuilds it from the truth.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER
        self._lock_path = folder / f".{FOLDER}.lock"
        self._client: Any = None
        self._begin()
        fork_hooks.call_in_child(self)

    def after_fork_in_child(self) -> None:
        """The parent's lock stays the parent's, and its client can neither work nor be closed here."""
        self._begin()

    @property
    def is_owner(self) -> bool:
        return self._client is not None

    def vectors(self, embeddings: EmbeddingStore) -> ChromaVectors | None:
        """The collection of these vectors; None where another process owns the folder, or the memory is read-only."""
        with self._lock:
            if time.monotonic() < self._rests_until:
                return None
            if self._opened and self._erasure != newest_erasure(embeddings.database):
                self._drop()
            if embeddings not in self._opened and not embeddings.database.read_only and not _inherited_threads:
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
                stale = any(self._erasure != newest_erasure(embeddings.database) for embeddings in self._opened)
            self._retire()
            if stale:
                shutil.rmtree(self._folder, ignore_errors=True)
            self._file_lock.release()

    def discard_if_stale(self, database: Database) -> str | None:
        """Delete the folder if it is older than the newest erasure; the reason where another process owns it."""
        with self._lock:
            if not self._folder.exists() or self._start_erasure() == newest_erasure(database):
                return None
            if self._file_lock.is_locked:
                self._drop()
                return None
            try:
                with self._file_lock.acquire(timeout=0):
                    self._drop()
            except Timeout:
                owner = self._read_marker().get("process")
                who = "another memory in this process" if owner == os.getpid() else f"process {owner}"
                return f"The vector index is open in {who}; its next search, flush or close rebuilds it."
        return None

    def _drop(self, *, failed: bool = False) -> None:
        self._retire(failed=failed)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _retire(self, *, failed: bool = False) -> None:
        """Close Chroma once no thread uses it, or abandon it if it has `failed`; the lock stays."""
        for vectors in self._opened.values():
            vectors.retire()
        self._opened.clear()
        if self._client is not None and not failed:
            self._client.close()
        self._client = None
        # Chroma keeps what failed, to start or later, and would hand it out again: it waits for ever in a later call.
        if self._file_lock.is_locked and (shared := _open_systems()):
            _keep_alive(shared._identifier_to_system.pop(str(self._folder), None))
            shared._identifier_to_refcount.pop(str(self._folder), None)

    def _start_erasure(self) -> int:
        """The newest erasure when the folder was created; 0 for none."""
        return int(self._read_marker().get("erasure", 0))

    def _read_marker(self) -> dict[str, int]:
        try:
            return dict(json.loads((self._folder / OPENED).read_text(encoding="ascii")))
        except (OSError, ValueError, TypeError):
            return {}

    def _begin(self) -> None:
        self._file_lock = FileLock(self._lock_path, mode=0o600, thread_local=False)
        self._lock = threading.Lock()
        self._at_work = threading.Lock()  # of all collections: no write while files are zeroed
        self._client = None
        self._rests_until = 0.0
        self._failures: int = 0
        self._erasure = 0  # the newest when the folder was opened
        self._opened: dict[EmbeddingStore, ChromaVectors] = {}

    def _open(self, embeddings: EmbeddingStore) -> ChromaVectors:
        try:
            return self._start(embeddings)
        except JitmemError:  # of the truth, such as StoreClosed: the folder is not to blame
            raise
        except Exception:
            self._drop(failed=True)  # the folder is a cache: what cannot be opened is rebuilt from the truth
            return self._start(embeddings)

    def _start(self, embeddings: EmbeddingStore) -> ChromaVectors:
        global _started
        from .chroma_vectors import ChromaVectors, zero_unfilled

        if self._client is None:
            _started = True  # before the import: a child cannot finish an import that a thread of its parent started
            import chromadb
            from chromadb.config import Settings

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
            self._client = chromadb.PersistentClient(self._folder, settings=settings)
        restrict_permissions(self._folder)  # Chroma's own files come with whatever the umask leaves
        trial = self._folder / TRIAL
        trial.touch(0o600)
        try:
            return ChromaVectors(embeddings, self._client, self._tidy, self._at_work)
        finally:
            trial.unlink(missing_ok=True)

    def _tidy(self) -> None:
        from .chroma_vectors import zero_unfilled

        zero_unfilled(self._folder)
        restrict_permissions(self._folder)


T = TypeVar("T")
MIN_VECTORS = int(os.environ.get("JITMEM_CHROMA_MIN_VECTORS", "20000"))
"""With fewer vectors the exact scan answers: at 10,000 vectors of 384 dimensions it takes a fifth of Chroma's CPU, finds
every neighbour, and filing feeds no graph (benchmarks/indexes.py)."""
_log = logging.getLogger("jitmem")


def _errors() -> tuple[type[Exception], ...]:
    """By which Chroma fails: its own, where it was imported, and those of the disk."""
    errors = sys.modules.get("chromadb.errors")
    return (StoreFull, OSError, errors.ChromaError) if errors else (StoreFull, OSError)


class OwnedChroma:
    """The vectors of one store: from Chroma where there are many and this process owns the folder, else from an exact scan.

    Where Chroma fails, as on a full disk, the exact scan answers as well for a minute, and the log says so: once, until
    it works again. Indexes of several stores over one folder share a `ChromaFolder`; closing one closes all.
    """

    def __init__(self, embeddings: EmbeddingStore, folder: Path | ChromaFolder) -> None:
        self._embeddings = embeddings
        self._folder = folder if isinstance(folder, ChromaFolder) else ChromaFolder(folder)
        self._exact = ExactVectors(embeddings)
        self._failed = False
        self._written_before = 0
        self._many = MIN_VECTORS <= 0

    @property
    def owner(self) -> bool:
        return self._folder.is_owner

    def search(self, vector: NDArray[np.float32], k: int, namespaces: Sequence[int]) -> list[tuple[int, float]]:
        if not self._many:
            hits = self._exact.search(vector, k, namespaces)
            self._many = self._exact.newest >= MIN_VECTORS
            return hits
        found = self._try_chroma(lambda owned: owned.search(vector, k, namespaces))
        return self._exact.search(vector, k, namespaces) if found is None else found

    def catch_up(self, *, at_least: int = 1) -> None:
        """Feed Chroma if it is ours; with more than one vector at least, those that this process has written count."""
        written = self._embeddings.written
        if at_least > 1 and written - self._written_before < at_least:
            return
        self._written_before = written
        self._many = self._many or self._embeddings.newest()[1] >= MIN_VECTORS
        if self._many:
            self._try_chroma(lambda owned: owned.catch_up(at_least=at_least))

    def _try_chroma(self, what: Callable[[ChromaVectors], T]) -> T | None:
        """What Chroma answers; None where it is not ours, or fails."""
        try:
            while owned := self._folder.vectors(self._embeddings):
                with suppress(Retired):
                    answer = what(owned)
                    self._failed = False
                    return answer
        except _errors() as error:
            if not self._failed:
                _log.warning("Chroma cannot work, so vectors are compared one by one until it can: %s", error)
            self._failed = True
            self._folder.back_off()
        return None

    def close(self) -> None:
        self._exact.close()
        self._folder.close()
