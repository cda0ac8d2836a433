"""Identifiers, amounts, dates and names are found however they are written, the exact form first."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from jitmem import Memory
from jitmem.stores.analyzer import stems, terms

CASES: list[tuple[str, list[str]]] = json.loads(
    (Path(__file__).parent / "histories/identifiers.json").read_text(encoding="utf-8")
)
QUERIES = [(query, fact) for fact, queries in CASES for query in queries]


@pytest.fixture(scope="module")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Memory]:
    with Memory.open(tmp_path_factory.mktemp("identifiers") / "memory") as opened:
        opened.memorize_many([fact for fact, _ in CASES])
        yield opened


def test_of_a_hundred_and_twenty_queries_nineteen_of_twenty_find_their_fact_among_the_first_three(
    memory: Memory,
) -> None:
    missed = [query for query, fact in QUERIES if fact not in [hit.text for hit in memory.recall(query, 3)]]
    assert len(QUERIES) >= 120
    assert len(missed) <= 0.05 * len(QUERIES), missed


def test_an_identifier_as_it_is_written_is_found_first(memory: Memory) -> None:
    missed = [queries[0] for fact, queries in CASES if memory.recall(queries[0], 1)[0].text != fact]
    assert missed == []


def test_an_exact_form_does_not_lose_to_a_variant(tmp_path: Path) -> None:
    with Memory.open(tmp_path / "memory") as memory:
        memory.memorize_many(
            ["We call user_id in the loop.", "We call userId in the loop.", "The user has an id here."]
        )
        assert memory.recall("2 user_id", 1)[0].text == "We call user_id in the loop."
        assert {hit.text for hit in memory.recall("userId", 2)} >= {"We call userId in the loop."}


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("getUserProfileById", "getuserprofilebyid"),
        ("user_id", "userid"),
        ("1.234,56", "1234.56"),
        ("3 November 2025", "@2025-11-03"),
        ("2025年11月3日", "@2025-11-03"),
        ("U.S.A.", "usa"),
        ("12 345 678", "12345678"),
        ("2:05 pm", "14:05"),
        ("3万円", "30000"),
        ("8万5千円", "85000"),
        ("1億2000万円", "120000000"),
        ("3만 5천 원", "35000"),
        ("3万5000元", "35000"),
        ("2 milliards", "2000000000"),
        ("Это 5 тысяч рублей", "5000"),
        ("1,5 млн рублей", "1500000"),
        ("1.25 lakh", "125000"),
        ("3 mil euros", "3000"),
    ],
)
def test_the_whole_is_a_term_beside_its_parts(text: str, whole: str) -> None:
    assert whole in stems(text)


def test_capitals_with_accents_and_of_other_scripts_divide_an_identifier() -> None:
    assert {"gross", "andern"} <= set(stems("größeÄndern"))
    assert {"получить", "дату"} <= set(stems("call ПолучитьДату here"))
    assert "é" not in stems("Le café d'Éva, 2 fois, v1.2.3")


def test_an_identifier_is_one_term_of_a_question() -> None:
    assert [term.text for term in terms("Who wrote getUserProfileById on 3 November 2025?")] == [
        "wrote",
        "getUserProfileById",
        "3 November 2025",
    ]
