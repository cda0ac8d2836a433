"""The vectors of one subject in a collection of Chroma; loaded once there are enough of them."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..truth.embeddings import EmbeddingStore, VectorState, advance_mark
from .vector_index import BATCH, Found, Scan, Vector

if TYPE_CHECKING:
    from chromadb.api.models.Collection import Collection

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

    How far it has read is stored in the truth under the collection's own id, so a folder that was deleted, or a
    restored old one, is simply fed again.
    """

    def __init__(
        self,
        embeddings: EmbeddingStore,
        client: Any,
        fed: Callable[[], None],
        at_work: threading.Lock,
        unreached: Mapping[str, Sequence[int]] = MappingProxyType({}),
    ) -> None:
        self._embeddings = embeddings
        self._client = client
        self._after_feed = fed  # called after each batch, under the lock
        self._unreached_names = unreached
        self._lock = at_work
        self._tidied = False
        self._read = self._count = 0
        self._dimension: int | None = None
        self._begin(embeddings.state().generation)

    def retire(self) -> None:
        """Wait for a search or feed to end; later calls raise `Retired`."""
        with self._lock:
            self._client = None

    def search(self, vector: Vector, k: int, namespaces: Sequence[int], state: VectorState | None = None) -> Found:
        """`(number, cosine)`, best first, approximate (HNSW) but for the newest, and for those that the graph did not
        reach when it was opened, which are compared one by one; similarities of 0 and less are left out."""
        with self._lock:
            self._check()
            state = self._feed(self._embeddings.subject.feed, namespaces, state)
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
            found |= self._compare_unreached(vector, namespaces)
        return sorted(found.items(), key=lambda pair: -pair[1])[:k]

    def _compare_unreached(self, vector: NDArray[np.float32], namespaces: Sequence[int]) -> dict[int, float]:
        numbers, spaces, matrix = self._unreached
        own = np.isin(spaces, namespaces)
        if not own.any():
            return {}
        cosines = np.einsum("ij,j->i", matrix[own], vector / np.linalg.norm(vector)).tolist()
        return {number: cosine for number, cosine in zip(numbers[own].tolist(), cosines, strict=True) if cosine > 0}

    def _read_unreached(
        self, numbers: Sequence[int]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
        """Their numbers, namespaces and vectors, rows of length 1."""
        if not numbers:
            return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 0), np.float32)
        got = self._collection.get(ids=list(map(str, numbers)), include=["embeddings", "metadatas"])
        found = np.array(list(map(int, got["ids"])), np.int64)
        spaces = np.array([one["namespace"] for one in got["metadatas"] or ()], np.int64)
        matrix = np.array(got["embeddings"], np.float32).reshape(len(found), self._dimension or 0)
        lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
        return found, spaces, np.divide(matrix, lengths, where=lengths > 0, out=np.zeros_like(matrix))

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
        """Upsert what was written since the mark, in batches; then advance the mark."""
        with self._lock:
            self._check()
            self._feed(at_least)

    def _feed(self, at_least: int, namespaces: Sequence[int] = (), state: VectorState | None = None) -> VectorState:
        """See `catch_up`; where the vectors stood when it began, or the `state` that is given."""
        while True:
            if state is None or state.generation < self._generation:
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
            with self._embeddings.database.write() as db:
                advance_mark(db, self._mark, self._read)

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
        self._unreached = self._read_unreached(self._unreached_names.get(name, ()))

    @staticmethod
    def _only(namespaces: Sequence[int]) -> dict[str, Any]:
        """The filter. It costs milliseconds, so there is none where the truth holds no other namespace."""
        return {"namespace": namespaces[0] if len(namespaces) == 1 else {"$in": list(namespaces)}}


def zero_unfilled(folder: Path) -> None:
    """In each index below `folder` that counts no vector (bytes 20 to 28 of its header); no thread may write it meanwhile."""
    for header in folder.glob("*/header.bin"):
        raw = header.read_bytes()
        if len(raw) != 100 or raw[:4] != b"\1\0\0\0" or any(raw[20:28]):
            continue
        for file in (header.with_name("data_level0.bin"), header.with_name("length.bin")):
            if file.exists() and any(file.read_bytes()):
                with file.open("r+b") as opened:
                    opened.write(bytes(file.stat().st_size))
                    opened.flush()
                    os.fsync(opened.fileno())
