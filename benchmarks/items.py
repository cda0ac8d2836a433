"""What keeping and finding memory items costs, without a model: `python benchmarks/items.py [--items 100000] [--json]`."""

from __future__ import annotations

import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from figures import Figure, report
from history import TURNS, History
from rank_bm25 import BM25Okapi
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from jitmem.stores.analyzer import HashedEmbeddings, stems
from jitmem.stores.index.chroma_index import OwnedChroma, SharedChroma
from jitmem.stores.index.fusion import weights
from jitmem.stores.index.item_index import ItemIndex
from jitmem.stores.index.vector_index import ExactVectors, VectorIndex
from jitmem.stores.records import Edit
from jitmem.stores.truth.database import SqliteDatabase
from jitmem.stores.truth.embeddings import ITEMS, EmbeddingStore, model_name
from jitmem.stores.truth.items import Items
from jitmem.stores.truth.namespace import Namespace
from jitmem.tools.item_search import METHODS, ItemSearch

COMMITS = 2.0  # times the machine's own durable commit: an insert may cost no more
FLAT = 1.5  # times what it cost at the first stop
SEARCH_MS = 10.0
FIRST, BESIDE = 1000, 2000  # items: the first stop, and where the straightforward way is measured
INSERTS, SEARCHES = 200, 200  # timed at each stop
_BULK = 1000  # items in one transaction, where filling is not what is measured

errors = Console(stderr=True)
Done = Callable[[str, int, int], None]
"""Told what is done, how much of it, and of how much."""


def main(
    items: Annotated[int, typer.Option(min=BESIDE, help="Items at the last stop.")] = 100_000,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Measure inserts beside a bare durable commit, searches by each method, and a straightforward list beside both."""
    bar = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:,}/{task.total:,}"))
    with (
        Progress(*bar, TimeElapsedColumn(), TimeRemainingColumn(), console=errors, transient=True) as progress,
        tempfile.TemporaryDirectory() as folder,
    ):
        tasks: dict[str, Any] = {}

        def done(what: str, count: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=total)
            progress.update(tasks[what], completed=count)

        figures = list(_measure(Path(folder), items, done))
    report(figures, as_json=as_json, items=items)


class ItemBench:
    """A truth with its items, their indexes, and where the next item comes from."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = SqliteDatabase(folder, create=True)
        self.items = Items(Namespace(self.database, "benchmark"))
        self.model = HashedEmbeddings()
        self.store = EmbeddingStore(self.database, model_name(self.model), ITEMS, lexical=True)
        self.chroma = OwnedChroma(self.store, SharedChroma(folder))
        self.made = 0
        self._edits = make_edits()

    def next_edits(self, count: int) -> list[Edit]:
        """The next edits, each an insert of its own content."""
        return list(islice(self._edits, count))

    def fill(self, until: int, done: Done) -> None:
        """Insert by the thousand, up to so many."""
        while self.made < until:
            batch = self.next_edits(min(_BULK, until - self.made))
            with self.database.write() as db:
                for edit in batch:
                    self.items.apply_in(db, edit)
            self.made += len(batch)
            done("inserting", self.made, until)

    def embed(self, done: Done | None = None) -> None:
        """As `nodes.index.embed` does."""
        namespace = self.items.namespace.name
        embedded = 0
        while self.store.waiting(namespace):
            reached, missing = self.store.missing(namespace, self.store.subject.batch)
            vectors = self.model.embed_documents([text for _, text in missing])
            self.store.keep(namespace, reached, [number for number, _ in missing], vectors)
            embedded += len(missing)
            if done:
                done("embedding", embedded, self.made)

    def index(self, vectors: VectorIndex) -> ItemIndex:
        return ItemIndex(self.items, self.store, vectors)

    def search(self, index: ItemIndex) -> ItemSearch:
        return ItemSearch(self.items, index, self.model, weights(lexical=True))


def make_edits() -> Iterator[Edit]:
    """A core paragraph, then what people say in the generated history: every second an event of its session's time, the others knowledge."""
    number, seen = 0, set()
    yield Edit(op="insert", kind="core", content="Ana likes the sea, and wants short answers.")
    while True:
        session = History().session(number)
        number += 1
        for place, (speaker, said) in enumerate(session.turns or ()):
            content = f"{speaker}: {said}"
            if content in seen:
                continue
            seen.add(content)
            event = place % 2 == 0 and isinstance(session.time, datetime)
            when = session.time if event and isinstance(session.time, datetime) else None
            yield Edit(op="insert", kind="episodic" if event else "semantic", content=content, time=when)


def _measure(folder: Path, items: int, done: Done) -> Iterator[Figure]:
    kept = ItemBench(folder / "memory")
    yield from _compare_with_list(folder / "beside", done)
    at_stops = []
    for stop in (FIRST, items):
        kept.fill(stop, done)
        insert, commit = _time_inserts(kept, folder / "bare.sqlite3", done)
        at_stops.append(insert)
        yield Figure(f"an insert, p50, at {stop:,} items", insert, "ms")
        yield Figure("  a bare durable commit of one row, in turn", commit, "ms")
        yield Figure("  times the commit", insert / commit, "x", COMMITS)
    yield Figure(f"an insert at {items:,} beside one at {FIRST:,}", at_stops[1] / at_stops[0], "x", FLAT)
    opening = _time_once(lambda: kept.index(kept.chroma).view())
    yield Figure(f"opening the keyword index at {items:,} items", opening / 1000, "s")
    yield Figure("embedding an item (hashed)", _time_once(lambda: kept.embed(done)) / kept.made, "ms")
    done("feeding Chroma", 0, 1)
    yield Figure("feeding Chroma, an item", _time_once(kept.chroma.catch_up) / kept.made, "ms")
    done("feeding Chroma", 1, 1)
    queries = History().questions(kept.made // TURNS, SEARCHES)
    yield from _time_searches(kept, queries, done)
    yield from _time_catch_up(kept, queries[0])
    kept.chroma.close()
    kept.database.close()


def _time_inserts(kept: ItemBench, bare: Path, done: Done) -> tuple[float, float]:
    """p50 in ms of one insert, each its own durable transaction, and of a bare commit: one of each in turn."""
    inserts, commits = [], []
    with closing(sqlite3.connect(bare, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("CREATE TABLE IF NOT EXISTS row (n INTEGER PRIMARY KEY, text TEXT)")

        def commit(text: str) -> None:
            db.execute("BEGIN IMMEDIATE")
            db.execute("INSERT INTO row (text) VALUES (?)", (text,))
            db.execute("COMMIT")

        for number, edit in enumerate(kept.next_edits(INSERTS), start=1):
            inserts.append(_time_once(lambda edit=edit: kept.items.apply(edit)))  # type: ignore[misc]
            commits.append(_time_once(lambda edit=edit: commit(edit.content or "")))  # type: ignore[misc]
            done(f"timing inserts at {kept.made - number + 1:,}", number, INSERTS)
            kept.made += 1
    return statistics.median(inserts), statistics.median(commits)


def _time_searches(kept: ItemBench, queries: Sequence[str], done: Done) -> Iterator[Figure]:
    at = f"at {kept.made:,}"
    embedding = statistics.median(_time_each([lambda q=q: kept.model.embed_query(q) for q in queries]))  # type: ignore[misc]
    for name, vectors in (("Chroma", kept.chroma), ("exact scan", ExactVectors(kept.store))):
        search = kept.search(kept.index(vectors))
        for method in METHODS:
            search.search(queries[0], method=method)  # opening is not what is measured
        for method in METHODS:
            if method == "keyword" and name != "Chroma":
                continue
            calls = [lambda q=q, s=search, m=method: s.search(q, method=m) for q in queries]
            spent = _time_each(calls)
            done("searching", METHODS.index(method) + 1, len(METHODS))
            said = method if method == "keyword" else f"{method}, {name}"
            goal = SEARCH_MS if name == "Chroma" else None
            yield Figure(f"a search by {said}, p50, {at}", statistics.median(spent), "ms", goal)
    of_kind = kept.search(kept.index(kept.chroma))
    of_kind.search(queries[0])
    for kind in ("episodic", "core"):
        spent = _time_each([lambda q=q, kind=kind: of_kind.search(q, kind=kind) for q in queries])  # type: ignore[misc]
        yield Figure(f"  hybrid, {kind} only, Chroma", statistics.median(spent), "ms", SEARCH_MS)
    yield Figure("  of each that is not by keyword, embedding the query", embedding, "ms")
    yield Figure("  of the exact 10 nearest Chroma finds", 100 * _recall(kept, queries), "%")


def _recall(kept: ItemBench, queries: Sequence[str]) -> float:
    some, right = kept.index(kept.chroma).view(), kept.index(ExactVectors(kept.store)).view()
    shares = []
    for query in queries:
        vector = kept.model.embed_query(query)
        near = {number for number, _ in right.vector(vector, 10)}
        shares.append(len(near & {number for number, _ in some.vector(vector, 10)}) / len(near) if near else 1.0)
    return statistics.fmean(shares)


def _time_catch_up(kept: ItemBench, query: str) -> Iterator[Figure]:
    """After one insert: reading it into the keyword index, and until a hybrid search has found by it."""
    index = kept.index(kept.chroma)
    search = kept.search(index)
    search.search(query)
    words, whole = [], []
    for edit in kept.next_edits(20):
        kept.items.apply(edit)
        kept.made += 1
        words.append(_time_once(index.view))
        whole.append(_time_once(kept.embed) + _time_once(lambda: search.search(query)))
    yield Figure("catching up after one insert, keyword, p50", statistics.median(words), "ms")
    yield Figure("the first hybrid search after one insert, p50", statistics.median(whole), "ms")


class RebuiltList:
    """What one writes first: a list, compared one by one, and every index rebuilt at each change."""

    def __init__(self) -> None:
        self.contents: list[str] = []
        self.model = HashedEmbeddings()
        self.matrix = np.zeros((0, self.model.dim), np.float32)
        self.words: BM25Okapi | None = None

    def insert(self, content: str) -> None:
        if any(content.lower() == known.lower() for known in self.contents):
            return
        self.contents.append(content)
        self.words = BM25Okapi([stems(known) for known in self.contents])
        self.matrix = np.vstack([self.matrix, np.array([self.model.embed_query(content)], np.float32)])

    def search(self, query: str, k: int = 10) -> list[str]:
        assert self.words is not None
        words = self.words.get_scores(stems(query))
        cosines = self.matrix @ np.array(self.model.embed_query(query), np.float32)
        order = np.argsort(-(0.75 * words / (words.max() or 1.0) + 0.25 * cosines))[:k]
        return [self.contents[place] for place in order]


def _compare_with_list(folder: Path, done: Done) -> Iterator[Figure]:
    """The same items in a `Straightforward` and here: one insert more, searched at once, ours with its embedding."""
    kept = ItemBench(folder)
    kept.fill(BESIDE, lambda what, count, total: done(f"{what} for the comparison", count, total))
    theirs = RebuiltList()
    theirs.contents = [item.content for item in kept.items.items()]
    theirs.matrix = np.array(theirs.model.embed_documents(theirs.contents), np.float32)
    kept.embed()
    search = kept.search(kept.index(kept.chroma))
    queries = History().questions(BESIDE // TURNS, SEARCHES)
    search.search(queries[0])
    inserts: tuple[list[float], list[float]] = ([], [])
    for number, edit in enumerate(kept.next_edits(20), start=1):
        inserts[0].append(_time_once(lambda edit=edit: kept.items.apply(edit)))  # type: ignore[misc]
        inserts[1].append(_time_once(lambda edit=edit: theirs.insert(edit.content or "")))  # type: ignore[misc]
        done("inserting into a list", number, 20)
    kept.embed()
    search.search(queries[0])
    mine = _time_each([lambda q=q: search.search(q) for q in queries])  # type: ignore[misc]
    other = _time_each([lambda q=q: theirs.search(q) for q in queries])  # type: ignore[misc]
    kept.chroma.close()
    kept.database.close()
    at = f"at {BESIDE:,} items"
    for what, own, list_ in (("insert", *inserts), ("hybrid search", mine, other)):
        one, another = statistics.median(own), statistics.median(list_)
        yield Figure(f"a list rebuilt at each change: {what}, p50, {at}", another, "ms")
        yield Figure("  jitmem" + (", durable" if what == "insert" else ""), one, "ms")
        yield Figure("  times faster", another / one, "x")


def _time_each(calls: Sequence[Callable[[], object]]) -> list[float]:
    return [_time_once(call) for call in calls]


def _time_once(call: Callable[[], object]) -> float:
    """Milliseconds by the wall clock."""
    started = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - started)


if __name__ == "__main__":
    typer.run(main)
