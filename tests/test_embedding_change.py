"""An embedding model that changes behind its name is noticed, and vectors of two models never meet."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contracts.vector_contract import DIM, Kept, Vectors, agree, spread

from jitmem import Memory
from jitmem.stores.errors import ModelReplyError
from jitmem.stores.index.chroma_folder import FOLDER
from jitmem.stores.index.chroma_index import OwnedChroma
from jitmem.stores.index.vector_index import ExactVectors, VectorIndex
from jitmem.stores.truth.database import FILE_NAME, SqliteDatabase
from jitmem.stores.truth.embeddings import FINGERPRINT_TEXT, EmbeddingStore, ModelChanged
from jitmem.stores.truth.generations import start_generation

Open = Callable[[EmbeddingStore], VectorIndex]


@pytest.fixture
def kept(folder: Path) -> Iterator[Kept]:
    made = Kept(folder)
    yield made
    made.database.close()


@pytest.fixture
def other(kept: Kept) -> Iterator[EmbeddingStore]:
    """The same vectors as another process sees them."""
    database = SqliteDatabase(kept.folder, create=False)
    yield EmbeddingStore(database, "test")
    database.close()


@pytest.fixture(params=["exact", "chroma"])
def open_index(request: pytest.FixtureRequest, folder: Path) -> Iterator[Open]:
    opened: list[VectorIndex] = []

    def make(store: EmbeddingStore) -> VectorIndex:
        opened.append(ExactVectors(store) if request.param == "exact" else OwnedChroma(store, folder))
        return opened[-1]

    yield make
    for index in opened:
        index.close()


def embed(store: EmbeddingStore, namespace: int, dimension: int = 3, axis: int = 0) -> dict[int, Vectors]:
    """As the node does: batch by batch until nothing is missing; every vector is the same axis."""
    made = {}
    while store.waiting(namespace):
        last_page, texts = store.missing(namespace, 1)
        rows = [np.eye(dimension, dtype=np.float32)[axis] for _ in texts]
        store.keep(namespace, last_page, [seq for seq, _ in texts], [row.tolist() for row in rows])
        made.update({seq: row for (seq, _), row in zip(texts, rows, strict=True)})
    return made


def filed(kept: Kept) -> dict[str, int]:
    """How many vectors the truth holds, by what they are filed under."""
    with kept.database.read() as db:
        return dict(db.execute("SELECT model, count(*) FROM embedding GROUP BY model").fetchall())


def keep(kept: Kept, *vectors: list[float]) -> None:
    """File a page of so many passages, for which the model gives these."""
    kept.keep(np.array(vectors, np.float32))


# -- another dimension -------------------------------------------------------------------------------------


def test_vectors_of_another_dimension_take_the_place_of_all(kept: Kept, open_index: Open) -> None:
    old = [*kept.keep(spread(5, 1)), *kept.keep(spread(5, 2))]
    index = open_index(kept.store)
    assert len(index.search(spread(1, 1)[0], 20, [kept.number()])) > 0
    keep(kept, [0.0, 1.0, 0.0])
    assert filed(kept) == {}
    made = embed(kept.store, kept.number())
    assert made.keys() > set(old)
    assert kept.store.dimension() == 3
    found = index.search(np.array([2, 0, 0], np.float32), 20, [kept.number()])
    agree(found, [(seq, 1.0) for seq in made])


def test_no_page_of_any_namespace_stays_without_vectors(kept: Kept) -> None:
    for namespace in ("ana", "ben", "ana"):
        kept.keep(spread(4, 1), namespace)
    keep(kept, [1.0, 0.0])
    assert [len(embed(kept.store, kept.number(name), 2)) for name in ("ana", "ben")] == [9, 4]
    assert sum(filed(kept).values()) == 13


def test_a_query_of_another_dimension_tells_that_the_model_changed(kept: Kept, open_index: Open) -> None:
    kept.keep(spread(5, 1))
    index = open_index(kept.store)
    for _ in range(2):
        with pytest.raises(ModelChanged, match=r"^test gave a vector of 3 dimensions, those on file have others\.$"):
            index.search(np.ones(3, np.float32), 5, [kept.number()])
    start_generation(kept.store)
    assert index.search(np.ones(3, np.float32), 5, [kept.number()]) == []
    made = embed(kept.store, kept.number())
    agree(index.search(np.array([1, 0, 0], np.float32), 9, [kept.number()]), [(seq, 1.0) for seq in made])


def test_a_model_that_gives_now_these_and_now_those_is_an_error(kept: Kept) -> None:
    kept.keep(spread(2, 1))
    kept.keep(spread(2, 2))
    keep(kept, [1.0, 0.0])
    last_page, texts = kept.store.missing(kept.number(), 1)
    kept.store.keep(kept.number(), last_page, [seq for seq, _ in texts], [[1.0, 0.0]] * 2)
    last_page, texts = kept.store.missing(kept.number(), 1)
    with pytest.raises(ModelReplyError, match="test changes while its vectors are being made"):
        kept.store.keep(kept.number(), last_page, [seq for seq, _ in texts], [[1.0, 0.0, 0.0]] * 2)
    assert sum(filed(kept).values()) == 2, "what was there before the error is there after it"
    assert len(embed(kept.store, kept.number(), 2)) == 3, "and the model may come to rest"


def test_a_model_may_change_again_after_everything_was_embedded(kept: Kept) -> None:
    kept.keep(spread(2, 1))
    for dimension in (2, 3, 4):
        keep(kept, [1.0] * dimension)
        embed(kept.store, kept.number(), dimension)
        assert kept.store.dimension() == dimension


# -- the same dimension ------------------------------------------------------------------------------------


def test_the_first_probe_is_filed_and_the_model_is_known_by_it(kept: Kept, other: EmbeddingStore) -> None:
    probe, another = spread(2, 1)
    assert (FINGERPRINT_TEXT.strip(), kept.store.needs_fingerprint()) == (FINGERPRINT_TEXT, True)
    assert kept.store.matches_fingerprint(probe.tolist())
    assert not kept.store.needs_fingerprint()
    assert other.needs_fingerprint()
    rounded = (probe * 7 + 0.01).tolist()  # as another build of the same model may give it
    assert other.matches_fingerprint(rounded)
    assert not other.matches_fingerprint(another.tolist())
    assert not other.matches_fingerprint(probe.tolist()[:-1])
    assert kept.store.matches_fingerprint(probe.tolist())


def test_a_probe_of_another_dimension_than_the_vectors_is_not_filed(kept: Kept) -> None:
    kept.keep(spread(3, 1))
    assert not kept.store.matches_fingerprint([1.0, 0.0])
    assert kept.store.matches_fingerprint(spread(1, 1)[0].tolist())


def test_a_changed_model_of_the_same_dimension_is_embedded_anew(kept: Kept, open_index: Open) -> None:
    probe, another = spread(2, 1)
    kept.store.matches_fingerprint(probe.tolist())
    kept.keep(np.stack([spread(1, 2)[0], probe]))
    index = open_index(kept.store)
    agree(index.search(probe, 1, [kept.number()]), kept.exact(probe, 1))
    assert not kept.store.matches_fingerprint(another.tolist())
    start_generation(kept.store)
    assert index.search(probe, 5, [kept.number()]) == []
    assert kept.store.needs_fingerprint()
    assert kept.store.matches_fingerprint(another.tolist())
    made = embed(kept.store, kept.number(), DIM)
    agree(index.search(np.eye(DIM, dtype=np.float32)[0], 9, [kept.number()]), [(seq, 1.0) for seq in made])


def test_other_models_keep_their_vectors(kept: Kept) -> None:
    other = EmbeddingStore(kept.database, "test #1")  # its name is like a second generation of "test"
    kept.keep(spread(3, 1))
    embed(other, kept.number(), 2)
    other.matches_fingerprint([1.0, 0.0])
    start_generation(kept.store)
    assert filed(kept) == {"test #1": 3}
    assert not other.waiting(kept.number())
    assert not other.matches_fingerprint([0.0, 1.0])


# -- several at once ---------------------------------------------------------------------------------------


def test_another_process_sees_the_new_generation_at_its_next_step(
    kept: Kept, other: EmbeddingStore, open_index: Open
) -> None:
    kept.keep(spread(5, 1))
    theirs = open_index(other)
    query = spread(1, 1)[0]
    agree(theirs.search(query, 2, [kept.number()]), kept.exact(query, 2))
    start_generation(kept.store)
    made = embed(kept.store, kept.number())
    assert not other.waiting(kept.number())
    agree(theirs.search(np.array([1, 0, 0], np.float32), 9, [kept.number()]), [(seq, 1.0) for seq in made])


def test_who_comes_second_with_the_same_finding_throws_nothing_away(kept: Kept, other: EmbeddingStore) -> None:
    probe, another = spread(2, 1)
    kept.store.matches_fingerprint(probe.tolist())
    kept.keep(spread(5, 1))
    assert not other.matches_fingerprint(another.tolist())
    assert not kept.store.matches_fingerprint(another.tolist())
    start_generation(kept.store)
    embed(kept.store, kept.number(), DIM)
    start_generation(other)
    assert sum(filed(kept).values()) == 5


def test_a_batch_that_was_given_out_before_is_forgotten(kept: Kept, other: EmbeddingStore) -> None:
    kept.keep(spread(2, 1))
    kept.keep(spread(2, 2))
    start_generation(kept.store)
    last_page, texts = kept.store.missing(kept.number(), 1)
    start_generation(other)
    kept.store.keep(kept.number(), last_page, [seq for seq, _ in texts], [[1.0, 0.0, 0.0]] * 2)
    assert filed(kept) == {}
    assert len(embed(other, kept.number(), 2)) == 4


# -- what must never be written ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("vectors", "complaint"),
    [
        ([[1.0, 0.0]], "fresh gave 1 vectors for 2 texts"),
        ([[1.0, 0.0], [1.0]], "different lengths"),
        ([[1.0, 0.0], [1.0, float("nan")]], "NaN or infinity"),
        ([[1.0, 0.0], [1.0, float("inf")]], "NaN or infinity"),
        ([[], []], "no list of numbers"),
        ([1.0, 0.0], "no list of numbers"),
        ([["a"], ["b"]], "different lengths|no list of numbers"),
    ],
)
def test_a_reply_that_is_no_vectors_changes_nothing(kept: Kept, vectors: Any, complaint: str) -> None:
    kept.keep(spread(2, 1))
    fresh = EmbeddingStore(kept.database, "fresh")
    last_page, texts = fresh.missing(kept.number(), 1)
    with pytest.raises(ModelReplyError, match=complaint):
        fresh.keep(kept.number(), last_page, [seq for seq, _ in texts], vectors)
    assert filed(kept) == {"test": 2}
    assert fresh.waiting(kept.number())


@pytest.mark.parametrize("probe", [[], [1.0, float("nan")], [[1.0], [2.0]]])
def test_a_probe_that_is_no_vector_is_not_filed(kept: Kept, probe: Any) -> None:
    with pytest.raises(ModelReplyError):
        kept.store.matches_fingerprint(probe)
    assert kept.store.needs_fingerprint()
    assert kept.store.matches_fingerprint([1.0, 0.0])


# -- where it is kept --------------------------------------------------------------------------------------


def test_a_memory_without_the_table_of_probes_gets_it(kept: Kept) -> None:
    kept.keep(spread(2, 1))
    with closing(sqlite3.connect(kept.folder / FILE_NAME)) as db:
        db.execute("DROP TABLE probe")
    assert kept.store.needs_fingerprint()
    assert kept.store.matches_fingerprint(spread(1, 1)[0].tolist())
    with closing(sqlite3.connect(kept.folder / FILE_NAME)) as db:
        db.execute("DROP TABLE probe")
    start_generation(kept.store)
    assert filed(kept) == {}


@pytest.mark.parametrize("open_meanwhile", [True, False])
def test_the_collection_of_the_former_generation_is_deleted(kept: Kept, open_meanwhile: bool) -> None:
    second = EmbeddingStore(kept.database, "second")
    kept.keep(spread(3, 1))
    embed(second, kept.number(), 5)
    for store in (second, kept.store):
        index = OwnedChroma(store, kept.folder)
        index.catch_up()
        if store is second or not open_meanwhile:
            index.close()
    start_generation(kept.store)
    embed(kept.store, kept.number(), 4)
    if not open_meanwhile:
        index = OwnedChroma(kept.store, kept.folder)
    index.catch_up()
    index.close()
    with closing(sqlite3.connect(kept.folder / FOLDER / "chroma.sqlite3")) as db:
        assert db.execute("SELECT dimension FROM collections ORDER BY 1").fetchall() == [(4,), (5,)]


def test_vectors_of_texts_with_dates_are_made_once_more_without(folder: Path) -> None:
    """As a memory is found whose default vectors were made when the header of a page was embedded with its date."""
    with Memory.open(folder) as memory:
        memory.memorize("Ana: I left the bank.\nBen: And now?\nAna: Now I bake bread.")
        memory.recall("bread")
        passages = memory.stats()["passages"]
    with closing(sqlite3.connect(folder / FILE_NAME)) as db, db:
        for table, name in (("embedding", "model"), ("item_embedding", "model"), ("mark", "name"), ("probe", "model")):
            db.execute(f"UPDATE {table} SET {name} = replace({name}, ' without dates', '')")
    for _ in range(2):
        with Memory.open(folder) as memory:
            memory.recall("bread")
    with closing(sqlite3.connect(folder / FILE_NAME)) as db:
        rows = db.execute("SELECT model LIKE '% without dates', count(*), max(n) FROM embedding GROUP BY 1 ORDER BY 1")
        assert rows.fetchall() == [(0, passages, passages), (1, passages, 2 * passages)]
