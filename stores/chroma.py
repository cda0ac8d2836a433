"""Chroma as the vector index: one owner process a folder, fed in batches from the truth, numbers only, no text."""

from __future__ import annotations

import ctypes
import hashlib
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

from . import forks
from .connection import Database
from .embeddings import EmbeddingStore
from .errors import JitmemError, StoreFull
from .forgetting.forget import newest_erasure
from .owner_only import close_to_others, make_folder
from .unused import blank
from .vectors import BATCH, ExactVectors, Scan

if TYPE_CHECKING:
    from chromadb.api.models.Collection import Collection

T = TypeVar("T")
_log = logging.getLogger("jitmem")
FOLDER = "vectors"
OPENED = "opened"  # a file in it: the newest erasure when it was begun, and the process that opened it last
TRIAL = "trial"  # a file in it while Chroma reads a collection: some damage ends the process, and would end the next
HNSW: dict[str, Any] = {  # by subject; with the default of 16 neighbours, 27 of 300 versions of one item were lost
    "passages": {"space": "cosine", "ef_search": 500},  # with the default of 100 many of the 200 nearest were missed
    "items": {"space": "cosine", "ef_search": 300, "max_neighbors": 32},
}
_started = _inherited_threads = False
REST_S = 60.0
"""For which Chroma is left alone when it has failed; after each further failure twice as long."""
NEWEST = 2000
"""Vectors that are compared one by one, though Chroma has them. What came since it last wrote its graph, up to 1,000
vectors, it adds again whenever it is opened, in several threads, and may lose some of it: of 1,500 collections of 40
vectors, 12 had one that no search found any more (none of 700 with one thread)."""


class Retired(Exception):
    """The collection was closed; ask the folder for another."""


class ChromaVectors:
    """The collection of one subject and one generation of one embedding model, those of former generations deleted.
    Ids are the numbers of passages, or of versions of items; the namespace is a number in the metadata.

    How far it has read is kept in the truth under the collection's own id, so a folder that was deleted, or a
    restored old one, is simply fed again.
    """

    def __init__(
        self, embeddings: EmbeddingStore, client: Any, fed: Callable[[], None], at_work: threading.Lock
    ) -> None:
        self._embeddings = embeddings
        self._client = client
        self._fed_some = fed  # told after each batch, while nobody else is at work
        self._lock = at_work
        self._tidied = False
        self._read = self._count = 0
        self._known: frozenset[int] = frozenset()
        self._dimension: int | None = None
        self._begin(embeddings.newest()[0])

    def retire(self) -> None:
        """Wait for whoever is searching or feeding; whoever comes later is told `Retired`."""
        with self._lock:
            self._client = None

    def search(self, vector: NDArray[np.float32], k: int, namespaces: Sequence[int]) -> list[tuple[int, float]]:
        """`(number, cosine)`, best first, approximate (HNSW) but for the newest, which are compared one by one;
        similarities of 0 and less are left out."""
        self.catch_up(at_least=self._embeddings.subject.feed)
        with self._lock:
            self._check()
            generation, last = self._embeddings.newest()
            if generation != self._generation:
                self._begin(generation)
            newest = [self._newest(namespace) for namespace in namespaces]
            for namespace, scan in zip(namespaces, newest, strict=True):
                scan.catch_up(self._embeddings, generation, last, namespace)
            if not np.any(vector):
                return []
            for dimension in (self._dimension, *(scan.dimension for scan in newest)):
                if dimension not in (None, len(vector)):
                    raise self._embeddings.changed(len(vector), generation)
            found = dict(self._fed(vector, k, namespaces))
            for scan in newest:
                found |= dict(scan.search(vector, k))
        return sorted(found.items(), key=lambda pair: -pair[1])[:k]

    def _newest(self, namespace: int) -> Scan:
        """The last vectors of a namespace, fed or not, begun anew when it holds twice as many as it must."""
        scan = self._scans.get(namespace)
        if scan is None or scan.after < self._read - 2 * NEWEST:
            scan = self._scans[namespace] = Scan(max(0, self._read - NEWEST))
        return scan

    def _fed(self, vector: NDArray[np.float32], k: int, namespaces: Sequence[int]) -> list[tuple[int, float]]:
        if not self._count:
            return []
        found = self._collection.query(
            query_embeddings=vector.reshape(1, -1),
            n_results=min(k, self._count),
            where=self._only(namespaces),
            include=["distances"],
        )
        if not self._tidied:  # the first query of an index that is not written yet begins its files anew
            self._fed_some()
            self._tidied = True
        distances = (found["distances"] or [[]])[0]
        pairs = ((int(seq), 1.0 - float(distance)) for seq, distance in zip(found["ids"][0], distances, strict=True))
        return [(seq, cosine) for seq, cosine in pairs if cosine > 0]

    def catch_up(self, *, at_least: int = 1) -> None:
        """Upsert what the truth has kept since the mark, in batches; then advance the mark."""
        with self._lock:
            self._check()
            while True:
                generation, last = self._embeddings.newest()
                if generation != self._generation:
                    self._begin(generation)
                if last - self._read < at_least:
                    return
                numbers, seqs, namespaces, matrix = self._embeddings.rows(generation, self._read, BATCH)
                if not len(numbers):
                    self._read = last
                    return
                known = np.flatnonzero(np.any(matrix, axis=1))  # a vector of zeros has no direction to compare
                if len(known):
                    self._collection.upsert(
                        ids=[str(seqs[i]) for i in known],
                        embeddings=matrix[known],
                        metadatas=[{"namespace": int(namespaces[i])} for i in known],
                    )
                    self._fed_some()
                self._count = self._collection.count()
                self._dimension = matrix.shape[1]
                self._read = int(numbers[-1])
                self._known = frozenset()
                self._collection.modify(metadata={"read": self._read})
                self._embeddings.advance(self._mark, self._read)

    def _check(self) -> None:
        if self._client is None:
            raise Retired

    def _begin(self, generation: int) -> None:
        """Take up the collection of a generation, as far as it was fed, and delete the others of this model."""
        model = f"{self._embeddings.subject.name}-" + hashlib.sha256(self._embeddings.model.encode()).hexdigest()[:16]
        name = f"{model}-{generation}" if generation else model
        for other in self._client.list_collections():
            if other.name.startswith(model) and other.name != name:
                self._client.delete_collection(other.name)
        self._collection: Collection = self._client.get_or_create_collection(
            name, embedding_function=None, configuration={"hnsw": HNSW[self._embeddings.subject.name]}
        )
        self._generation = generation
        self._tidied = False
        self._scans: dict[int, Scan] = {}  # of the newest, by namespace
        self._mark = f"chroma:{self._collection.id}"
        # The folder may be an older one than the mark, or the truth older than the folder: believe the lesser.
        self._read = min(self._embeddings.mark(self._mark), int((self._collection.metadata or {}).get("read", 0)))
        self._dimension = self._embeddings.dimension()
        self._count = self._collection.count()  # asking costs more than a search

    def _only(self, namespaces: Sequence[int]) -> dict[str, Any] | None:
        """The filter; a filter costs milliseconds, so there is none where the truth holds no other namespace."""
        if self._known <= frozenset(namespaces):
            with self._embeddings.database.read() as db:
                self._known = frozenset(row[0] for row in db.execute("SELECT id FROM namespace"))
        if self._known <= frozenset(namespaces):
            return None
        return {"namespace": namespaces[0] if len(namespaces) == 1 else {"$in": list(namespaces)}}


def _shared() -> Any:
    """Where Chroma keeps what is open, by folder; None where it was never imported."""
    return getattr(sys.modules.get("chromadb.api.shared_system_client"), "SharedSystemClient", None)


def _note_threads() -> None:
    """In a child: whether its parent had started Chroma, its own or somebody else's."""
    global _inherited_threads
    shared = _shared()
    inherited = list(shared._identifier_to_system.values()) if shared else []
    _inherited_threads |= _started or bool(inherited)
    for system in inherited:
        _never_drop(system)


def _never_drop(of_chroma: object) -> None:
    """Not even when the process ends. Whoever drops a Chroma in a child waits for ever for threads that did not cross
    the fork; whoever drops one that has failed does so now and then (1.5.9, on a full disk), and holds up every thread
    of the process meanwhile."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(of_chroma))


if hasattr(os, "register_at_fork"):  # there is no fork elsewhere
    os.register_at_fork(after_in_child=_note_threads)


class ChromaFolder:
    """The folder beside the truth: whoever gets its lock owns Chroma, with the collections of all subjects.

    Two writers on one Chroma folder silently lose vectors, hence one owner. Ownership is asked for at the first
    search or feed, again at each later one, and kept until `close()`. A child of a process that had started Chroma
    never owns it: Chroma would wait there for threads that did not cross the fork.

    Chroma leaves the bytes of deleted vectors in its files. So a folder that was begun before the newest erasure is
    taken away whole, by its owner at the next search, feed or `close()`, and the next search makes it anew from the
    truth.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER
        self._lock_path = folder / f".{FOLDER}.lock"
        self._client: Any = None
        self._begin()
        forks.renew(self)

    def after_fork_in_child(self) -> None:
        """The parent's lock stays the parent's, and its client can neither work nor be closed here."""
        self._begin()

    @property
    def owned(self) -> bool:
        """Whether this process owns the folder now."""
        return self._client is not None

    def vectors(self, embeddings: EmbeddingStore) -> ChromaVectors | None:
        """The collection of these vectors; None where another process owns the folder, or nobody may write it."""
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

    def rest(self) -> None:
        """Let go of Chroma, which has failed, and leave it alone for a while: after some failures it would answer no
        more, not even by an error. It is then opened anew.

        A Chroma that has failed is not closed: its threads and handles stay until the process ends."""
        with self._lock:
            self._retire(failed=True)
            self._rests_until = time.monotonic() + REST_S * 2**self._failures
            self._failures += 1

    def close(self) -> None:
        """Stop Chroma and let the next process own it."""
        with self._lock:
            stale = False
            with suppress(JitmemError):  # of a truth that is closed already: the next owner looks again
                stale = any(self._erasure != newest_erasure(embeddings.database) for embeddings in self._opened)
            self._retire()
            if stale:
                shutil.rmtree(self._folder, ignore_errors=True)
            self._file_lock.release()

    def renew(self, database: Database) -> str | None:
        """Take the folder away if it was begun before the newest erasure; who owns it where another one does."""
        with self._lock:
            if not self._folder.exists() or self._begun() == newest_erasure(database):
                return None
            if self._file_lock.is_locked:
                self._drop()
                return None
            try:
                with self._file_lock.acquire(timeout=0):
                    self._drop()
            except Timeout:
                owner = self._said().get("process")
                who = "another memory in this process" if owner == os.getpid() else f"process {owner}"
                return f"The vector index is open in {who}; its next search, flush or close makes it anew."
        return None

    def _drop(self, *, failed: bool = False) -> None:
        self._retire(failed=failed)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _retire(self, *, failed: bool = False) -> None:
        """Close Chroma when nobody is at work in it any more, or leave one that has `failed` behind; the lock stays."""
        for vectors in self._opened.values():
            vectors.retire()
        self._opened.clear()
        if self._client is not None and not failed:
            self._client.close()
        self._client = None
        # Chroma keeps what failed, to start or later, and would hand it out again: it waits for ever in a later call.
        if self._file_lock.is_locked and (shared := _shared()):
            _never_drop(shared._identifier_to_system.pop(str(self._folder), None))
            shared._identifier_to_refcount.pop(str(self._folder), None)

    def _begun(self) -> int:
        """The newest erasure when the folder was begun; 0 for none."""
        return int(self._said().get("erasure", 0))

    def _said(self) -> dict[str, int]:
        try:
            return dict(json.loads((self._folder / OPENED).read_text(encoding="ascii")))
        except (OSError, ValueError, TypeError):
            return {}

    def _begin(self) -> None:
        self._file_lock = FileLock(self._lock_path, mode=0o600, thread_local=False)
        self._lock = threading.Lock()
        self._at_work = threading.Lock()  # of all collections: what is blanked, nobody may be writing
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
            self._drop(failed=True)  # the folder is a cache: what cannot be opened is made anew from the truth
            return self._start(embeddings)

    def _start(self, embeddings: EmbeddingStore) -> ChromaVectors:
        global _started
        if self._client is None:
            _started = True  # before the import: a child could not end one that a thread of its parent has begun
            import chromadb
            from chromadb.config import Settings

            self._erasure = erasure = newest_erasure(embeddings.database)
            if self._folder.exists() and (self._begun() != erasure or (self._folder / TRIAL).exists()):
                shutil.rmtree(self._folder)
            make_folder(self._folder)
            # Before the first vector is read: one that is erased later than this is noticed.
            said = json.dumps({"erasure": erasure, "process": os.getpid()})
            (self._folder / OPENED).write_text(said, encoding="ascii")
            # Chroma would read a .env of its own accord, wherever the process was started.
            settings = Settings(anonymized_telemetry=False, _env_file=None)  # type: ignore[call-arg]
            blank(self._folder)  # where an owner died before it could
            self._client = chromadb.PersistentClient(self._folder, settings=settings)
        close_to_others(self._folder)  # Chroma's own files come with whatever the umask leaves
        trial = self._folder / TRIAL
        trial.touch(0o600)
        try:
            return ChromaVectors(embeddings, self._client, self._tidy, self._at_work)
        finally:
            trial.unlink(missing_ok=True)

    def _tidy(self) -> None:
        blank(self._folder)
        close_to_others(self._folder)


def _errors() -> tuple[type[Exception], ...]:
    """By which Chroma fails: its own, where it was imported, and those of the disk."""
    errors = sys.modules.get("chromadb.errors")
    return (StoreFull, OSError, errors.ChromaError) if errors else (StoreFull, OSError)


class OwnedChroma:
    """The vectors of one store: from Chroma where this process owns the folder, else from an exact scan.

    Where Chroma fails, as on a full disk, the exact scan answers as well for a minute, and the log says so: once, until
    it works again. Indexes of several stores over one folder share a `ChromaFolder`; when one is closed, all let go.
    """

    def __init__(self, embeddings: EmbeddingStore, folder: Path | ChromaFolder) -> None:
        self._embeddings = embeddings
        self._folder = folder if isinstance(folder, ChromaFolder) else ChromaFolder(folder)
        self._exact = ExactVectors(embeddings)
        self._failed = False

    @property
    def owner(self) -> bool:
        """Whether this process owns the folder now."""
        return self._folder.owned

    def search(self, vector: NDArray[np.float32], k: int, namespaces: Sequence[int]) -> list[tuple[int, float]]:
        """From Chroma where we own it, from the exact scan where another process does."""
        found = self._tried(lambda owned: owned.search(vector, k, namespaces))
        return self._exact.search(vector, k, namespaces) if found is None else found

    def catch_up(self, *, at_least: int = 1) -> None:
        """Feed Chroma if it is ours."""
        self._tried(lambda owned: owned.catch_up(at_least=at_least))

    def _tried(self, what: Callable[[ChromaVectors], T]) -> T | None:
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
            self._folder.rest()
        return None

    def close(self) -> None:
        """Stop Chroma and let the next process own it."""
        self._exact.close()
        self._folder.close()
