"""Vector search over the embeddings of the truth: the protocol, and the exact scan that needs no files."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .. import fork_hooks
from ..truth.embeddings import EmbeddingStore, VectorState
from .keyword_index import Column, top_k

Vector = NDArray[np.float32]
Found = list[tuple[int, float]]
BATCH = 1000  # rows read from the truth at once
FIRST_KEPT, ALL = 10_000, 1 << 40  # vectors that the first search of a namespace keeps, often the only one; and others


class VectorIndex(Protocol):
    """A derived index over an `EmbeddingStore`: it reads what is new by itself, and may be deleted at any time."""

    def search(self, vector: Vector, k: int, namespaces: Sequence[int], state: VectorState | None = None) -> Found:
        """`(number, cosine)` of these namespaces, best first, at most `k`; up to date with the truth, or with the `state` of
        it that a snapshot has read.

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
        self.newest = 0  # the number of the newest vector at the last search; vectors are counted from 1
        fork_hooks.call_in_child(self)

    def after_fork_in_child(self) -> None:
        """Start again: another thread may have been reading."""
        self._lock = threading.Lock()
        self._parts.clear()

    def search(self, vector: Vector, k: int, namespaces: Sequence[int], state: VectorState | None = None) -> Found:
        """`(number, cosine)`, best first; a vector of zeros is like nothing and never found."""
        with self._lock:
            if state is None or (state.generation, state.erased) < self._read:  # older than what was read meanwhile
                state = self._embeddings.state()
            generation, self.newest, erased, _ = state
            if (generation, erased) != self._read:
                self._read = (generation, erased)
                self._parts.clear()
            found: Found = []
            for namespace in namespaces:
                most = ALL if namespace in self._parts else FIRST_KEPT
                part = self._parts.setdefault(namespace, Scan())
                more = True
                while more:
                    more = part.catch_up(self._embeddings, generation, self.newest, namespace, most)
                    if part.dimension not in (None, len(vector)):
                        raise self._embeddings.model_changed(len(vector), generation)
                    found = sorted(found + part.search(vector, k), key=lambda pair: -pair[1])[:k]
                    part, most = Scan(part.read), BATCH
        return found

    def catch_up(self, *, at_least: int = 1) -> None:
        """Nothing to do: a search reads what is new."""

    def close(self) -> None:
        self._parts.clear()


class Scan:
    """Vectors of one namespace."""

    def __init__(self, after: int = 0) -> None:
        self.after = self.read = after
        self._seqs = Column(np.int64)
        self._vectors: Column | None = None
        self.dimension: int | None = None

    def catch_up(self, truth: EmbeddingStore, generation: int, last: int, namespace: int, most: int = ALL) -> bool:
        """Read what was stored up to `last`, or until it holds `most`; whether there may be more."""
        while self.read < last and len(self._seqs) < most:
            numbers, seqs, _, matrix = truth.rows(generation, self.read, BATCH, namespace)
            if len(numbers):
                self.dimension = matrix.shape[1]
                self._vectors = self._vectors or Column(np.float32, self.dimension)
                lengths = np.sqrt(np.einsum("ij,ij->i", matrix, matrix))[:, np.newaxis]
                self._vectors.extend(matrix / np.where(lengths > 0, lengths, 1))
                self._seqs.extend(seqs)
            self.read = int(numbers[-1]) if len(numbers) else last
        return self.read < last

    def search(self, vector: NDArray[np.float32], k: int) -> list[tuple[int, float]]:
        length = float(np.linalg.norm(vector))
        if self._vectors is None or not length:
            return []
        # Not `@`: BLAS would share so little work among threads, which then spin, and cost twice the whole question's CPU.
        cosines = np.einsum("ij,j->i", self._vectors.head(), vector / length)
        return top_k(self._seqs.head(), cosines.astype(np.float64), k)
