"""What a keyword index must keep."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from rank_bm25 import BM25Plus

from jitmem.stores.index.keyword_index import STRIDE, WINDOW

Found = list[tuple[int, float]]


@dataclass(frozen=True)
class PageOfTerms:
    """A page whose passages are numbered from 100 times its own number on."""

    number: int
    context: Sequence[str]
    passages: Sequence[Sequence[str]]


class Index(Protocol):
    def append(self, page: PageOfTerms) -> None:
        """Pages come in the order of their numbers, or at least in one order."""

    def search(self, terms: Sequence[str], k: int) -> Found:
        """`(number of a passage, score)`."""

    def search_pages(self, terms: Sequence[str], k: int) -> Found:
        """`(number of a page, score)`."""


def page(number: int, *passages: str, context: str = "") -> PageOfTerms:
    return PageOfTerms(number, context.split(), [text.split() for text in passages])


def seqs(found: Found) -> list[int]:
    return [seq for seq, _ in found]


class RankBM25:
    """The oracle: `rank_bm25.BM25Plus` over passages, windows and pages, made again for each search."""

    def __init__(self) -> None:
        self._pages: list[PageOfTerms] = []

    def append(self, page: PageOfTerms) -> None:
        self._pages.append(page)

    def search(self, terms: Sequence[str], k: int) -> Found:
        passages, windows, best_of = [], [], []
        for page in self._pages:
            starts = [0, *range(STRIDE, len(page.passages) - (WINDOW - STRIDE), STRIDE)]
            holding = [(start, len(windows) + at) for at, start in enumerate(starts)]
            windows += [[*page.context, *chain(*page.passages[start : start + WINDOW])] for start in starts]
            passages += [[*page.context, *own] for own in page.passages]
            best_of += [[n for start, n in holding if start <= at < start + WINDOW] for at in range(len(page.passages))]
        scores = [_shares(passages, terms, 0.3), _shares(windows, terms, 0.75), self._pages_scores(terms)]
        scores[2] = scores[2] / (scores[2].max(initial=0.0) or 1.0)
        numbers = [(one, at) for one, page in enumerate(self._pages) for at in range(len(page.passages))]
        found = [
            (100 * self._pages[one].number + at, scores[0][n] + max(scores[1][best_of[n]]) + 0.5 * scores[2][one])
            for n, (one, at) in enumerate(numbers)
        ]
        return _best(found, k)

    def search_pages(self, terms: Sequence[str], k: int) -> Found:
        return _best(
            [(page.number, score) for page, score in zip(self._pages, self._pages_scores(terms), strict=True)], k
        )

    def _pages_scores(self, terms: Sequence[str]) -> NDArray[np.float64]:
        return _scores([[*page.context, *page.context, *chain(*page.passages)] for page in self._pages], terms, 0.75)


def _scores(documents: list[list[str]], terms: Sequence[str], b: float) -> NDArray[np.float64]:
    if not any(documents):
        return np.zeros(len(documents))
    return np.array(BM25Plus(documents, k1=1.2, b=b, delta=0).get_scores(terms))


def _shares(documents: list[list[str]], terms: Sequence[str], b: float) -> NDArray[np.float64]:
    scores = _scores(documents, terms, b)
    return scores / (scores.max(initial=0.0) or 1.0)


def _best(found: Found, k: int) -> Found:
    return sorted((one for one in found if one[1] > 0), key=lambda one: -one[1])[:k]


def agree(found: Found, expected: Found) -> None:
    """The same scores to 1e-9, and the same passages but for the order of those whose scores are that near."""
    assert [score for _, score in found] == pytest.approx([score for _, score in expected], rel=0, abs=1e-9)
    least = expected[-1][1] + 1e-9 if expected else 0.0
    assert {n for n, score in found if score > least} == {n for n, score in expected if score > least}


WORDS = st.sampled_from("boat car red blue plane sea".split())
PAGES = st.lists(
    st.tuples(st.lists(WORDS, max_size=3), st.lists(st.lists(WORDS, max_size=6), max_size=12)), min_size=1, max_size=6
)


class KeywordContract:
    """Subclass it with a fixture `make_index` that gives empty indexes."""

    @pytest.fixture
    def make_index(self) -> Callable[[], Index]:
        raise NotImplementedError("give the index to be tested")

    @pytest.fixture
    def index(self, make_index: Callable[[], Index]) -> Index:
        return make_index()

    def test_an_empty_index_finds_nothing(self, index: Index) -> None:
        assert index.search(["boat"], 10) == []
        assert index.search_pages(["boat"], 10) == []

    def test_no_terms_and_unknown_terms_find_nothing(self, index: Index) -> None:
        index.append(page(1, "red boat"))
        assert index.search([], 10) == []
        assert index.search(["plane"], 10) == []
        assert index.search_pages([], 10) == []
        assert index.search_pages(["plane"], 10) == []

    def test_the_only_passage_is_found_with_the_highest_score(self, index: Index) -> None:
        index.append(page(1, "red boat"))
        assert index.search(["boat"], 10) == [(100, 2.5)]

    def test_a_word_in_one_of_two_pages_counts(self, index: Index) -> None:
        index.append(page(1, "red boat"))
        index.append(page(2, "red car"))
        assert index.search(["boat"], 10) == [(100, 2.5)]

    def test_a_word_in_every_page_still_finds_them(self, index: Index) -> None:
        index.append(page(1, "red boat"))
        index.append(page(2, "red car"))
        assert sorted(seqs(index.search(["red"], 10))) == [100, 200]

    def test_equal_passages_come_oldest_first(self, index: Index) -> None:
        for number in (1, 2, 3):
            index.append(page(number, "red boat"))
        assert index.search(["boat"], 10) == [(100, 2.5), (200, 2.5), (300, 2.5)]
        assert index.search(["boat"], 2) == [(100, 2.5), (200, 2.5)]

    @pytest.mark.parametrize("k", [1, 2, 7, 100])
    def test_at_most_k_are_found_best_first_with_scores_of_the_promised_range(self, index: Index, k: int) -> None:
        for number in range(1, 8):
            index.append(page(number, *(f"boat {'red ' * (at % number)}car" for at in range(number))))
        found = index.search(["boat", "red"], k)
        scores = [score for _, score in found]
        assert len(found) == min(k, sum(range(1, 8)))
        assert scores == sorted(scores, reverse=True)
        assert all(0 < score <= 2.5 for score in scores)

    def test_a_smaller_k_gives_the_beginning_of_a_larger_one(self, index: Index) -> None:
        for number in range(1, 8):
            index.append(page(number, *(f"boat {'red ' * (at % number)}car" for at in range(number))))
        whole = index.search(["boat", "red"], 100)
        assert [index.search(["boat", "red"], k) for k in range(1, 12)] == [whole[:k] for k in range(1, 12)]

    def test_k_of_0_finds_nothing(self, index: Index) -> None:
        index.append(page(1, "red boat"))
        assert index.search(["boat"], 0) == []

    def test_a_rare_word_counts_more_than_a_common_one(self, index: Index) -> None:
        for number in range(1, 6):
            index.append(page(number, "red car"))
        index.append(page(6, "blue boat"))
        assert seqs(index.search(["red", "boat"], 1)) == [600]

    def test_title_and_date_find_every_passage_of_their_page(self, index: Index) -> None:
        index.append(page(1, "red boat", "blue car", context="8 may 2023"))
        index.append(page(2, "red boat", "blue car", context="9 june 2023"))
        assert sorted(seqs(index.search(["june"], 10))) == [200, 201]

    def test_the_passage_beside_the_word_is_found_after_it(self, index: Index) -> None:
        index.append(page(1, "where were you", "in the boat"))
        index.append(page(2, "where were you", "in the car"))
        assert seqs(index.search(["boat"], 10)) == [101, 100]

    def test_a_far_passage_of_the_same_page_comes_after_a_near_one(self, index: Index) -> None:
        index.append(page(1, *(["boat"] + [f"w{number}" for number in range(1, 12)])))
        found = seqs(index.search(["boat"], 100))
        assert found == list(range(100, 112))

    def test_a_page_without_passages_is_found_by_its_title_and_hurts_no_other(self, index: Index) -> None:
        index.append(page(1, context="boat"))
        index.append(page(2, "boat"))
        index.append(page(3, context="boat"))
        assert seqs(index.search(["boat"], 10)) == [200]
        assert sorted(seqs(index.search_pages(["boat"], 10))) == [1, 2, 3]

    def test_what_is_added_after_a_search_is_found_by_the_next(self, index: Index) -> None:
        index.append(page(1, "red car"))
        assert index.search(["boat"], 10) == []
        index.append(page(2, "red boat"))
        assert seqs(index.search(["boat"], 10)) == [200]

    def test_pages_are_found_by_their_own_numbers(self, index: Index) -> None:
        index.append(page(7, "red boat", "blue boat"))
        index.append(page(8, "red car"))
        index.append(page(9, "a boat among many other words of no use"))
        found = index.search_pages(["boat"], 10)
        assert seqs(found) == [7, 9]
        assert found[0][1] > found[1][1] > 0
        assert seqs(index.search_pages(["boat"], 1)) == [7]

    @pytest.mark.parametrize("term", ['"', "*", "NEAR", "col:", "AND", "'; DROP TABLE page; --", "\0", "\U0001f600"])
    def test_a_term_is_only_a_term_whatever_it_means_elsewhere(self, index: Index, term: str) -> None:
        index.append(PageOfTerms(1, [], [["boat", term], ["car"]]))
        assert seqs(index.search([term], 1)) == [100]
        assert index.search([term + term + "x"], 1) == []

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(pages=PAGES, query=st.lists(WORDS, max_size=5))
    def test_scores_are_those_of_rank_bm25(
        self, make_index: Callable[[], Index], pages: list[tuple[list[str], list[list[str]]]], query: list[str]
    ) -> None:
        index, oracle = make_index(), RankBM25()
        for number, (context, passages) in enumerate(pages, start=1):
            for one in (index, oracle):
                one.append(PageOfTerms(number, context, passages))
        agree(index.search(query, 200), oracle.search(query, 200))
        agree(index.search_pages(query, 200), oracle.search_pages(query, 200))

    def test_the_best_200_of_thousands_of_passages_are_those_of_rank_bm25(self, index: Index) -> None:
        chance, oracle = random.Random(7), RankBM25()
        words = ["q" + "".join("bcdfghjkmp"[int(digit)] for digit in f"{n:03}") for n in range(600)]
        weights = [1 / (n + 8) for n in range(600)]
        for number in range(1, 121):
            passages = [chance.choices(words, weights, k=chance.randint(1, 14)) for _ in range(chance.randint(0, 50))]
            made = PageOfTerms(number, chance.choices(words, k=number % 4), passages)
            for one in (index, oracle):
                one.append(made)
        for _ in range(20):
            query = chance.choices(words, weights, k=chance.randint(1, 8))
            agree(index.search(query, 200), oracle.search(query, 200))
            agree(index.search_pages(query, 200), oracle.search_pages(query, 200))
