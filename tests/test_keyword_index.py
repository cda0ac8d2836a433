"""The keyword postings keep their contract, and windows are where they are promised."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from contracts.keyword_contract import Found, Index, KeywordContract, PageOfTerms
from hypothesis import given
from hypothesis import strategies as st

from jitmem.stores.index.keyword_index import STRIDE, WINDOW, KeywordView, WindowMap, divide_by_best, top_k
from jitmem.stores.index.snapshot import NamespaceStore
from jitmem.stores.index.vector_index import ExactVectors
from jitmem.stores.truth.database import Database, SqliteDatabase
from jitmem.stores.truth.embeddings import EmbeddingStore
from jitmem.stores.truth.journal import PageDraft, PassageDraft
from jitmem.stores.truth.namespace import Namespace

PAGES = st.lists(st.integers(0, 20), min_size=1, max_size=6)  # how many passages each page has


class Filed:
    """Pages of given terms in a namespace of a truth, searched in a new snapshot each time."""

    def __init__(self, database: Database, name: str) -> None:
        embeddings = EmbeddingStore(database, "none")
        self._store = NamespaceStore(Namespace(database, name), embeddings, ExactVectors(embeddings))
        self._numbers: list[int] = []

    def append(self, page: PageOfTerms) -> None:
        journal = self._store.journal
        accepted = journal.accept(session_id=f"s{page.number}", text=str(page), turns=(), time=None, metadata={})
        passages = [PassageDraft(at, at + 1, None, own) for at, own in enumerate(page.passages)]
        journal.file(accepted, [PageDraft(str(page), "", "", " ".join(page.context), passages)])
        self._numbers.append(page.number)

    def search(self, terms: Sequence[str], k: int) -> Found:
        snapshot = self._store.snapshot()
        found = snapshot._map.search(snapshot._find_terms(terms), k)
        page_of, spans = snapshot._map.page_of, snapshot._map.spans
        return [(100 * self._numbers[page_of[at]] + at - int(spans[page_of[at], 0]), score) for at, score in found]

    def search_pages(self, terms: Sequence[str], k: int) -> Found:
        snapshot = self._store.snapshot()
        return [(self._numbers[at], score) for at, score in snapshot._map.search_pages(snapshot._find_terms(terms), k)]


class TestPostings(KeywordContract):
    @pytest.fixture
    def make_index(self, folder: Path) -> Iterator[Callable[[], Index]]:
        database, numbers = SqliteDatabase(folder, create=True), count()
        yield lambda: Filed(database, f"space {next(numbers)}")
        database.close()


def laid_out(sizes: list[int]) -> tuple[KeywordView, list[list[int]]]:
    """The map of pages of these sizes, and the windows as positions of passages."""
    layout, windows, at = WindowMap(), [], 0
    for size in sizes:
        starts = [0, *range(STRIDE, size - (WINDOW - STRIDE), STRIDE)]
        windows += [list(range(at + start, at + min(start + WINDOW, size))) for start in starts]
        at += size
    half = len(sizes) // 2
    for some in (sizes[:half], sizes[half:]):
        layout.extend([0] * len(some), [np.ones(size, np.uint32) for size in some])
    return layout.view(), windows


@given(sizes=PAGES)
def test_windows_are_of_five_passages_and_begin_every_three(sizes: list[int]) -> None:
    view, windows = laid_out(sizes)
    assert {at for window in windows for at in window} == set(range(sum(sizes)))
    assert view.windows.lengths.tolist() == [len(window) for window in windows]
    assert view.pages.lengths.tolist() == sizes
    holding = [[number for number, window in enumerate(windows) if at in window] for at in range(sum(sizes))]
    assert view.first_window.tolist() == [numbers[0] for numbers in holding]
    assert view.last_window.tolist() == [numbers[-1] for numbers in holding]


@given(sizes=PAGES, data=st.data())
def test_the_best_window_of_a_passage_is_the_best_of_those_that_hold_it(sizes: list[int], data: st.DataObject) -> None:
    view, windows = laid_out(sizes)
    scores = data.draw(st.lists(st.floats(0, 1), min_size=len(windows), max_size=len(windows)))
    expected = [
        max(score for window, score in zip(windows, scores, strict=True) if at in window) for at in range(sum(sizes))
    ]
    assert view.best_window(np.array(scores)).tolist() == expected


@given(sizes=PAGES, data=st.data())
def test_a_window_sums_the_scores_of_what_it_holds(sizes: list[int], data: st.DataObject) -> None:
    view, windows = laid_out(sizes)
    some = data.draw(st.lists(st.integers(0, sum(sizes) - 1), unique=True)) if sum(sizes) else []
    scores = {at: float(number + 1) for number, at in enumerate(some)}
    sums = view.window_sums(np.array(some, np.int64), np.array(list(scores.values())))
    assert sums.tolist() == [sum(scores.get(at, 0.0) for at in window) for window in windows]


@given(sizes=PAGES)
def test_every_passage_knows_its_page(sizes: list[int]) -> None:
    expected = [number for number, size in enumerate(sizes) for _ in range(size)]
    assert laid_out(sizes)[0].page_of.tolist() == expected


@given(
    scores=st.lists(st.sampled_from([0.0, -1.0, 0.25, 0.5, 1.0]) | st.floats(-1, 1), max_size=30), k=st.integers(0, 40)
)
def test_the_best_are_the_highest_above_0_and_ties_go_to_the_older(scores: list[float], k: int) -> None:
    order = sorted((at for at, score in enumerate(scores) if score > 0), key=lambda at: (-scores[at], at))
    ids = np.arange(len(scores), dtype=np.int64) + 100
    assert top_k(ids, np.array(scores, float), k) == [(at + 100, scores[at]) for at in order[:k]]


def test_scores_are_divided_by_the_highest_and_zeros_stay() -> None:
    assert divide_by_best(np.array([1.0, 4.0, 0.0])).tolist() == [0.25, 1.0, 0.0]
    assert divide_by_best(np.zeros(2)).tolist() == [0.0, 0.0]
    assert divide_by_best(np.zeros(0)).tolist() == []
