"""Where a text is cut: at turns, paragraphs and sentences, and never so that a byte is lost."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitmem.nodes.split import CHARS_PER_TOKEN, LONGEST_PASSAGE, PASSAGE_TOKENS, Span, heading, pack_pages, passages

SENTENCE = "Ana signed the papers at the notary in Porto and went home. "  # 60 characters
LONGEST = LONGEST_PASSAGE * CHARS_PER_TOKEN
TEXTS = st.text(st.sampled_from("aB1 \n\r\t.!?:。…\"'#\x1c\x85\u2028\u3000\ufeff東😀"), max_size=1500)
SIZES = st.integers(64, 300)


def cut(text: str, spans: list[Span]) -> list[tuple[str | None, str]]:
    return [(span.speaker, text[span.start : span.end]) for span in spans]


def turns(*pairs: tuple[str, str]) -> tuple[str, list[tuple[int, int, str]]]:
    """A text of turns as it is accepted, with the spans of its turns."""
    lines, spans, at = [], [], 0
    for speaker, words in pairs:
        line = f"{speaker}: {words}"
        lines.append(line)
        spans.append((at, at + len(line), speaker))
        at += len(line) + 1
    return "\n".join(lines), spans


# Passages


def test_a_short_text_is_one_passage_without_the_white_space_around_it() -> None:
    assert cut(" Hello there.\n", passages(" Hello there.\n")) == [(None, "Hello there.")]


def test_each_turn_is_a_passage_of_its_speaker() -> None:
    text, spans = turns(("Ana", "Hi."), ("Ben", "Hello! How are you?"), ("Ana", "Well.\nAnd you?"))
    assert cut(text, passages(text, spans)) == [
        ("Ana", "Ana: Hi."),
        ("Ben", "Ben: Hello! How are you?"),
        ("Ana", "Ana: Well.\nAnd you?"),
    ]


def test_a_transcript_is_read_as_turns_and_a_continued_line_belongs_to_the_turn_before() -> None:
    text = "Ana: Hi.\nBen: Hello!\nIt has been long.\n\nAna: Indeed.\n"
    assert cut(text, passages(text)) == [
        ("Ana", "Ana: Hi."),
        ("Ben", "Ben: Hello!\nIt has been long."),
        ("Ana", "Ana: Indeed."),
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_transcript_may_have_any_line_ends(end: str) -> None:
    text = f"Ana: Hi.{end}Ben: Hello!{end}"
    assert cut(text, passages(text)) == [("Ana", "Ana: Hi."), ("Ben", "Ben: Hello!")]


@pytest.mark.parametrize(
    "text",
    [
        "Note: buy milk",
        "Dear Ben,\nNote: buy milk\nThanks: many",
        "Ana: hi\none\ntwo\nthree",
        "see http://x: y\nand z: w",
    ],
)
def test_prose_with_a_colon_or_two_has_no_speakers(text: str) -> None:
    assert {span.speaker for span in passages(text)} == {None}


def test_a_long_turn_is_packed_like_prose_and_keeps_its_speaker() -> None:
    text, spans = turns(("Ana", SENTENCE * 20), ("Ben", "Oh."))
    found = passages(text, spans)
    assert {span.speaker for span in found[:-1]} == {"Ana"}
    assert len(found) > 2
    assert cut(text, found[-1:]) == [("Ben", "Ben: Oh.")]


def test_prose_is_packed_to_about_sixty_tokens_at_ends_of_sentences() -> None:
    text = SENTENCE * 12
    assert cut(text, passages(text)) == [(None, (SENTENCE * 4).strip())] * 3
    assert len(SENTENCE) * 4 == PASSAGE_TOKENS * CHARS_PER_TOKEN


def test_a_paragraph_begins_a_passage() -> None:
    text = f"{SENTENCE * 2}\n\n{SENTENCE}"
    assert cut(text, passages(text)) == [(None, (SENTENCE * 2).strip()), (None, SENTENCE.strip())]


def test_a_short_paragraph_is_not_left_alone() -> None:
    text = f"Porto\n\n{SENTENCE}"
    assert cut(text, passages(text)) == [(None, text.strip())]


def test_a_sentence_without_end_is_cut_at_a_space() -> None:
    text = "word " * 400
    found = passages(text)
    assert all(span.end - span.start <= LONGEST for span in found)
    assert all(piece.split() == ["word"] * len(piece.split()) for _, piece in cut(text, found))


def test_a_word_without_end_is_cut_all_the_same() -> None:
    found = passages("x" * 5000)
    assert all(0 < span.end - span.start <= LONGEST for span in found)
    assert sum(span.end - span.start for span in found) == 5000


def test_an_ideographic_full_stop_ends_a_sentence() -> None:
    text = "東京は晴れです。" * 60
    assert all(piece.endswith("。") for _, piece in cut(text, passages(text)))


@given(text=TEXTS)
def test_passages_of_prose_lie_in_order_and_leave_out_only_white_space(text: str) -> None:
    only_white_space_between(text, passages(text))


@given(pairs=st.lists(st.tuples(st.text(min_size=1, max_size=8), TEXTS), min_size=1, max_size=5))
def test_passages_of_turns_lie_in_order_and_leave_out_only_white_space(pairs: list[tuple[str, str]]) -> None:
    text, spans = turns(*pairs)
    only_white_space_between(text, passages(text, spans))


def only_white_space_between(text: str, spans: list[Span]) -> None:
    at = 0
    for span in spans:
        assert at <= span.start < span.end <= len(text), f"passage {span} after {at} in a text of {len(text)}"
        assert not text[at : span.start].strip()
        assert text[span.start : span.end].strip(), f"passage {span} is white space"
        at = span.end
    assert not text[at:].strip()


# Pages


@given(text=TEXTS, size=SIZES)
def test_pages_join_to_the_text_and_hold_their_passages(text: str, size: int) -> None:
    pages = pack_pages(text, passages(text), size)
    assert [start for start, _, _ in pages] == [0, *(end for _, end, _ in pages[:-1])]
    assert pages[-1][1] == len(text)
    for start, end, spans in pages:
        only_white_space_between(text[start:end], spans)


@given(text=TEXTS, size=SIZES)
def test_the_words_of_a_page_are_never_longer_than_its_size(text: str, size: int) -> None:
    for _, _, spans in pack_pages(text, passages(text), size):
        assert not spans or spans[-1].end - spans[0].start <= size


def test_a_session_of_the_size_is_one_page() -> None:
    text = "x" * 64
    assert pack_pages(text, passages(text), 64) == [(0, 64, [Span(0, 64, None)])]


def test_a_longer_session_is_cut_between_passages() -> None:
    text, spans = turns(*[("Ana", f"Sentence number {number}.") for number in range(10, 16)])
    pages = pack_pages(text, passages(text, spans), 64)
    assert [text[start:end] for start, end, _ in pages] == [
        "Ana: Sentence number 10.\nAna: Sentence number 11.\n",
        "Ana: Sentence number 12.\nAna: Sentence number 13.\n",
        "Ana: Sentence number 14.\nAna: Sentence number 15.",
    ]
    assert [inside for _, _, inside in pages] == [[Span(0, 24, "Ana"), Span(25, 49, "Ana")]] * 3


# Titles


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("# The mill\n\nText.", "The mill"),
        ("## The mill ##\r\n\r\nText.", "The mill"),
        ("The mill\n\nText.", "The mill"),
        ("The mill\nText.", "The mill"),
        ("The mill is old.\nText.", ""),
        ("The mill", ""),
        ("The mill\n\n", ""),
        ("", ""),
        ("x" * 200 + "\nText.", ""),
    ],
)
def test_the_title_of_a_text(text: str, title: str) -> None:
    assert heading(text) == title


# Time


TEXTS_OF_SIZE: dict[str, Callable[[int], str]] = {
    "prose": lambda size: SENTENCE * (size // 60),
    "one line": lambda size: "word " * (size // 5),
    "one word": lambda size: "x" * size,
    "points": lambda size: "." * size,
    "quotation marks after a point": lambda size: "." + '"' * size,
    "spaces": lambda size: "a" + " " * size + "b",
    "empty lines": lambda size: "a" + "\n" * size + "b",
    "short lines": lambda size: "a\n" * (size // 2),
    "transcript": lambda size: "Ana: well.\n" * (size // 11),
    "colons": lambda size: ": " * (size // 2),
}


@pytest.mark.parametrize("size", [64, 1000])
@pytest.mark.parametrize("text", TEXTS_OF_SIZE.values(), ids=TEXTS_OF_SIZE)
def test_a_long_text_of_one_kind_loses_nothing_but_white_space(text: Callable[[int], str], size: int) -> None:
    whole = text(5000)
    only_white_space_between(whole, passages(whole))
    pages = pack_pages(whole, passages(whole), size)
    assert "".join(whole[start:end] for start, end, _ in pages) == whole
    for start, end, spans in pages:
        only_white_space_between(whole[start:end], spans)


@pytest.mark.parametrize("text", TEXTS_OF_SIZE.values(), ids=TEXTS_OF_SIZE)
def test_a_text_is_cut_in_a_time_that_grows_with_its_length(text: Callable[[int], str]) -> None:
    def work(size: int) -> None:
        whole = text(size)
        pack_pages(whole, passages(whole), 8192)

    # Small enough that even a quadratic cut ends while one waits.
    assert taken(work, 20_000) < 40 * max(taken(work, 2_000), 0.001)


@pytest.mark.parametrize(
    "text",
    [
        lambda size: "# a" + " " * size + "x",
        lambda size: "# a\n" + " " * size,
        lambda size: "a" * 10 + " " * size,
        lambda size: "# " + "# " * (size // 2),
        lambda size: " " * size,
    ],
    ids=["spaces in a heading", "spaces below a heading", "spaces after a line", "number signs", "spaces"],
)
def test_a_title_is_looked_for_in_a_time_that_grows_with_the_length(text: Callable[[int], str]) -> None:
    def work(size: int) -> None:
        heading(text(size))

    assert taken(work, 1_000) < 40 * max(taken(work, 100), 0.001)


def taken(work: Callable[[int], object], size: int) -> float:
    started = time.thread_time()
    work(size)
    return time.thread_time() - started
