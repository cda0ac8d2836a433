"""What a keyword index must keep."""

from __future__ import annotations

import pytest

from jitmem.stores.index.keyword_index import IndexedPage, KeywordIndex


def page(seq: int, *passages: str, context: str = "") -> IndexedPage:
    """A page whose passages are numbered from 100 times its own number on."""
    return IndexedPage(seq, context.split(), [(100 * seq + at, text.split()) for at, text in enumerate(passages)])


def seqs(found: list[tuple[int, float]]) -> list[int]:
    return [seq for seq, _ in found]


class KeywordContract:
    """Subclass it with a fixture `index` that gives an empty index."""

    @pytest.fixture
    def index(self) -> KeywordIndex:
        raise NotImplementedError("give the index to be tested")

    def test_an_empty_index_finds_nothing(self, index: KeywordIndex) -> None:
        assert index.view().search(["boat"], 10) == []
        assert index.view().search_pages(["boat"], 10) == []

    def test_no_terms_and_unknown_terms_find_nothing(self, index: KeywordIndex) -> None:
        index.append(page(1, "red boat"))
        assert index.view().search([], 10) == []
        assert index.view().search(["plane"], 10) == []
        assert index.view().search_pages([], 10) == []
        assert index.view().search_pages(["plane"], 10) == []

    def test_the_only_passage_is_found_with_the_highest_score(self, index: KeywordIndex) -> None:
        index.append(page(1, "red boat"))
        assert index.view().search(["boat"], 10) == [(100, 2.5)]

    def test_a_word_in_one_of_two_pages_counts(self, index: KeywordIndex) -> None:
        index.append(page(1, "red boat"))
        index.append(page(2, "red car"))
        assert index.view().search(["boat"], 10) == [(100, 2.5)]

    def test_a_word_in_every_page_still_finds_them(self, index: KeywordIndex) -> None:
        index.append(page(1, "red boat"))
        index.append(page(2, "red car"))
        assert sorted(seqs(index.view().search(["red"], 10))) == [100, 200]

    def test_equal_passages_come_oldest_first(self, index: KeywordIndex) -> None:
        for number in (1, 2, 3):
            index.append(page(number, "red boat"))
        assert index.view().search(["boat"], 10) == [(100, 2.5), (200, 2.5), (300, 2.5)]
        assert index.view().search(["boat"], 2) == [(100, 2.5), (200, 2.5)]

    @pytest.mark.parametrize("k", [1, 2, 7, 100])
    def test_at_most_k_are_found_best_first_with_scores_of_the_promised_range(
        self, index: KeywordIndex, k: int
    ) -> None:
        for number in range(1, 8):
            index.append(page(number, *(f"boat {'red ' * (at % number)}car" for at in range(number))))
        found = index.view().search(["boat", "red"], k)
        scores = [score for _, score in found]
        assert len(found) == min(k, sum(range(1, 8)))
        assert scores == sorted(scores, reverse=True)
        assert all(0 < score <= 2.5 for score in scores)

    def test_a_smaller_k_gives_the_beginning_of_a_larger_one(self, index: KeywordIndex) -> None:
        for number in range(1, 8):
            index.append(page(number, *(f"boat {'red ' * (at % number)}car" for at in range(number))))
        whole = index.view().search(["boat", "red"], 100)
        assert [index.view().search(["boat", "red"], k) for k in range(1, 12)] == [whole[:k] for k in range(1, 12)]

    def test_k_of_0_finds_nothing(self, index: KeywordIndex) -> None:
        index.append(page(1, "red boat"))
        assert index.view().search(["boat"], 0) == []

    def test_a_rare_word_counts_more_than_a_common_one(self, index: KeywordIndex) -> None:
        for number in range(1, 6):
            index.append(page(number, "red car"))
        index.append(page(6, "blue boat"))
        assert seqs(index.view().search(["red", "boat"], 1)) == [600]

    def test_title_and_date_find_every_passage_of_their_page(self, index: KeywordIndex) -> None:
        index.append(page(1, "red boat", "blue car", context="8 may 2023"))
        index.append(page(2, "red boat", "blue car", context="9 june 2023"))
        assert sorted(seqs(index.view().search(["june"], 10))) == [200, 201]

    def test_the_passage_beside_the_word_is_found_after_it(self, index: KeywordIndex) -> None:
        index.append(page(1, "where were you", "in the boat"))
        index.append(page(2, "where were you", "in the car"))
        assert seqs(index.view().search(["boat"], 10)) == [101, 100]

    def test_a_far_passage_of_the_same_page_comes_after_a_near_one(self, index: KeywordIndex) -> None:
        index.append(page(1, *(["boat"] + [f"w{number}" for number in range(1, 12)])))
        found = seqs(index.view().search(["boat"], 100))
        assert found == list(range(100, 112))

    def test_a_page_without_passages_is_found_by_its_title_and_hurts_no_other(self, index: KeywordIndex) -> None:
        index.append(page(1, context="boat"))
        index.append(page(2, "boat"))
        index.append(page(3, context="boat"))
        assert seqs(index.view().search(["boat"], 10)) == [200]
        assert sorted(seqs(index.view().search_pages(["boat"], 10))) == [1, 2, 3]

    def test_what_is_added_after_a_search_is_found_by_the_next(self, index: KeywordIndex) -> None:
        index.append(page(1, "red car"))
        assert index.view().search(["boat"], 10) == []
        index.append(page(2, "red boat"))
        assert seqs(index.view().search(["boat"], 10)) == [200]

    def test_pages_are_found_by_their_own_numbers(self, index: KeywordIndex) -> None:
        index.append(page(7, "red boat", "blue boat"))
        index.append(page(8, "red car"))
        index.append(page(9, "a boat among many other words of no use"))
        found = index.view().search_pages(["boat"], 10)
        assert seqs(found) == [7, 9]
        assert found[0][1] > found[1][1] > 0
        assert seqs(index.view().search_pages(["boat"], 1)) == [7]

    @pytest.mark.parametrize("term", ['"', "*", "NEAR", "col:", "AND", "'; DROP TABLE page; --", "\0", "\U0001f600"])
    def test_a_term_is_only_a_term_whatever_it_means_elsewhere(self, index: KeywordIndex, term: str) -> None:
        index.append(IndexedPage(1, [], [(100, ["boat", term]), (101, ["car"])]))
        assert seqs(index.view().search([term], 1)) == [100]
        assert index.view().search([term + term + "x"], 1) == []
