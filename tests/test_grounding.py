"""What a model wrote is compared with its source: names, numbers, copies, placeholders; statements with their quotes."""

from __future__ import annotations

from datetime import datetime

import pytest

from jitmem.nodes.grounding import copied_share, foreign_terms, is_about_the_prompt, is_placeholder, whole_sentences
from jitmem.nodes.support import best_support, names_other_day, support_of, uncovered_needs

PAGE = "8 May 2023 13:56 · session_1 · Ana Reis, Tom\n\nAna: I sold my Fiesta to the dealer in Braga for 2,400 euros yesterday."


@pytest.mark.parametrize(
    ("text", "foreign"),
    [
        ("Ana sold her Fiesta in Braga for 2,400 euros.", []),
        ("Ana sold her Fiesta for 2400 euros on 7 May 2023.", []),
        ("Ana sold her Fiesta to Tomas.", ["Tomas"]),
        ("Ines sold her bakery in Trier for 82,000 euros.", ["Trier", "82,000"]),
        ("On Monday I spoke to Ana's friend Tom.", []),
        ("Ana sold it for 2,500 euros.", ["2,500"]),
        ("", []),
    ],
)
def test_names_and_numbers_that_the_page_does_not_hold_are_found(text: str, foreign: list[str]) -> None:
    assert foreign_terms(text, PAGE) == foreign


def test_the_nouns_of_german_are_no_names_but_its_numbers_are_checked() -> None:
    page = "Ana: Ich habe meinen Wagen an einen Händler in Braga verkauft, für 2.400 Euro, mit den alten Reifen."
    assert foreign_terms("Ana hat ihr Auto verkauft.", page) == []
    assert foreign_terms("Ana hat ihr Auto für 2500 Euro verkauft.", page) == ["2500"]


def test_a_copy_is_told_from_a_text_of_ones_own_words() -> None:
    assert copied_share("I sold my Fiesta to the dealer in Braga for 2,400 euros yesterday.", PAGE) == 1.0
    assert copied_share("Ana got rid of the old car for quite some money in Braga.", PAGE) == 0.0
    assert copied_share("Too short.", PAGE) == 0.0


@pytest.mark.parametrize("text", ["<one sentence>", "There is none yet.", "{{page}}", "…"])
def test_words_of_a_prompt_are_placeholders(text: str) -> None:
    assert is_placeholder(text)


def test_a_sentence_of_a_person_is_no_placeholder() -> None:
    assert not is_placeholder("Ana works at the port.")
    assert not is_about_the_prompt("Ana works at the port.")
    assert is_about_the_prompt("The core paragraph introduces Ana.")


def test_a_text_is_cut_at_the_end_of_a_sentence_and_one_that_fills_the_room_was_cut() -> None:
    assert whole_sentences("One is here. Two is here. Three", 31) == "One is here. Two is here."
    assert whole_sentences("One is here. Two", 40) == "One is here. Two"
    assert whole_sentences("a sentence without an end that is long", 20) == "a sentence without"


QUESTION = "Where was the key found?"


@pytest.mark.parametrize(
    ("statement", "quote", "carried"),
    [
        ("The key was found under the mat.", "it lay under the mat all the time", True),
        ("The key was found in the mill race.", "Rui will look for the boots on Saturday", False),
        ("The key was found by Tomas under the mat.", "it lay under the mat", False),
        ("The key was found.", "I will look for it tomorrow", False),
        ("Where was the key found?", "where the key was found I do not know", False),
        ("The key was found on 7 May.", "found it yesterday, the key", True),
        ("There are 3 keys for 120 euros under the mat.", "the keys under the mat cost 12", False),
    ],
)
def test_a_statement_needs_quotes_that_carry_it(statement: str, quote: str, carried: bool) -> None:
    assert support_of(statement, QUESTION, [quote], ["8 May 2023 · session_1 · Ana"]).is_sufficient is carried


def test_a_statement_that_denies_what_its_quotes_say_is_not_supported() -> None:
    header = ["8 May 2023 · s · Ana"]
    denied = support_of("Ana does not eat fish.", "What does Ana eat?", ["I eat fish"], header)
    assert (denied.denies_alone, denied.is_sufficient) == (True, False)
    assert not support_of("Ana does not eat fish.", "What does Ana eat?", ["I don't eat fish"], header).denies_alone


PAGE_OF_TWO = (
    "Greta: I will sell the car here and fly.\nInes: I bake bread at Moinho in Porto.\nTom: The weather is fine."
)


@pytest.mark.parametrize(
    ("statement", "least", "most"),
    [
        ("Ines: I bake bread at Moinho in Porto.", 1.0, 1.0),
        ("Ines bakes at Moinho.", 0.9, 1.0),
        ("Greta sells loaves of bread with Tom in the market.", 0.0, 0.59),
    ],
)
def test_words_that_are_scattered_over_a_page_carry_no_statement(statement: str, least: float, most: float) -> None:
    assert least <= best_support(statement, PAGE_OF_TWO) <= most


@pytest.mark.parametrize(
    ("needs", "statements", "unmet"),
    [
        (["Where does Ana work today?", "Which van did Ben sell?"], ["Ana works at the port today."], [1]),
        (["Where does Ana work?", "What is Ana's dog called?"], ["Ana works at Orbit."], [1]),
        (
            ["What do Mel's kids do?", "Where did they go in summer?"],
            ["Mel's kids paint.", "They saw Brest last summer."],
            [],
        ),
        (["What do Mel's kids do?", "Where did they go in summer?"], ["Mel's kids paint."], [1]),
        (["How long is the boat?", "Who sold the boat?"], ["The length is 9 m.", "Tom sold the boat."], []),
        (["How long is the boat?", "Who sold the boat?"], ["Tom sold the boat."], [0]),
        (["Where did Ana move from?", "When did Ana move?"], ["Ana moved from Sweden in 2019."], []),
        (["How long has Ana been there?", "Which company employs her?"], ["Ana is with Orbit since 2019."], []),
        (["Which van did Ben sell in spring?"], ["Ana works."], []),
    ],
)
def test_a_need_without_a_statement_of_its_own_is_unmet(
    needs: list[str], statements: list[str], unmet: list[int]
) -> None:
    assert uncovered_needs(needs, statements) == [needs[at] for at in unmet]


@pytest.mark.parametrize(
    ("statement", "line", "other"),
    [
        ("Ben read it on 8 May 2023.", "I read it last year", True),
        ("Ben read it in 2022.", "I read it last year", False),
        ("Ben read it on 8 May 2023.", "I read it on a train", False),
        ("Ana went on 7 May 2023.", "I went yesterday", False),
        ("Ana painted it last year, in August 2023.", "I painted it", True),
        ("Ana painted it last year.", "I painted it last year", False),
        ("Ana sold it on 3 March 2023.", "We sold it on 5 March 2023", True),
    ],
)
def test_a_statement_of_another_day_than_its_line_is_noticed(statement: str, line: str, other: bool) -> None:
    assert names_other_day(statement, line, datetime(2023, 5, 8, 10)) is other


def test_a_header_alone_carries_no_statement() -> None:
    header = ["8 May 2023 · session_1 · Ana"]
    assert not support_of("The key was found on 8 May 2023.", QUESTION, ["I will buy bread"], header).is_sufficient
    assert support_of("The key was found on 8 May 2023.", QUESTION, ["we found the key"], header).is_sufficient
