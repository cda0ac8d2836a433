"""A citation is the page's own words, or there is none."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jitmem import Citation, Memory
from jitmem.nodes.evidence import cite, cite_retrieved
from jitmem.stores.errors import RecordGone
from jitmem.stores.index.snapshot import Snapshot
from jitmem.testing import ScriptedModel

TEXT = "Ana said: “It's  a\r\nfine\tmill.” Then she left. Then she left."


@pytest.fixture
def snapshot(memory: Memory) -> Snapshot:
    memory.memorize(TEXT)
    return memory._runtime.archive.snapshot()


@pytest.fixture
def page_id(snapshot: Snapshot) -> str:
    return snapshot.find_pages()[0].id


@pytest.mark.parametrize(
    ("quote", "found"),
    [
        ("Ana said", "Ana said"),
        (TEXT, TEXT),
        ("she left", "she left"),
        (" Then she left. ", "Then she left."),
        ("“It's  a\r\nfine\tmill.”", "It's  a\r\nfine\tmill."),
        ("It's a fine mill", "It's  a\r\nfine\tmill"),
        ("ANA SAID", "Ana said"),
        ("It’s a Fine mill.", "It's  a\r\nfine\tmill."),
        ('said: "It‘s a', "said: “It's  a"),
        ('"Then she left…"', "Then she left"),
    ],
)
def test_a_quote_is_found_exactly_or_loosely(snapshot: Snapshot, page_id: str, quote: str, found: str) -> None:
    start = TEXT.index(found)
    assert cite(snapshot.record(page_id), quote) == Citation(page_id, start, start + len(found), found)


@pytest.mark.parametrize(
    "quote",
    [
        "Ben said",
        "Ana left",
        "Ana.said",
        "she (left)",
        "a+",
        "",
        " ",
        "…",
        "“”",
        ".",
        "[Ana",
        "Ana\\",
        TEXT + " And more.",
    ],
)
def test_a_quote_that_is_not_there_or_has_no_word_is_none(snapshot: Snapshot, page_id: str, quote: str) -> None:
    assert cite(snapshot.record(page_id), quote) is None


def test_a_given_start_decides_which_of_two_is_meant(snapshot: Snapshot, page_id: str) -> None:
    second = TEXT.rindex("Then she left.")
    assert cite(snapshot.record(page_id), "Then she left.", second) == Citation(
        page_id, second, len(TEXT), "Then she left."
    )


@pytest.mark.parametrize("start", [-3, 0, 5, 10_000])
def test_a_wrong_start_is_not_believed(snapshot: Snapshot, page_id: str, start: int) -> None:
    at = TEXT.index("she left")
    assert cite(snapshot.record(page_id), "she left", start) == Citation(page_id, at, at + len("she left"), "she left")


def test_a_start_before_the_page_is_not_believed_even_where_python_would_count_from_the_end(
    snapshot: Snapshot, page_id: str
) -> None:
    at = TEXT.index("left")
    assert TEXT[-5:-1] == "left"
    assert cite(snapshot.record(page_id), "left", -5) == Citation(page_id, at, at + len("left"), "left")


@pytest.mark.parametrize("quote", ["", " ", "."])
def test_a_start_does_not_make_a_quote_of_what_has_no_word(snapshot: Snapshot, page_id: str, quote: str) -> None:
    assert cite(snapshot.record(page_id), quote, TEXT.rindex(quote)) is None


def test_a_page_that_does_not_exist_is_an_error(snapshot: Snapshot) -> None:
    with pytest.raises(RecordGone, match="'0ma67nb4gmt8'"):
        cite_retrieved(snapshot, "0ma67nb4gmt8", "Ana", None, ["0ma67nb4gmt8"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(quote=st.text(), start=st.none() | st.integers(0, 100))
def test_whatever_is_quoted_a_citation_is_the_words_at_its_place(
    snapshot: Snapshot, page_id: str, quote: str, start: int | None
) -> None:
    citation = cite(snapshot.record(page_id), quote, start)
    if citation is not None:
        assert TEXT[citation.start : citation.end] == citation.quote


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.integers(0, len(TEXT)), length=st.integers(1, 30))
def test_every_span_with_a_word_can_be_cited(snapshot: Snapshot, page_id: str, start: int, length: int) -> None:
    quote = TEXT[start : start + length]
    if any(char.isalnum() for char in quote):
        citation = cite(snapshot.record(page_id), quote, start)
        assert citation == Citation(page_id, start, start + len(quote), quote)


def test_a_page_that_was_not_retrieved_cannot_be_cited(memory: Memory) -> None:
    mill = memory.memorize("Ana bought the mill in Porto.").page_ids[0]
    bank = memory.memorize("Ben works at the bank in Lisbon.").page_ids[0]
    memory.close()
    statements = [
        {"text": "Ana owns a mill.", "sources": [{"page_id": mill, "quote": "bought the mill"}]},
        {"text": "Ben has a job.", "sources": [{"page_id": bank, "quote": "works at the bank"}]},
        {"text": "Ana is rich.", "sources": [{"page_id": mill, "quote": "is rich"}]},
        {"text": "All is well.", "sources": [{"page_id": "000000000000", "quote": "well"}]},
    ]
    model = ScriptedModel(
        lines={
            "plan": [json.dumps({"needs": ["what Ana bought"], "queries": [{"tool": "keyword", "text": "mill"}]})],
            "integrate": [json.dumps({"statements": statements})],
            "reflect": [json.dumps({"enough": True})],
        }
    )
    with Memory.open(memory._runtime.database.path.parent, model=model) as asked:
        research = asked.research("What did Ana buy?", output="integration", tools=["keyword"], context_tokens=16)
    start = "Ana bought the mill in Porto.".index("bought the mill")
    assert research.citations == (Citation(mill, start, start + len("bought the mill"), "bought the mill"),)
    assert research.context == "- Ana owns a mill. [1]"
    assert research.rounds[0]["dropped_citations"] == 3
