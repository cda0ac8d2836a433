"""Chroma as the vector index: one owner process a folder, fed in batches from the truth, numbers only, no text."""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from .embeddings import EmbeddingStore
from .errors import JitmemError
from .vectors import BATCH, ExactVectors, Scan

if TYPE_CHECKING:
    from chromadb.api.models.Collection import Collection

FOLDER = "vectors"
HNSW: dict[str, Any] = {  # by subject; with the default of 16 neighbours, 27 of 300 versions of one item were lost
    "passages": {"space": "cosine", "ef_search": 500},  # with the default of 100 many of the 200 nearest were missed
    "items": {"space": "cosine", "ef_search": 300, "max_neighbors": 32},
}


class ChromaVectors:
    """The collection of one subject and one generation of one embedding model, those of former generations deleted.
    Ids are the numbers of passages, or of versions of items; the namespace is a number in the metadata.

    How far it has read is kept in the truth under the collection's own id, so a folder that was deleted, or a
    restored old one, is simply fed again.
    """

    def __init__(self, embeddings: EmbeddingStore, client: Any) -> None:
        self._embeddings = embeddings
        self._client = client
        self._lock = threading.Lock()
        self._read = self._count = 0
        self._known: frozenset[int] = frozenset()
        self._dimension: int | None = None
        self._begin(embeddings.newest()[0])

    def search(self, vector: NDArray[np.float32], k: int, namespaces: Sequence[int]) -> list[tuple[int, float]]:
        """`(number, cosine)`, best first, approximate (HNSW) but for what is not fed yet, which is compared one by
        one; similarities of 0 and less are left out."""
        self.catch_up(at_least=self._embeddings.subject.feed)
        with self._lock:
            generation, last = self._embeddings.newest()
            if generation != self._generation:
                self._begin(generation)
            fresh = [self._fresh.setdefault(namespace, Scan(self._read)) for namespace in namespaces]
            for namespace, scan in zip(namespaces, fresh, strict=True):
                scan.catch_up(self._embeddings, generation, last, namespace)
            if not np.any(vector):
                return []
            for dimension in (self._dimension, *(scan.dimension for scan in fresh)):
                if dimension not in (None, len(vector)):
                    raise self._embeddings.changed(len(vector), generation)
            # A dict: where an interruption came before the mark, Chroma holds what is read once more.
            found = dict(self._fed(vector, k, namespaces))
            for scan in fresh:
                found |= dict(scan.search(vector, k))
        return sorted(found.items(), key=lambda pair: -pair[1])[:k]

    def _fed(self, vector: NDArray[np.float32], k: int, namespaces: Sequence[int]) -> list[tuple[int, float]]:
        if not self._count:
            return []
        found = self._collection.query(
            query_embeddings=vector.reshape(1, -1),
            n_results=min(k, self._count),
            where=self._only(namespaces),
            include=["distances"],
        )
        distances = (found["distances"] or [[]])[0]
        pairs = ((int(seq), 1.0 - float(distance)) for seq, distance in zip(found["ids"][0], distances, strict=True))
        return [(seq, cosine) for seq, cosine in pairs if cosine > 0]

    def catch_up(self, *, at_least: int = 1) -> None:
        """Upsert what the truth has kept since the mark, in batches; then advance the mark."""
        with self._lock:
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
                self._count = self._collection.count()
                self._dimension = matrix.shape[1]
                self._read = int(numbers[-1])
                self._known = frozenset()
                self._fresh.clear()
                self._collection.modify(metadata={"read": self._read})
                self._embeddings.advance(self._mark, self._read)

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
        self._fresh: dict[int, Scan] = {}  # by namespace, what is kept and not fed
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


class ChromaFolder:
    """The folder beside the truth: whoever gets its lock owns Chroma, with the collections of all subjects.

    Two writers on one Chroma folder silently lose vectors, hence one owner. Ownership is asked for at the first
    search or feed, again at each later one, and kept until `close()`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER
        self._lock_path = folder / f".{FOLDER}.lock"
        self._client: Any = None
        self._begin()

    @property
    def owned(self) -> bool:
        """Whether this process owns the folder now."""
        return self._client is not None and self._pid == os.getpid()

    def vectors(self, embeddings: EmbeddingStore) -> ChromaVectors | None:
        """The collection of these vectors; None where another process owns the folder, or nobody may write it."""
        if self._pid != os.getpid():  # neither the lock nor Chroma's threads cross a fork
            self._begin()
        with self._lock:
            if embeddings not in self._opened and not embeddings.database.read_only:
                if not self._file_lock.is_locked:
                    try:
                        self._file_lock.acquire(timeout=0)
                    except Timeout:
                        return None
                self._opened[embeddings] = self._open(embeddings)
            return self._opened.get(embeddings)

    def close(self) -> None:
        """Stop Chroma and let the next process own it."""
        with self._lock:
            self._opened.clear()
            if self._client is not None:
                self._client.close()
                self._client = None
            self._file_lock.release()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._file_lock = FileLock(self._lock_path, mode=0o600, thread_local=False)
        self._lock = threading.Lock()
        self._client = None
        self._opened: dict[EmbeddingStore, ChromaVectors] = {}

    def _open(self, embeddings: EmbeddingStore) -> ChromaVectors:
        try:
            return self._start(embeddings)
        except JitmemError:  # of the truth, such as StoreClosed: the folder is not to blame
            raise
        except Exception:
            # The folder is a cache: what cannot be opened is made anew from the truth.
            from chromadb.api.shared_system_client import SharedSystemClient

            SharedSystemClient._identifier_to_system.pop(str(self._folder), None)
            shutil.rmtree(self._folder, ignore_errors=True)
            self._client = None
            self._opened.clear()
            return self._start(embeddings)

    def _start(self, embeddings: EmbeddingStore) -> ChromaVectors:
        if self._client is None:
            import chromadb
            from chromadb.config import Settings

            self._folder.mkdir(mode=0o700, exist_ok=True)
            self._client = chromadb.PersistentClient(self._folder, settings=Settings(anonymized_telemetry=False))
        return ChromaVectors(embeddings, self._client)


class OwnedChroma:
    """The vectors of one store: from Chroma where this process owns the folder, else from an exact scan.

    Indexes of several stores over one folder share a `ChromaFolder`; when one is closed, all let go of it.
    """

    def __init__(self, embeddings: EmbeddingStore, folder: Path | ChromaFolder) -> None:
        self._embeddings = embeddings
        self._folder = folder if isinstance(folder, ChromaFolder) else ChromaFolder(folder)
        self._exact = ExactVectors(embeddings)

    @property
    def owner(self) -> bool:
        """Whether this process owns the folder now."""
        return self._folder.owned

    def search(self, vector: NDArray[np.float32], k: int, namespaces: Sequence[int]) -> list[tuple[int, float]]:
        """From Chroma where we own it, from the exact scan where another process does."""
        return (self._folder.vectors(self._embeddings) or self._exact).search(vector, k, namespaces)

    def catch_up(self, *, at_least: int = 1) -> None:
        """Feed Chroma if it is ours."""
        if owned := self._folder.vectors(self._embeddings):
            owned.catch_up(at_least=at_least)

    def close(self) -> None:
        """Stop Chroma and let the next process own it."""
        self._exact.close()
        self._folder.close()
