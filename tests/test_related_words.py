"""A question in other words than the answer: classes, forms of a verb, and turns that tell something."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from jitmem import Memory, Session
from jitmem.stores.analyzer import is_english
from jitmem.stores.index.telling import prefer_telling
from jitmem.stores.related_words import related_words

NOTHING = [
    ("Ben", "Hey! Good to see you! How have you been since the morning?"),
    ("Ana", "Thanks for the kind words! It is all good on my side."),
    ("Ben", "Wow, that is awesome! I am glad for you, really."),
    ("Ana", "Yeah, thanks a lot! How about you and your folks?"),
] * 5


def recall(folder: Path, question: str, *told: tuple[str, str]) -> list[str]:
    """What is recalled of a conversation without content, in which somebody tells something."""
    with Memory.open(folder) as memory:
        for turns in (NOTHING, [*NOTHING[:3], *told, *NOTHING[:3]], NOTHING[:8]):
            memory.memorize(Session(turns=turns))
        return [hit.text for hit in memory.recall(question, 5)]


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Which pets does Ana have?", "The puppy ate my slippers on Tuesday."),
        ("What did Ana buy?", "I bought a lamp at the flea market."),
        ("What hobbies does Ana have?", "On Sundays you find me painting."),
    ],
)
def test_an_answer_is_found_by_words_that_belong_to_those_of_the_question(
    folder: Path, question: str, answer: str
) -> None:
    assert recall(folder, question, ("Ana", answer))[0] == f"Ana: {answer}"


def test_words_of_the_question_itself_count_more_than_related_ones(folder: Path) -> None:
    told = [("Ana", "The puppy ate my slippers."), ("Ana", "My pet is called Biscuit.")]
    assert recall(folder, "Which pet does Ana have?", *told)[0] == "Ana: My pet is called Biscuit."


def test_a_name_belongs_to_no_class() -> None:
    assert "painting" in related_words("What art is there?", ())
    assert related_words("What did Art say?", {"art"}) == ""


def test_other_languages_than_english_have_no_related_words() -> None:
    assert related_words("Welche Haustiere hat Ana?", ()) == ""


def test_every_class_and_group_gives_a_query_that_is_read_as_english() -> None:
    lines = files("jitmem.stores").joinpath("related_words.txt").read_text("utf-8").splitlines()
    words = [word for line in lines if not line.startswith("#") for word in line.partition(":")[0].split()]
    queries = {word: related_words(word, ()) for word in words}
    assert [word for word, query in queries.items() if not query or not is_english(query)] == []


def test_of_turns_that_match_alike_the_one_that_tells_something_comes_first(folder: Path) -> None:
    best, reaction, told = (
        "Ana: I play the cello.",
        "Ana: Thanks! How about you?",
        "Ana: I went to a concert in Lisbon last week.",
    )
    with Memory.open(folder) as memory:
        filed = memory.memorize("\n".join([best, reaction, told]))
        snapshot = memory._runtime.archive.snapshot()
        hits = snapshot.passages(snapshot.pages(filed.page_ids)[filed.page_ids[0]], "keyword", 0.5)
        hits[0].score = 1.0
        assert [hit.text for hit in prefer_telling(snapshot, hits)] == [best, told, reaction]
