"""Chroma as the vector index: one owner process a folder, fed in batches from the truth, numbers only, no text."""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from .embeddings import EmbeddingStore
from .vectors import BATCH, ExactVectors

if TYPE_CHECKING:
    from chromadb.api.models.Collection import Collection

FOLDER = "vectors"
HNSW: Any = {"space": "cosine", "ef_search": 500}  # with the default of 100 many of the 200 nearest were missed


class ChromaVectors:
    """The collection of one generation of one embedding model, those of former generations deleted. Ids are passage
    numbers; the namespace is a number in the metadata.

    How far it has read is kept in the truth under the collection's own id, so a folder that was deleted, or a
    restored old one, is simply fed again.
    """

    def __init__(self, embeddings: EmbeddingStore, client: Any) -> None:
        self._embeddings = embeddings
        self._client = client
        self._lock = threading.Lock()
        self._read = self._count = self._namespaces = self._only = 0
        self._dimension: int | None = None
        self._begin(embeddings.newest()[0])

    def search(self, vector: NDArray[np.float32], k: int, namespace: int) -> list[tuple[int, float]]:
        """`(passage seq, cosine)`, best first, approximate (HNSW); similarities of 0 and less are left out."""
        self.catch_up()
        with self._lock:
            if not self._count or not np.any(vector):
                return []
            if self._dimension not in (None, len(vector)):
                raise self._embeddings.changed(len(vector), self._generation)
            found = self._collection.query(
                query_embeddings=vector.reshape(1, -1),
                n_results=min(k, self._count),
                where={"namespace": namespace} if self._many(namespace) else None,
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
                self._namespaces = 0
                self._collection.modify(metadata={"read": self._read})
                self._embeddings.advance(self._mark, self._read)

    def _begin(self, generation: int) -> None:
        """Take up the collection of a generation, as far as it was fed, and delete the others of this model."""
        model = "passages-" + hashlib.sha256(self._embeddings.model.encode()).hexdigest()[:16]
        name = f"{model}-{generation}" if generation else model
        for other in self._client.list_collections():
            if other.name.startswith(model) and other.name != name:
                self._client.delete_collection(other.name)
        self._collection: Collection = self._client.get_or_create_collection(
            name, embedding_function=None, configuration={"hnsw": HNSW}
        )
        self._generation = generation
        self._mark = f"chroma:{self._collection.id}"
        # The folder may be an older one than the mark, or the truth older than the folder: believe the lesser.
        self._read = min(self._embeddings.mark(self._mark), int((self._collection.metadata or {}).get("read", 0)))
        self._dimension = self._embeddings.rows(generation, 0, 1)[3].shape[1] or None
        self._count = self._collection.count()  # asking costs more than a search

    def close(self) -> None:
        """Nothing to flush: Chroma's writes are durable when they return."""

    def _many(self, namespace: int) -> bool:
        """Whether the truth holds more than one namespace; a filter costs milliseconds, so it is used only then."""
        if self._namespaces < 2:
            with self._embeddings.database.read() as db:
                self._namespaces, self._only = db.execute("SELECT count(*), max(id) FROM namespace").fetchone()
        return self._namespaces > 1 or self._only != namespace


class OwnedChroma:
    """The folder beside the truth: whoever gets its lock owns Chroma, everybody else scans exactly.

    Two writers on one Chroma folder silently lose vectors, hence one owner. Ownership is asked for at the first
    search or feed, again at each later one, and kept until `close()`.
    """

    def __init__(self, embeddings: EmbeddingStore, folder: Path) -> None:
        self._embeddings = embeddings
        self._folder = folder / FOLDER
        self._lock_path = folder / f".{FOLDER}.lock"
        self._pid = os.getpid()
        self._file_lock = FileLock(self._lock_path, mode=0o600, thread_local=False)
        self._lock = threading.Lock()
        self._owned: ChromaVectors | None = None
        self._client: Any = None
        self._exact = ExactVectors(embeddings)

    @property
    def owner(self) -> bool:
        """Whether this process owns the folder now."""
        return self._owned is not None

    def search(self, vector: NDArray[np.float32], k: int, namespace: int) -> list[tuple[int, float]]:
        """From Chroma where we own it, from the exact scan where another process does."""
        return (self._own() or self._exact).search(vector, k, namespace)

    def catch_up(self, *, at_least: int = 1) -> None:
        """Feed Chroma if it is ours."""
        if owned := self._own():
            owned.catch_up(at_least=at_least)

    def close(self) -> None:
        """Stop Chroma and let the next process own it."""
        with self._lock:
            self._exact.close()
            self._owned = None
            if self._client is not None:
                self._client.close()
                self._client = None
            self._file_lock.release()

    def _own(self) -> ChromaVectors | None:
        if self._pid != os.getpid():  # neither the lock nor Chroma's threads cross a fork
            self._pid, self._owned, self._client = os.getpid(), None, None
            self._lock = threading.Lock()
            self._file_lock = FileLock(self._lock_path, mode=0o600, thread_local=False)
        with self._lock:
            if self._owned is None and not self._embeddings.database.read_only:
                try:
                    self._file_lock.acquire(timeout=0)
                except Timeout:
                    return None
                self._owned = self._open()
            return self._owned

    def _open(self) -> ChromaVectors:
        try:
            return self._start()
        except Exception:
            # The folder is a cache: what cannot be opened is made anew from the truth.
            from chromadb.api.shared_system_client import SharedSystemClient

            SharedSystemClient._identifier_to_system.pop(str(self._folder), None)
            shutil.rmtree(self._folder, ignore_errors=True)
            return self._start()

    def _start(self) -> ChromaVectors:
        import chromadb
        from chromadb.config import Settings

        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._client = chromadb.PersistentClient(self._folder, settings=Settings(anonymized_telemetry=False))
        return ChromaVectors(self._embeddings, self._client)
