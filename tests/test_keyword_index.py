"""The keyword index keeps its contract, and its windows are those that the layout promises."""

from __future__ import annotations

import numpy as np
import pytest
from contracts.keyword_contract import KeywordContract
from hypothesis import given
from hypothesis import strategies as st

from jitmem.stores.index.keyword_index import STRIDE, WINDOW, KeywordIndex, WindowMap, divide_by_best, top_k

PAGES = st.lists(st.integers(0, 20), min_size=1, max_size=6)  # how many passages each page has


class TestKeywordIndex(KeywordContract):
    @pytest.fixture
    def index(self) -> KeywordIndex:
        return KeywordIndex()


def laid_out(sizes: list[int]) -> tuple[WindowMap, list[list[int]]]:
    """The layout of pages of these sizes, and the windows as positions of passages."""
    layout, windows, at = WindowMap(), [], 0
    for size in sizes:
        slices = layout.append(range(at, at + size))
        windows += [list(range(at + start, at + end)) for start, end in slices]
        at += size
    return layout, windows


@given(sizes=PAGES)
def test_every_passage_lies_in_a_window_of_at_most_five_and_windows_begin_every_three(sizes: list[int]) -> None:
    layout, windows = laid_out(sizes)
    assert len(windows) == layout.windows
    assert {at for window in windows for at in window} == set(range(sum(sizes)))
    assert all(len(window) <= WINDOW for window in windows)
    at = 0
    for size in sizes:
        own = [window for window in windows if window and at <= window[0] < at + size]
        assert [window[0] - at for window in own] == [number * STRIDE for number in range(len(own))]
        at += size


@given(sizes=PAGES, data=st.data())
def test_the_best_window_of_a_passage_is_the_best_of_those_that_hold_it(sizes: list[int], data: st.DataObject) -> None:
    layout, windows = laid_out(sizes)
    scores = data.draw(st.lists(st.floats(0, 1), min_size=len(windows), max_size=len(windows)))
    expected = [
        max(score for window, score in zip(windows, scores, strict=True) if at in window) for at in range(sum(sizes))
    ]
    assert layout.view().best_window(np.array(scores)).tolist() == expected


@given(sizes=PAGES, data=st.data())
def test_a_window_sums_the_scores_of_what_it_holds(sizes: list[int], data: st.DataObject) -> None:
    layout, windows = laid_out(sizes)
    some = data.draw(st.lists(st.integers(0, sum(sizes) - 1), unique=True)) if sum(sizes) else []
    scores = {at: float(number + 1) for number, at in enumerate(some)}
    sums = layout.view().window_sums(np.array(some, np.int64), np.array(list(scores.values())))
    assert sums.tolist() == [sum(scores.get(at, 0.0) for at in window) for window in windows]


@given(sizes=PAGES)
def test_a_passage_has_the_score_of_its_page(sizes: list[int]) -> None:
    layout, _ = laid_out(sizes)
    expected = [float(number) for number, size in enumerate(sizes) for _ in range(size)]
    assert layout.view().of_page(np.arange(len(sizes), dtype=float)).tolist() == expected


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
