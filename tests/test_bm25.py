"""The growing BM25 is rank-bm25's own, document by document."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st
from rank_bm25 import BM25Plus

from jitmem.stores.index.keyword_index import IncrementalBM25

WORDS = st.sampled_from("boat car red blue plane sea the a".split()) | st.text(min_size=1, max_size=3)
DOCUMENTS = st.lists(st.lists(WORDS, max_size=12), min_size=1, max_size=12)
QUERIES = st.lists(WORDS, max_size=6)
# Not b = 1, with which rank-bm25 divides by the length of an empty document.
PARAMETERS = st.sampled_from([(1.2, 0.75), (1.2, 0.3), (1.5, 0.75), (0.9, 0.0), (2.0, 0.9)])


def grown(documents: list[list[str]], k1: float = 1.2, b: float = 0.75) -> IncrementalBM25:
    index = IncrementalBM25(k1, b)
    assert [index.append(document) for document in documents] == list(range(len(documents)))
    return index


def fresh_scores(documents: list[list[str]], query: list[str], k1: float, b: float) -> np.ndarray:
    return np.asarray(BM25Plus(documents, k1=k1, b=b, delta=0).get_scores(query))


@given(documents=DOCUMENTS, query=QUERIES, parameters=PARAMETERS)
def test_scores_and_ranking_are_those_of_a_fresh_index(
    documents: list[list[str]], query: list[str], parameters: tuple[float, float]
) -> None:
    assume(any(documents))  # rank-bm25 divides by the mean length
    expected = fresh_scores(documents, query, *parameters)
    scores = grown(documents, *parameters).get_scores(query)
    np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-9)
    ranked = expected[np.argsort(-scores, kind="stable")]
    assert (np.diff(ranked) <= 1e-9).all(), "the ranking differs"


@given(documents=DOCUMENTS, query=QUERIES, cut=st.integers(0, 12))
def test_searching_in_between_changes_nothing(documents: list[list[str]], query: list[str], cut: int) -> None:
    index = grown(documents[:cut])
    index.get_scores(query)
    for document in documents[cut:]:
        index.append(document)
    assert index.get_scores(query).tolist() == grown(documents).get_scores(query).tolist()


@given(documents=DOCUMENTS, query=QUERIES)
def test_a_score_is_above_0_just_where_a_word_of_the_query_stands(documents: list[list[str]], query: list[str]) -> None:
    scores = grown(documents).get_scores(query)
    assert [bool(score > 0) for score in scores] == [bool(set(query) & set(document)) for document in documents]


def test_a_word_in_one_of_two_documents_scores_above_0() -> None:
    scores = grown([["red", "boat"], ["red", "car"]]).get_scores(["boat"])
    assert scores[0] > 0
    assert scores[1] == 0


def test_a_word_in_every_document_scores_above_0() -> None:
    assert (grown([["boat"], ["boat", "car"]]).get_scores(["boat"]) > 0).all()


def test_an_empty_index_gives_no_scores() -> None:
    assert IncrementalBM25().get_scores(["boat"]).tolist() == []


def test_the_best_documents_come_from_rank_bm25s_own_method() -> None:
    documents = [["red", "car"], ["red", "boat"], ["blue", "sea"]]
    assert grown(documents).get_top_n(["boat"], ["first", "second", "third"], n=1) == ["second"]
