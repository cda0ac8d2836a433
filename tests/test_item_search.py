"""Items are found by words and by likeness as they stand now: whoever edited them, and whatever was there before."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rank_bm25 import BM25Plus

from jitmem.stores.analyzer import HashedEmbeddings, base_stems, stems
from jitmem.stores.errors import BadInput, StoreClosed
from jitmem.stores.index import item_index, item_vectors
from jitmem.stores.index.chroma_index import OwnedChroma, SharedChroma
from jitmem.stores.index.fusion import item_weights
from jitmem.stores.index.item_index import ItemIndex
from jitmem.stores.index.vector_index import ExactVectors
from jitmem.stores.records import KINDS, Edit, MemoryItem
from jitmem.stores.times import format_time
from jitmem.stores.truth.database import Database, SqliteDatabase
from jitmem.stores.truth.embeddings import ITEMS, EmbeddingStore, ModelChanged
from jitmem.stores.truth.generations import start_generation
from jitmem.stores.truth.item_history import undo
from jitmem.stores.truth.items import Items
from jitmem.stores.truth.journal import Journal, PageDraft, PassageDraft
from jitmem.stores.truth.namespace import Namespace
from jitmem.stores.truth.pages import Pages
from jitmem.tools.item_search import METHODS, ItemHit, ItemSearch

MAY = datetime(2023, 5, 8, 13, 56)
Child = Any


class Counting(HashedEmbeddings):
    """Hashed, and counts what it was asked."""

    def __init__(self, dim: int = 384) -> None:
        super().__init__(dim)
        self.queries = self.documents = 0

    def embed_query(self, text: str) -> list[float]:
        self.queries += 1
        return super().embed_query(text)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.documents += len(texts)
        return [HashedEmbeddings.embed_query(self, text) for text in texts]


class Topics(HashedEmbeddings):
    """Knows what letters do not tell: a text is about boats, about food, or about neither."""

    def embed_query(self, text: str) -> list[float]:
        boats, food = (any(word in text for word in words) for words in (("ship", "ferry"), ("bread", "soup")))
        return [float(boats), float(food), 0.1]


@dataclass
class Kept:
    """The items of one namespace with their index, as one process has them."""

    folder: Path
    namespace: str = "ana"
    model: HashedEmbeddings = field(default_factory=Counting)
    chroma: bool = True

    def __post_init__(self) -> None:
        self.database = SqliteDatabase(self.folder, create=True)
        self.items = Items(Namespace(self.database, self.namespace))
        self.store = EmbeddingStore(self.database, "model", ITEMS)
        folder = SharedChroma(self.folder)
        self.vectors = OwnedChroma(self.store, folder) if self.chroma else ExactVectors(self.store)
        self.index = ItemIndex(self.items, self.store, self.vectors)
        self.tool = ItemSearch(self.items, self.index, self.model, item_weights(lexical=True))

    def edit(self, op: Any, content: str | None = None, *, kind: str = "semantic", **more: Any) -> MemoryItem:
        outcome = self.items.apply(Edit(op=op, kind=kind, content=content, **more))
        assert (outcome.status, outcome.reason) == ("applied", "")
        assert outcome.item is not None
        return outcome.item

    def insert(self, content: str, **more: Any) -> MemoryItem:
        return self.edit("insert", content, **more)

    def embed(self) -> None:
        """As `nodes.index.embed` does."""
        number = self.items.namespace.name
        while self.store.waiting(number):
            reached, missing = self.store.missing(number, self.store.subject.batch)
            vectors = self.model.embed_documents([text for _, text in missing])
            self.store.keep(number, reached, [n for n, _ in missing], vectors)

    def search(self, query: str, **more: Any) -> list[ItemHit]:
        if more.get("method") != "keyword":
            self.embed()
        return self.tool.search(query, **more)

    def found(self, query: str, **more: Any) -> list[str]:
        return [hit.item.content for hit in self.search(query, **more)]

    def close(self) -> None:
        self.vectors.close()
        self.database.close()


@pytest.fixture(params=["chroma", "exact"])
def kept(request: pytest.FixtureRequest, folder: Path) -> Iterator[Kept]:
    with closing(Kept(folder, chroma=request.param == "chroma")) as made:
        yield made


@pytest.fixture(params=["compared one by one", "from the index"])
def few(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Vectors come from the index only where there are many."""
    if request.param == "from the index":
        for module in (item_index, item_vectors):
            monkeypatch.setattr(module, "FEW", 0)


methods = pytest.mark.parametrize("method", METHODS)


# -- as they stand -----------------------------------------------------------------------------------------


@methods
@pytest.mark.usefixtures("few")
def test_what_was_inserted_is_found_by_the_next_search(kept: Kept, method: str) -> None:
    assert kept.search("mill", method=method) == []
    mill, _ = kept.insert("Ana bought the old mill."), kept.insert("Ben works at the bank.")
    (hit, *_) = kept.search("the mill", method=method)
    assert hit.item == mill
    assert hit.score > 0
    kept.insert("The mill burnt down.")
    assert set(kept.found("mill", method=method, k=2)) == {"Ana bought the old mill.", "The mill burnt down."}


@methods
@pytest.mark.usefixtures("few")
def test_an_update_replaces_what_is_found_and_an_undo_brings_it_back(kept: Kept, method: str) -> None:
    first = kept.insert("Ana works at the bank.")
    assert kept.found("bank", method=method) == ["Ana works at the bank."]
    second = kept.edit("update", "Zoe paints portraits.", id=first.id)
    assert kept.found("bank", method=method) == []
    assert kept.search("portraits", method=method)[0].item == second
    undo(kept.items, second.change)
    assert kept.found("bank", method=method) == ["Ana works at the bank."]
    assert kept.found("portraits", method=method) == []


@methods
@pytest.mark.usefixtures("few")
def test_what_is_deleted_is_gone_at_once_and_an_undo_brings_it_back(kept: Kept, method: str) -> None:
    item = kept.insert("Ana works at the bank.")
    assert kept.found("bank", method=method) == ["Ana works at the bank."]
    deleted = kept.edit("delete", id=item.id)
    assert kept.tool.search("bank", method=method) == []
    undo(kept.items, deleted.change)
    assert kept.found("bank", method=method) == ["Ana works at the bank."]


def test_an_old_content_is_not_found_by_the_vector_it_had(kept: Kept) -> None:
    item = kept.insert("Ana works at the bank.")
    kept.embed()
    kept.edit("update", "Ana paints.", id=item.id)
    assert kept.tool.search("the bank", method="vector") == [], "nobody has embedded the new content yet"


@pytest.mark.parametrize("fed", ["at once", "in batches"])
@pytest.mark.usefixtures("few")
def test_many_dead_versions_near_the_query_hide_nothing(kept: Kept, fed: str) -> None:
    item = kept.insert("The mill has 0 sacks of flour.")
    kept.insert("A mill stands by the river.")
    for count in range(1, 60):
        item = kept.edit("update", f"The mill has {count} sacks of flour.", id=item.id)
        kept.embed()
        if fed == "at once":
            kept.vectors.catch_up()
    assert kept.found("The mill has sacks of flour.", method="vector", k=2) == [
        "The mill has 59 sacks of flour.",
        "A mill stands by the river.",
    ]


def test_what_was_updated_thousands_of_times_is_found_as_ever(kept: Kept) -> None:
    item, other = kept.insert("mill 0"), kept.insert("mill and river")
    assert kept.search("mill", method="keyword")
    with kept.database.write() as db:
        for count in range(1, 3000):
            kept.items.apply_in(db, Edit(op="update", kind="semantic", content=f"mill {count}", id=item.id))
    assert kept.found("2999", method="keyword") == ["mill 2999"]
    agree(kept.index, "mill river")
    kept.edit("delete", id=other.id)
    agree(kept.index, "mill river")


def test_the_words_of_the_date_find_what_happened_then(kept: Kept) -> None:
    kept.insert("Ana moved.", kind="episodic", time=MAY)
    kept.insert("Ben moved.", kind="episodic", time=datetime(2024, 6, 1))
    for method in METHODS:
        assert kept.found("8 May 2023", method=method)[0] == "Ana moved."


# -- several at once ---------------------------------------------------------------------------------------

EDITOR = """
import sys
from pathlib import Path
from jitmem.stores.truth.database import Database, SqliteDatabase
from jitmem.stores.truth.items import Items
from jitmem.stores.truth.namespace import Namespace
from jitmem.stores.records import Edit
items = Items(Namespace(SqliteDatabase(Path(sys.argv[1]), create=False), "ana"))
for line in sys.stdin:
    op, item_id, content = line.rstrip("\\n").split("|")
    outcome = items.apply(Edit(op=op, kind="semantic", id=item_id or None, content=content or None))
    print(outcome.item.id, flush=True)
"""


def test_edits_of_another_process_are_seen_by_the_next_search(kept: Kept, start: Callable[..., Child]) -> None:
    child = start(EDITOR, kept.folder)

    def told(op: str, item_id: str = "", content: str = "") -> str:
        print(op, item_id, content, sep="|", file=child.stdin, flush=True)
        return str(child.stdout.readline().strip()) or str(child.communicate()[1])

    kept.insert("Ben works at the bank.")
    assert kept.found("bank") == ["Ben works at the bank."]
    item_id = told("insert", content="Ana bought the mill.")
    for method in METHODS:
        assert kept.found("mill", method=method)[0] == "Ana bought the mill."
    told("update", item_id, "Ana sold the windmill.")
    assert kept.found("windmill", method="keyword") == ["Ana sold the windmill."]
    told("delete", item_id)
    for method in METHODS:
        assert "Ana sold the windmill." not in kept.found("windmill", method=method)


def test_two_indexes_of_one_namespace_find_the_same(kept: Kept) -> None:
    with closing(Kept(kept.folder)) as other:
        kept.insert("Ana bought the mill.")
        for method in METHODS:
            assert kept.search("mill", method=method) == other.search("mill", method=method) != []


@methods
def test_sixteen_threads_insert_and_each_finds_its_own_at_once(kept: Kept, method: str) -> None:
    ready, turn = threading.Barrier(16), threading.Lock()

    def work(thread: int) -> list[list[str]]:
        ready.wait()
        found = []
        for count in range(6):
            word = f"w{thread}x{count}"
            item = kept.insert(f"{word} is here.")
            if method != "keyword":
                with turn:  # one thread of a process embeds at a time
                    kept.embed()
            found.append([hit.item.id for hit in kept.tool.search(word, method=method, k=1)] == [item.id])
            kept.edit("delete", id=item.id)
            found.append(item.id not in [hit.item.id for hit in kept.tool.search(word, method=method, k=50)])
        return found

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(work, range(16))) == [[True] * 12] * 16
    assert kept.items.counts() == {}


# -- what never meets --------------------------------------------------------------------------------------


@methods
@pytest.mark.usefixtures("few")
def test_namespaces_never_meet(kept: Kept, method: str) -> None:
    other = Items(Namespace(kept.database, "ben"))
    theirs = ItemIndex(other, kept.store, kept.vectors)
    tool = ItemSearch(other, theirs, kept.model, item_weights(lexical=True))
    for count in range(20):
        kept.insert(f"The mill has {count} sacks.")
    assert tool.search("mill", method=method) == []
    told = other.apply(Edit(op="insert", kind="semantic", content="The mill has 5 sacks.")).item
    kept.embed()
    number = other.namespace.name
    reached, missing = kept.store.missing(number, 10)
    kept.store.keep(number, reached, [n for n, _ in missing], kept.model.embed_documents([t for _, t in missing]))
    assert [hit.item for hit in tool.search("mill has 5 sacks", method=method)] == [told]
    assert len(kept.search("mill has 5 sacks", method=method, k=50)) == 20


@methods
@pytest.mark.usefixtures("few")
def test_a_kind_is_searched_alone_and_entries_only_by_their_kind(kept: Kept, method: str) -> None:
    contents = {
        kind: kept.insert(f"The mill, {kind}.", kind=kind, time=MAY if kind == "episodic" else None).content
        for kind in (*KINDS, "entry")
    }
    for kind, content in contents.items():
        assert kept.found("mill", kind=kind, method=method) == [content]
    assert set(kept.found("mill", method=method)) == {contents[kind] for kind in KINDS}


def test_the_only_item_of_a_kind_among_many_is_found_by_likeness(kept: Kept) -> None:
    with kept.database.write() as db:
        for count in range(1200):
            content = f"The mill sold {count} sacks of flour."
            kept.items.apply_in(db, Edit(op="insert", kind="semantic", content=content))
    kept.insert("Ana likes bread.", kind="core")
    assert kept.found("mills and breads", kind="core", method="vector") == ["Ana likes bread."]
    assert len(kept.found("sold sacks of flour", kind="semantic", method="vector", k=1000)) == 1000


# -- what is asked for is what runs ------------------------------------------------------------------------


def test_a_search_by_keyword_embeds_nothing(kept: Kept) -> None:
    kept.insert("Ana bought the mill.")
    assert kept.found("mill", method="keyword") == ["Ana bought the mill."]
    assert asyncio.run(kept.tool.asearch("mill", method="keyword")) == kept.tool.search("mill", method="keyword")
    assert isinstance(kept.model, Counting)
    assert (kept.model.queries, kept.model.documents) == (0, 0)


def test_an_insert_embeds_nothing_and_each_version_is_paid_once(kept: Kept) -> None:
    assert isinstance(kept.model, Counting)
    item = kept.insert("Ana bought the mill.")
    assert kept.model.documents == 0
    for content in ("Ana sold the mill.", "Ana lost the mill."):
        kept.edit("update", content, id=item.id)
    for _ in range(3):
        kept.search("mill")
    assert kept.model.documents == 1, "what was replaced before a search is never paid for"
    kept.edit("update", "Ana found the mill.", id=item.id)
    kept.search("mill")
    assert kept.model.documents == 2


def test_by_likeness_no_word_counts_and_by_both_both_do(folder: Path) -> None:
    with closing(Kept(folder, model=Topics())) as kept:
        kept.insert("The ferry leaves at noon.")
        kept.insert("Nobody can eat a painted loaf, said the ship-less man's ledger about noon.")
        kept.insert("A soup at noon.")
        vector = kept.search("a ship", method="vector")
        assert [hit.item.content[:9] for hit in vector][:2] == ["The ferry", "Nobody ca"]
        assert {(*hit.scores,) for hit in vector} == {("vector",)}
        assert [round(hit.score, 5) for hit in vector] == [1.0, 1.0, round(0.01 / 1.01, 5)]
        (ship,) = kept.search("a ship", method="keyword")
        assert (ship.item.content[:9], [*ship.scores]) == ("Nobody ca", ["keyword"])
        both = kept.search("a ship")
        assert [(hit.item.content[:9], round(hit.score, 3), [*hit.scores]) for hit in both] == [
            ("Nobody ca", 1.0, ["keyword", "vector"]),
            ("The ferry", 0.25, ["vector"]),
            ("A soup at", 0.005, ["vector"]),
        ]


@methods
def test_awaited_it_finds_the_same(kept: Kept, method: str) -> None:
    for content in ("Ana bought the mill.", "Ben works at the bank.", "The mill burnt down."):
        kept.insert(content)
    found = kept.search("the mill", method=method)
    assert asyncio.run(kept.tool.asearch("the mill", method=method)) == found != []


@methods
def test_never_more_than_k_and_the_best_of_them(kept: Kept, method: str) -> None:
    for count in range(30):
        kept.insert(f"mill {'flour ' * count} {count}")
    whole = kept.search("mill flour", method=method, k=1000)
    assert len(whole) == 30
    for k in (1, 7, 30):
        assert kept.search("mill flour", method=method, k=k) == whole[:k]
    assert [hit.score for hit in whole] == sorted((hit.score for hit in whole), reverse=True)


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ({"method": "fuzzy"}, r"^There is no method 'fuzzy'; use hybrid, keyword, vector\.$"),
        ({"kind": "facts"}, r"^There is no kind 'facts'; use core, semantic, episodic, entry, or none for .*\.$"),
        ({"k": 0}, r"^k must be from 1 to 1000, not 0\.$"),
        ({"k": 1001}, r"^k must be from 1 to 1000, not 1001\.$"),
    ],
)
def test_what_there_is_not_is_refused_with_what_there_is(kept: Kept, more: Any, complaint: str) -> None:
    with pytest.raises(BadInput, match=complaint):
        kept.tool.search("mill", **more)
    with pytest.raises(BadInput, match=complaint):
        asyncio.run(kept.tool.asearch("mill", **more))
    assert isinstance(kept.model, Counting)
    assert kept.model.queries == 0


# -- the model changes -------------------------------------------------------------------------------------


@pytest.mark.usefixtures("few")
def test_a_changed_embedding_model_is_noticed_and_everything_embedded_anew(kept: Kept) -> None:
    kept.insert("Ana bought the mill.")
    kept.insert("Ben works at the bank.")
    assert kept.found("mill", method="vector")[0] == "Ana bought the mill."
    kept.model = Counting(64)
    kept.tool = ItemSearch(kept.items, kept.index, kept.model, item_weights(lexical=True))
    with pytest.raises(ModelChanged, match="model gave a vector of 64 dimensions"):
        kept.tool.search("mill")
    assert kept.found("mill", method="keyword") == ["Ana bought the mill."]
    start_generation(kept.store)
    assert kept.found("mill", method="vector")[0] == "Ana bought the mill."
    assert kept.model.documents == 2


def test_a_generation_is_one_for_pages_and_items(kept: Kept) -> None:
    pages = EmbeddingStore(kept.database, "model")
    journal = Journal(kept.items.namespace)
    accepted = journal.accept(session_id=None, text="mill", turns=[], time=None, metadata={})
    journal.file(accepted, [PageDraft("mill", "", "", "", [PassageDraft(0, 4, None, [])])])
    number = kept.items.namespace.name
    reached, missing = pages.missing(number, 32)
    pages.keep(number, reached, [seq for seq, _ in missing], [[1.0, 0.0]])
    assert (pages.waiting(number), pages.dimension()) == (False, 2)
    kept.insert("The mill burnt down.")
    kept.embed()
    assert (pages.waiting(number), kept.store.waiting(number)) == (True, False)
    assert (pages.dimension(), kept.store.dimension()) == (384, 384)


def test_pages_that_are_filed_leave_no_item_waiting(kept: Kept) -> None:
    kept.insert("Ana bought the mill.")
    kept.embed()
    number = kept.items.namespace.name
    journal = Journal(kept.items.namespace)
    for count in range(3):
        accepted = journal.accept(session_id=None, text=f"mill {count}", turns=[], time=None, metadata={})
        journal.file(accepted, [PageDraft(f"mill {count}", "", "", "", [PassageDraft(0, 4, None, [])])])
        assert not kept.store.waiting(number)
        assert kept.found("mill", method="keyword") == ["Ana bought the mill."]
    kept.insert("Ben sold the mill.")
    assert kept.store.waiting(number)
    assert len(kept.found("mill", method="vector")) == 2


# -- one folder for all ------------------------------------------------------------------------------------


def test_pages_and_items_share_chroma_and_let_go_of_it_together(folder: Path) -> None:
    database = SqliteDatabase(folder, create=True)
    shared = SharedChroma(folder)
    stores = [EmbeddingStore(database, "model"), EmbeddingStore(database, "model", ITEMS)]
    pages, items = (OwnedChroma(store, shared) for store in stores)
    second = OwnedChroma(stores[1], folder)
    nothing = np.ones(3, np.float32)
    for index in (pages, items, second):
        assert index.search(nothing, 1, [1]) == []
    assert (pages.owner, items.owner, second.owner) == (True, True, False)
    pages.close()
    assert (pages.owner, items.owner) == (False, False)
    assert second.search(nothing, 1, [1]) == []
    assert second.owner
    second.close()
    assert items.search(nothing, 1, [1]) == []
    assert items.owner
    items.close()
    database.close()


def test_what_is_fed_is_found_once_where_its_mark_was_lost(folder: Path) -> None:
    with closing(Kept(folder)) as kept:
        kept.insert("Ana bought the mill.")
        kept.embed()
        kept.vectors.catch_up()
        with kept.database.write() as db:
            db.execute("DELETE FROM mark WHERE name LIKE 'chroma:%'")
    with closing(Kept(folder)) as again:
        vector = np.array(again.model.embed_query("mill"), np.float32)
        assert len(again.vectors.search(vector, 10, [Pages(again.items.namespace).extent().namespaces[0]])) == 1


def test_new_items_are_found_beside_thousands_in_chroma(folder: Path) -> None:
    with closing(Kept(folder)) as kept:
        sacks = [f"Sack s{count} went to customer c{count * 7919 % 1501}." for count in range(1500)]
        with kept.database.write() as db:
            for content in sacks:
                kept.items.apply_in(db, Edit(op="insert", kind="semantic", content=content))
        for count in range(5):
            content = f"The windmill {count} turns."
            kept.insert(content)
            assert kept.found(f"windmill {count} turns", method="vector", k=1) == [content]
        for content in sacks[::100]:
            assert kept.found(content, method="vector", k=1) == [content]
        with kept.database.read() as db:
            assert db.execute("SELECT n FROM mark WHERE name LIKE 'chroma:%'").fetchall() == [(1501,)]


def test_a_truth_that_was_closed_costs_no_vectors(folder: Path) -> None:
    kept = Kept(folder)
    kept.insert("Ana bought the mill.")
    assert kept.found("mill")
    kept.close()
    with pytest.raises(StoreClosed):
        kept.vectors.search(np.ones(3, np.float32), 1, [1])
    kept.vectors.close()
    with closing(Kept(folder)) as again:
        assert again.found("mill", method="vector") == ["Ana bought the mill."]
        assert isinstance(again.model, Counting)
        assert again.model.documents == 0


# -- the oracle --------------------------------------------------------------------------------------------

WORDS = "mill river bank flour bread miller banking ana ben lisbon".split()
contents = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join)
edits = st.one_of(
    st.tuples(st.just("insert"), st.sampled_from([*KINDS, "entry"]), contents),
    st.tuples(st.just("update"), st.integers(0, 20), contents),
    st.tuples(st.just("delete"), st.integers(0, 20), st.just("")),
    st.tuples(st.just("undo"), st.integers(0, 40), st.just("")),
    st.tuples(st.just("search"), st.sampled_from([None, *KINDS, "entry"]), contents),
    st.tuples(st.just("open"), st.none(), st.just("")),
)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    with closing(SqliteDatabase(tmp_path_factory.mktemp("oracle") / "memory", create=True)) as made:
        yield made


_spaces = itertools.count()


@given(done=st.lists(edits, max_size=25))
def test_scores_are_those_of_a_fresh_index_over_what_stands(database: Database, done: list[tuple[Any, ...]]) -> None:
    items = Items(Namespace(database, f"space {next(_spaces)}"))
    store = EmbeddingStore(database, "model", ITEMS)
    index = ItemIndex(items, store, ExactVectors(store))
    made: list[MemoryItem] = []
    changes: list[int] = []
    for op, what, content in done:
        if op == "open":
            index = ItemIndex(items, store, ExactVectors(store))
        elif op == "search":
            agree(index, content, what)
        elif op == "undo":
            if changes:
                undo(items, changes[what % len(changes)])
                changes = [item.change for known in made for item in items.history(known.id)]
        else:
            kind, item_id = (what, None) if op == "insert" else ("semantic", None)
            if op != "insert":
                if not made:
                    continue
                kind, item_id = made[what % len(made)].kind, made[what % len(made)].id
            time = MAY if len(content) % 2 else None
            outcome = items.apply(Edit(op=op, kind=kind, id=item_id, content=content or None, time=time))
            if outcome.status == "applied" and outcome.item:
                made += [outcome.item] if op == "insert" else []
                changes.append(outcome.item.change)
    for kind in (None, *KINDS, "entry"):
        agree(index, " ".join(WORDS[:4]), kind)


def agree(index: ItemIndex, query: str, kind: str | None = None) -> None:
    """What the index finds is what rank_bm25 finds over the items as they stand."""
    standing = index.items.items(kind=kind)
    expected = {}
    if standing:
        documents = [[*base_stems(format_time(item.time)), *stems(item.content)] for item in standing]
        scores = BM25Plus(documents, k1=1.2, b=0.3, delta=0).get_scores(stems(query))
        expected = {item.change: float(score) for item, score in zip(standing, scores, strict=True) if score > 0}
    found = index.view().keyword(query, 1000, kind)
    assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)
    versions = index.items.by_change([number for number, _ in found])
    assert {versions[number].change: score for number, score in found} == pytest.approx(expected, abs=1e-9)
