"""Vector search over the embeddings of the truth: the protocol, and the exact scan that needs no files."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .. import fork_hooks
from ..truth.embeddings import EmbeddingStore, VectorState
from .keyword_index import top_k

if TYPE_CHECKING:
    from chromadb.api.models.Collection import Collection

BATCH = 1000  # rows read from the truth at once


class VectorIndex(Protocol):
    """A derived index over an `EmbeddingStore`: it reads what is new by itself, and may be deleted at any time."""

    def search(self, vector: NDArray[np.float32], k: int, namespaces: Sequence[int]) -> list[tuple[int, float]]:
        """`(number, cosine)` of these namespaces, best first, at most `k`; up to date with the truth.

        The number is that of a passage or of a version of an item, as the store's subject is.

        `ModelChanged` for a vector of another dimension than those it holds.
        """

    def catch_up(self, *, at_least: int = 1) -> None:
        """Read what is new, if it is that many vectors or more."""

    def close(self) -> None:
        """Release files and locks."""


class ExactVectors:
    """Scans every vector of the namespace: exact, in memory, no owner needed. The oracle of the other indexes."""

    def __init__(self, embeddings: EmbeddingStore) -> None:
        self._embeddings = embeddings
        self._lock = threading.Lock()
        self._read = (0, 0)  # generation, erasure
        self._parts: dict[int, Scan] = {}
        self.newest = 0
        """The number of the newest vector at the last search; vectors are counted from 1."""
        fork_hooks.call_in_child(self)

    def after_fork_in_child(self) -> None:
        """Start again: another thread may have been reading."""
        self._lock = threading.Lock()
        self._parts.clear()

    def search(self, vector: NDArray[np.float32], k: int, namespaces: Sequence[int]) -> list[tuple[int, float]]:
        """`(number, cosine)`, best first; a vector of zeros is like nothing and never found."""
        with self._lock:
            generation, last, erased, _ = self._embeddings.state()
            self.newest = last
            if (generation, erased) != self._read:
                self._read = (generation, erased)
                self._parts.clear()
            found: list[tuple[int, float]] = []
            for namespace in namespaces:
                scan = self._parts.setdefault(namespace, Scan())
                scan.catch_up(self._embeddings, generation, last, namespace)
                if scan.dimension not in (None, len(vector)):
                    raise self._embeddings.model_changed(len(vector), generation)
                found += scan.search(vector, k)
        return found if len(namespaces) == 1 else sorted(found, key=lambda pair: -pair[1])[:k]

    def catch_up(self, *, at_least: int = 1) -> None:
        """Nothing to do: a search reads what is new."""

    def close(self) -> None:
        """Forget what was read."""
        self._parts.clear()


class Scan:
    """Vectors of one namespace: a matrix that doubles when it is full, so that adding stays cheap."""

    def __init__(self, after: int = 0) -> None:
        self.after = self._read = after
        self._count = 0
        self._seqs = np.zeros(0, np.int64)
        self._matrix = np.zeros((0, 0), np.float32)

    @property
    def dimension(self) -> int | None:
        """Of the vectors; None while there are none."""
        return self._matrix.shape[1] if self._count else None

    def catch_up(self, embeddings: EmbeddingStore, generation: int, last: int, namespace: int) -> None:
        """Read what was kept up to `last`."""
        while self._read < last:
            numbers, seqs, _, matrix = embeddings.rows(generation, self._read, BATCH, namespace)
            if len(numbers):
                self._append(seqs, matrix)
            self._read = int(numbers[-1]) if len(numbers) else last

    def _append(self, seqs: NDArray[np.int64], matrix: NDArray[np.float32]) -> None:
        end = self._count + len(seqs)
        if end > len(self._seqs):
            room = max(end, 2 * len(self._seqs))
            self._seqs = np.concatenate([self._seqs[: self._count], np.zeros(room - self._count, np.int64)])
            grown = np.zeros((room, matrix.shape[1]), np.float32)
            if self._count:  # at first the matrix has no columns
                grown[: self._count] = self._matrix[: self._count]
            self._matrix = grown
        lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
        self._matrix[self._count : end] = np.divide(matrix, lengths, where=lengths > 0, out=np.zeros_like(matrix))
        self._seqs[self._count : end] = seqs
        self._count = end

    def search(self, vector: NDArray[np.float32], k: int) -> list[tuple[int, float]]:
        """`(number, cosine)`, best first, at most `k`."""
        length = float(np.linalg.norm(vector))
        if not self._count or not length:
            return []
        # Not `@`: BLAS would share so little work among threads, which then spin, and cost twice the whole question's CPU.
        cosines = np.einsum("ij,j->i", self._matrix[: self._count], vector / length)
        return top_k(self._seqs[: self._count], cosines.astype(np.float64), k)


HNSW: dict[str, Any] = {  # by subject; with the default of 16 neighbours, 27 of 300 versions of one item were lost
    "passages": {"space": "cosine", "ef_search": 500},  # with the default of 100 many of the 200 nearest were missed
    "items": {"space": "cosine", "ef_search": 300, "max_neighbors": 32},
}
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
        self._after_feed = fed  # called after each batch, under the lock
        self._lock = at_work
        self._tidied = False
        self._read = self._count = 0
        self._dimension: int | None = None
        self._begin(embeddings.newest()[0])

    def retire(self) -> None:
        """Wait for a search or feed to end; later calls raise `Retired`."""
        with self._lock:
            self._client = None

    def search(self, vector: NDArray[np.float32], k: int, namespaces: Sequence[int]) -> list[tuple[int, float]]:
        """`(number, cosine)`, best first, approximate (HNSW) but for the newest, which are compared one by one;
        similarities of 0 and less are left out."""
        with self._lock:
            self._check()
            state = self._feed(self._embeddings.subject.feed, namespaces)
            generation, last = state.generation, state.last
            newest = [self._newest(namespace) for namespace in namespaces]
            for namespace, scan in zip(namespaces, newest, strict=True):
                scan.catch_up(self._embeddings, generation, last, namespace)
            if not np.any(vector):
                return []
            for dimension in (self._dimension, *(scan.dimension for scan in newest)):
                if dimension not in (None, len(vector)):
                    raise self._embeddings.model_changed(len(vector), generation)
            found = dict(self._search_fed(vector, k, self._only(namespaces) if state.others else None))
            for scan in newest:
                found |= dict(scan.search(vector, k))
        return sorted(found.items(), key=lambda pair: -pair[1])[:k]

    def _newest(self, namespace: int) -> Scan:
        """The last vectors of a namespace, fed or not, started again when it holds twice as many as it must."""
        scan = self._scans.get(namespace)
        if scan is None or scan.after < self._read - 2 * NEWEST:
            scan = self._scans[namespace] = Scan(max(0, self._read - NEWEST))
        return scan

    def _search_fed(self, vector: NDArray[np.float32], k: int, where: dict[str, Any] | None) -> list[tuple[int, float]]:
        if not self._count:
            return []
        found = self._collection.query(
            query_embeddings=vector.reshape(1, -1),
            n_results=min(k, self._count),
            where=where,
            include=["distances"],
        )
        if not self._tidied:  # the first query of an unwritten index creates its files again
            self._after_feed()
            self._tidied = True
        distances = (found["distances"] or [[]])[0]
        pairs = ((int(seq), 1.0 - float(distance)) for seq, distance in zip(found["ids"][0], distances, strict=True))
        return [(seq, cosine) for seq, cosine in pairs if cosine > 0]

    def catch_up(self, *, at_least: int = 1) -> None:
        """Upsert what the truth has kept since the mark, in batches; then advance the mark."""
        with self._lock:
            self._check()
            self._feed(at_least)

    def _feed(self, at_least: int, namespaces: Sequence[int] = ()) -> VectorState:
        """See `catch_up`; where the vectors stood at the end."""
        while True:
            state = self._embeddings.state(namespaces)
            if state.generation != self._generation:
                self._begin(state.generation)
            if state.last - self._read < at_least:
                return state
            numbers, seqs, spaces, matrix = self._embeddings.rows(state.generation, self._read, BATCH)
            if not len(numbers):
                self._read = state.last
                return state
            known = np.flatnonzero(np.any(matrix, axis=1))  # a vector of zeros has no direction to compare
            if len(known):
                self._collection.upsert(
                    ids=[str(seqs[i]) for i in known],
                    embeddings=matrix[known],
                    metadatas=[{"namespace": int(spaces[i])} for i in known],
                )
                self._after_feed()
            self._count = self._collection.count()
            self._dimension = matrix.shape[1]
            self._read = int(numbers[-1])
            self._collection.modify(metadata={"read": self._read})
            self._embeddings.advance(self._mark, self._read)

    def _check(self) -> None:
        if self._client is None:
            raise Retired

    def _begin(self, generation: int) -> None:
        """Open the collection of a generation where feeding stopped, and delete the others of this model."""
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

    @staticmethod
    def _only(namespaces: Sequence[int]) -> dict[str, Any]:
        """The filter. It costs milliseconds, so there is none where the truth holds no other namespace."""
        return {"namespace": namespaces[0] if len(namespaces) == 1 else {"$in": list(namespaces)}}
