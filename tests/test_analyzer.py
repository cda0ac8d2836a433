"""From text to terms: the same word found however it is written, and no text that takes for ever."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitmem.stores.analyzer import STOP_WORDS, base_stems, stems, words

SIZE = 100_000  # characters


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ana worked, works and is working.", ["ana", "work", "work", "work"]),
        ("Boats; a BOAT!", ["boat", "boat"]),
        ("the of and is", []),
        ("", []),
        ("?!… —", []),
        ("It's Ana's car", ["ana", "car"]),
        ("don't", []),
        ("2023-05-08", ["2023", "05", "08", "@2023-05-08"]),
        ("snake_case", ["snake", "case", "snakecase"]),
        ("ana@example.org", ["ana", "exampl", "org", "anaexampleorg"]),
    ],
)
def test_stems_of_a_text(text: str, expected: list[str]) -> None:
    assert stems(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("東京都", ["東京", "京都"]),
        ("猫", ["猫"]),
        ("私はiPhone15が好き", ["私は", "iphone15", "が好", "好き"]),
        ("서울특별시", ["서울", "울특", "특별", "별시"]),
        ("abc猫def", ["abc", "猫", "def"]),
    ],
)
def test_a_cjk_run_gives_its_bigrams_and_what_lies_between_stays_a_word(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ＡＢＣ１２３", "abc123"),
        ("ﬁle", "file"),
        ("e\u0301cole", "école"),
        ("ｶﾞ", "ガ"),
        ("²", "2"),
        ("ÉCOLE", "école"),
    ],
)
def test_two_spellings_of_one_word_are_one_term(one: str, other: str) -> None:
    assert words(one) == words(other) == [other]


@pytest.mark.parametrize("text", ["Привет мир", "שלום עולם", "مرحبا بالعالم", "Γειά σου"])
def test_words_of_any_script_are_kept_lower_case(text: str) -> None:
    assert words(text) == text.lower().split()


def test_a_blob_is_found_by_its_first_64_characters() -> None:
    assert words("x" * 1000) == ["x" * 64]


def test_stop_words_are_words_but_no_terms() -> None:
    assert words("The boat") == ["the", "boat"]
    assert stems(" ".join(sorted(STOP_WORDS))) == []


@given(text=st.text())
def test_terms_are_never_empty_and_hold_no_space(text: str) -> None:
    assert all(term and not any(char.isspace() for char in term) for term in stems(text))


@given(text=st.text())
def test_case_does_not_matter_for_the_words_of_ascii(text: str) -> None:
    ascii_text = text.encode("ascii", "ignore").decode()
    assert base_stems(ascii_text.upper()) == base_stems(ascii_text.lower()) == base_stems(ascii_text)


@given(left=st.text(), right=st.text())
def test_a_paragraph_break_parts_the_terms(left: str, right: str) -> None:
    assert stems(f"{left}\n\n{right}") == [*stems(left), *stems(right)]


def test_eight_threads_stem_as_one_does() -> None:
    texts = [" ".join(f"walk{letter}ing running{number}s" for letter in "abcdef") for number in range(400)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(stems, texts))
    assert together == [stems(text) for text in texts]


LINES: dict[str, Callable[[int], str]] = {
    "prose": lambda size: "Ana worked at the bank in Porto, " * (size // 33),
    "one word": lambda size: "x" * size,
    "cjk": lambda size: "東京都の天気" * (size // 6),
    "cjk and latin in turn": lambda size: "東a" * (size // 2),
    "points": lambda size: "." * size,
    "spaces": lambda size: " " * size,
    "digits": lambda size: "0123456789 " * (size // 11),
}


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_four_times_the_line_takes_about_four_times_as_long(line: Callable[[int], str]) -> None:
    stems(line(SIZE))  # stems are cached: both measurements find them
    assert taken(line(4 * SIZE)) < 10 * max(taken(line(SIZE)), 0.01)


def test_a_long_run_of_combining_marks_takes_time_in_proportion_to_its_length() -> None:
    # Canonical ordering sorts each run of marks by insertion: quadratic in the run.
    marks = "\u0301\u0323"
    assert taken("a" + marks * 40_000) < 10 * max(taken("a" + marks * 10_000), 0.005)


def taken(text: str) -> float:
    """Seconds of this thread's CPU that `stems` takes, the best of three runs."""
    seconds = []
    for _ in range(3):
        started = time.thread_time()
        stems(text)
        seconds.append(time.thread_time() - started)
    return min(seconds)
