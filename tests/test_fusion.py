"""Several searches become one ranking, by shares of each search's best."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitmem import Hit, Memory
from jitmem.stores.index.fusion import LATER_QUERY, SPEAKER_PRIOR, named_speaker, rank, weights

HALVES = {"keyword": 0.5, "vector": 0.5, "page_id": 0.25}


def hit(page: str, score: float, tool: str = "keyword", speaker: str | None = None) -> Hit:
    return Hit(page, 0, 4, "text", score, {tool: score}, speaker)


def told(hits: list[Hit]) -> list[tuple[str, str, float]]:
    return [(hit.page_id or "", "+".join(hit.scores), round(hit.score, 9)) for hit in hits]


def test_no_search_and_empty_searches_give_nothing() -> None:
    assert rank([], HALVES, None) == []
    assert rank([("keyword", []), ("vector", [])], HALVES, None) == []


def test_a_passage_that_both_searches_put_first_scores_1() -> None:
    found = rank([("keyword", [hit("a", 30.0)]), ("vector", [hit("a", 0.2, "vector")])], HALVES, None)
    assert told(found) == [("a", "keyword+vector", 1.0)]


def test_each_search_counts_by_its_weight_and_its_own_best() -> None:
    keyword = [hit("a", 30.0), hit("b", 15.0)]
    vector = [hit("b", 0.2, "vector"), hit("c", 0.1, "vector")]
    found = rank([("keyword", keyword), ("vector", vector)], {"keyword": 0.75, "vector": 0.25}, None)
    assert told(found) == [("a", "keyword", 0.75), ("b", "keyword+vector", 0.625), ("c", "vector", 0.125)]


def test_a_later_query_of_a_tool_counts_a_little_less_and_a_passage_keeps_its_best() -> None:
    searches = [("keyword", [hit("a", 2.0), hit("b", 1.0)]), ("keyword", [hit("b", 7.0)]), ("keyword", [hit("c", 7.0)])]
    assert told(rank(searches, {"keyword": 1.0}, None)) == [
        ("a", "keyword", 1.0),
        ("b", "keyword", LATER_QUERY),
        ("c", "keyword", round(LATER_QUERY**2, 9)),
    ]


def test_a_page_that_was_looked_up_is_added_on_top_of_the_others() -> None:
    searches = [("keyword", [hit("a", 3.0)]), ("page_id", [hit("a", 1.0, "page_id"), hit("b", 1.0, "page_id")])]
    assert told(rank(searches, HALVES, None)) == [("a", "keyword+page_id", 1.5), ("b", "page_id", 0.5)]


def test_the_named_speaker_is_put_forward_and_nobody_is_left_out() -> None:
    found = rank([("keyword", [hit("a", 1.0, speaker="Ana"), hit("b", 0.9, speaker="Ben")])], {"keyword": 1.0}, "Ben")
    assert told(found) == [("b", "keyword", round(0.9 + SPEAKER_PRIOR, 9)), ("a", "keyword", 1.0)]


def test_equal_scores_are_ordered_by_place() -> None:
    hits = [hit("b", 1.0), hit("a", 1.0)]
    assert [found.page_id for found in rank([("keyword", hits)], HALVES, None)] == ["a", "b"]


def test_what_is_said_of_a_passage_stays() -> None:
    given_hit = Hit("a", 7, 11, "word", 3.0, {"keyword": 3.0}, "Ana")
    assert rank([("keyword", [given_hit])], {"keyword": 1.0}, None) == [
        Hit("a", 7, 11, "word", 1.0, {"keyword": 3.0}, "Ana")
    ]


@given(
    keyword=st.dictionaries(st.sampled_from("abcdefgh"), st.floats(0.001, 100)),
    vector=st.dictionaries(st.sampled_from("abcdefgh"), st.floats(0.001, 1)),
    scale=st.floats(0.01, 100),
)
def test_the_scale_of_a_search_does_not_matter_and_every_passage_comes_once(
    keyword: dict[str, float], vector: dict[str, float], scale: float
) -> None:
    def searches(scale: float) -> list[tuple[str, list[Hit]]]:
        return [
            ("keyword", [hit(page, scale * score) for page, score in keyword.items()]),
            ("vector", [hit(page, score, "vector") for page, score in vector.items()]),
        ]

    found, scaled = rank(searches(1), HALVES, None), rank(searches(scale), HALVES, None)
    assert sorted(hit.page_id for hit in found) == sorted({*keyword, *vector})
    assert [hit.score for hit in found] == sorted((hit.score for hit in found), reverse=True)
    assert all(0 < hit.score <= 1 + 1e-9 for hit in found)
    assert {hit.page_id: hit.score for hit in found} == pytest.approx({hit.page_id: hit.score for hit in scaled})


@pytest.mark.parametrize(
    ("text", "speaker"),
    [
        ("Where does Ana work?", "Ana"),
        ("Ana's car", "Ana"),
        ("Did Ben and Ana meet?", None),
        ("What did ana say?", None),
        ("A banana", None),
        ("Who is C++ (the bot)?", "C++ (the bot)"),
        ("", None),
    ],
)
def test_the_one_speaker_whom_a_question_names(text: str, speaker: str | None) -> None:
    assert named_speaker({"Ana", "Ana María", "Ben", "C++ (the bot)"}, text) == speaker


def test_vectors_of_letters_count_less_than_vectors_of_meaning() -> None:
    assert weights(lexical=True)["vector"] < weights(lexical=False)["vector"]


@pytest.mark.parametrize(("unknown", "share"), [(0.0, 0.05), (0.5, 0.2), (1.0, 0.35)])
def test_the_more_of_a_query_is_unknown_the_more_the_letters_count(unknown: float, share: float) -> None:
    searches = [("keyword", [hit("a", 3.0)]), ("vector", [hit("b", 0.4, "vector")])]
    found = rank(searches, weights(lexical=True), None, unknown)
    assert {one.page_id: round(one.score, 6) for one in found} == {"a": round(1 - share, 6), "b": share}


def test_a_word_that_stands_nowhere_is_unknown_by_its_weight(memory: Memory) -> None:
    memory.memorize("Ana: The bread is in the oven.")
    snapshot = memory._runtime.archive.snapshot()
    assert (snapshot.unknown_share("bread"), snapshot.unknown_share("braed"), snapshot.unknown_share("the")) == (
        0.0,
        1.0,
        0.0,
    )
    assert 0 < snapshot.unknown_share("braed oven") < 1
