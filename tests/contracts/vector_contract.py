"""What a vector index must keep; the exact scan written down here once more is its oracle."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count, pairwise
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from jitmem.stores.index.vector_index import VectorIndex
from jitmem.stores.truth.database import Database, SqliteDatabase
from jitmem.stores.truth.embeddings import EmbeddingStore
from jitmem.stores.truth.journal import Journal, PageDraft, PassageDraft
from jitmem.stores.truth.namespace import Namespace

DIM = 32
Vectors = NDArray[np.float32]
Found = list[tuple[int, float]]


class Kept:
    """A truth in a folder or another database, into which vectors can be put as passages of one page each time."""

    def __init__(self, folder: Path, model: str = "test", database: Database | None = None) -> None:
        self.folder = folder
        self.database = database or SqliteDatabase(folder, create=True)
        self.store = EmbeddingStore(self.database, model)
        self.vectors: dict[int, dict[int, Vectors]] = {}
        """By namespace number, then by passage seq."""
        self._sessions = count(1)

    def keep(self, matrix: Vectors, namespace: str = "ana") -> list[int]:
        """File a page with so many passages and their vectors; returns the passages' numbers."""
        space = Namespace(self.database, namespace)
        text = f"{next(self._sessions)}".ljust(len(matrix) + 8, "x")
        journal = Journal(space)
        accepted = journal.accept(session_id=None, text=f"{id(self)} {text}", turns=[], time=None, metadata={})
        spans = [PassageDraft(at, at + 1, None, []) for at in range(len(matrix))]
        journal.file(accepted, [PageDraft(text, "", "", "", spans)])
        with self.database.read() as db:
            number = space.number(db)
        last_page, texts = self.store.missing(number, 1)
        seqs = [seq for seq, _ in texts]
        self.store.keep(number, last_page, seqs, [row.tolist() for row in matrix])
        self.vectors.setdefault(number, {}).update(zip(seqs, matrix, strict=True))
        return seqs

    def number(self, namespace: str = "ana") -> int:
        with self.database.read() as db:
            return Namespace(self.database, namespace).number(db)

    def exact(self, vector: Vectors, k: int, namespace: str = "ana") -> Found:
        """Cosines above 0 in double precision, best first."""
        own = self.vectors.get(self.number(namespace), {})
        wanted = vector.astype(float) / (np.linalg.norm(vector) or 1)
        cosines = {seq: float(row.astype(float) @ wanted / (np.linalg.norm(row) or 1)) for seq, row in own.items()}
        return sorted(((seq, c) for seq, c in cosines.items() if c > 1e-6), key=lambda pair: -pair[1])[:k]


def unit(rows: NDArray[np.float64]) -> Vectors:
    made: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return made


def spread(rows: int, seed: int) -> Vectors:
    """Rows in every direction."""
    return unit(np.random.default_rng(seed).normal(size=(rows, DIM)))


def clustered(rows: int, seed: int, clusters: int = 12) -> Vectors:
    """Rows in tight clusters, as the passages of a few topics are."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(clusters, DIM))
    return unit(centres[random.integers(clusters, size=rows)] + 0.15 * random.normal(size=(rows, DIM)))


def agree(found: Found, expected: Found, missed: float = 0.0) -> None:
    """The same passages with the same cosines, in an order that only equal cosines may change; an approximate index
    may have `missed` a share of them, and then has others further down."""
    cosines = [cosine for _, cosine in found]
    assert all(later <= earlier + 1e-6 for earlier, later in pairwise(cosines))
    assert len(found) == len(expected)
    common = sorted(dict(found).keys() & dict(expected).keys())
    assert len(common) >= (1 - missed) * len(expected)
    np.testing.assert_allclose([dict(found)[s] for s in common], [dict(expected)[s] for s in common], rtol=0, atol=1e-5)


class VectorContract:
    """Subclass it with a fixture `open_index` that opens an index over a truth; `missed` is the share of the nearest
    among very many or equal vectors that an approximate index may miss."""

    missed: ClassVar[float] = 0.0

    @pytest.fixture
    def kept(self, folder: Path) -> Iterator[Kept]:
        made = Kept(folder)
        yield made
        made.database.close()

    @pytest.fixture
    def open_index(self) -> Callable[[Kept], VectorIndex]:
        raise NotImplementedError("give the index to be tested")

    @pytest.fixture
    def index(self, open_index: Callable[[Kept], VectorIndex], kept: Kept) -> Iterator[VectorIndex]:
        opened = open_index(kept)
        yield opened
        opened.close()

    def test_an_empty_index_finds_nothing(self, index: VectorIndex) -> None:
        assert index.search(spread(1, 0)[0], 10, [0]) == []
        assert index.search(spread(1, 0)[0], 10, [1]) == []

    @pytest.mark.parametrize("rows", [1, 2, 5])
    def test_a_few_vectors_are_found_by_themselves(self, index: VectorIndex, kept: Kept, rows: int) -> None:
        matrix = spread(rows, 1)
        seqs = kept.keep(matrix)
        for row, seq in zip(matrix, seqs, strict=True):
            agree(index.search(row, 1, [kept.number()]), [(seq, 1.0)])

    @pytest.mark.parametrize("shape", [spread, clustered], ids=["random", "clustered"])
    @pytest.mark.parametrize("k", [1, 10, 200])
    def test_the_best_are_those_of_an_exact_scan(
        self, index: VectorIndex, kept: Kept, shape: Callable[[int, int], Vectors], k: int
    ) -> None:
        for part in range(3):  # fed in several batches
            kept.keep(shape(500, part))
            index.catch_up()
        for query in shape(20, 0)[::2]:
            agree(index.search(query, k, [kept.number()]), kept.exact(query, k), self.missed)

    def test_more_than_there_are_gives_all_that_are_alike(self, index: VectorIndex, kept: Kept) -> None:
        kept.keep(spread(50, 3))
        query = spread(1, 4)[0]
        agree(index.search(query, 1000, [kept.number()]), kept.exact(query, 1000))

    def test_what_points_elsewhere_is_not_found(self, index: VectorIndex, kept: Kept) -> None:
        axes = np.eye(DIM, dtype=np.float32)
        seqs = kept.keep(np.stack([axes[0], -axes[0], axes[1]]))
        agree(index.search(axes[0], 10, [kept.number()]), [(seqs[0], 1.0)])

    def test_a_vector_of_zeros_is_never_found_and_finds_nothing(self, index: VectorIndex, kept: Kept) -> None:
        zeros = np.zeros(DIM, np.float32)
        row = spread(1, 5)[0]
        seqs = kept.keep(np.stack([zeros, row, zeros]))
        agree(index.search(row, 10, [kept.number()]), [(seqs[1], 1.0)])
        assert index.search(zeros, 10, [kept.number()]) == []

    def test_only_vectors_of_zeros_find_nothing(self, index: VectorIndex, kept: Kept) -> None:
        kept.keep(np.zeros((3, DIM), np.float32))
        assert index.search(spread(1, 5)[0], 10, [kept.number()]) == []

    def test_length_does_not_matter(self, index: VectorIndex, kept: Kept) -> None:
        row = spread(1, 6)[0]
        seqs = kept.keep(np.stack([row * 100, row * 0.01]))
        agree(index.search(row * 7, 10, [kept.number()]), [(seqs[0], 1.0), (seqs[1], 1.0)])

    def test_many_equal_vectors_are_all_found(self, index: VectorIndex, kept: Kept) -> None:
        row = spread(1, 7)[0]
        seqs = kept.keep(np.stack([row] * 150))
        kept.keep(spread(300, 8))
        found = index.search(row, 150, [kept.number()])
        agree(found, [(seq, 1.0) for seq in seqs], self.missed)

    def test_what_is_kept_after_a_search_is_found_by_the_next(self, index: VectorIndex, kept: Kept) -> None:
        first, second = spread(2, 9)
        kept.keep(first[None])
        index.search(second, 1, [kept.number()])
        seqs = kept.keep(second[None])
        agree(index.search(second, 1, [kept.number()]), [(seqs[0], 1.0)])

    def test_namespaces_never_mix(self, index: VectorIndex, kept: Kept) -> None:
        for part in range(3):
            kept.keep(clustered(100, part), "ana")
            kept.keep(clustered(10, part), "ben")
        for query in clustered(5, 0):
            for namespace in ("ana", "ben"):
                agree(index.search(query, 15, [kept.number(namespace)]), kept.exact(query, 15, namespace))

    def test_a_namespace_that_is_not_there_holds_nothing(self, index: VectorIndex, kept: Kept) -> None:
        kept.keep(spread(3, 10), "ana")
        assert index.search(spread(3, 10)[0], 10, [99]) == []

    def test_two_models_never_mix(self, open_index: Callable[[Kept], VectorIndex], kept: Kept) -> None:
        row = spread(1, 11)[0]
        kept.keep(row[None])
        before = open_index(kept)
        before.catch_up()
        before.close()
        other = EmbeddingStore(kept.database, "other")
        last_page, texts = other.missing(kept.number(), 1)
        other.keep(kept.number(), last_page, [seq for seq, _ in texts], [[0.0, 1.0, 0.0]])  # of another dimension
        kept.store = other
        after = open_index(kept)
        agree(after.search(np.array([0, 2, 0], np.float32), 10, [kept.number()]), [(texts[0][0], 1.0)])
        assert after.search(np.array([1, 0, 0], np.float32), 10, [kept.number()]) == []
        after.close()

    def test_opened_again_it_finds_the_same(self, open_index: Callable[[Kept], VectorIndex], kept: Kept) -> None:
        kept.keep(clustered(200, 12))
        query = clustered(1, 12)[0]
        for _ in range(3):
            opened = open_index(kept)
            agree(opened.search(query, 10, [kept.number()]), kept.exact(query, 10))
            opened.close()
