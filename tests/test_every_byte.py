"""What was memorized is there, byte by byte, whatever it is and however often the memory is closed and opened."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from jitmem import BadInput, Filed, Memory, Page, Session
from jitmem.nodes.options import MemorizeOptions

SPICY = "\r\n \t\ufeff\u200f\u202eשלום مرحبا 東京都。 😀👩‍👩‍👧 e\u0301 \x1c\x85\u2028\u2029\x7f\\\"'{}<history></history> Ana: x. # y"
TEXTS = st.text(
    st.sampled_from(SPICY) | st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=400
)
FILLED = TEXTS.filter(str.strip)
SPEAKERS = st.sampled_from(["Ana", "Ben", "العربية", "x: y", "", "\r\n"])
TURNS = st.lists(st.tuples(SPEAKERS, TEXTS), min_size=1, max_size=6).filter(lambda turns: bool(spoken(turns)))
MESSAGES = st.lists(st.tuples(st.sampled_from([HumanMessage, AIMessage]), TEXTS), min_size=1, max_size=6).filter(
    lambda messages: bool(spoken(messages))
)
SPOKEN_BY = {HumanMessage: "user", AIMessage: "assistant"}
UNSTORABLE = st.text(st.sampled_from("\0\ud800\udfff\ud83d\ude00ab \n"), min_size=1, max_size=40)


def spoken(turns: list[tuple[Any, str]]) -> list[tuple[Any, str]]:
    """The turns in which something was said."""
    return [(who, words) for who, words in turns if words.strip()]


def as_session(kind: str, value: object) -> tuple[Session, str]:
    """The session, and the text that its pages must join to."""
    if kind == "text":
        return Session(text=value), value  # type: ignore[arg-type, return-value]
    if kind == "turns":
        return Session(turns=value), "\n".join(f"{who}: {words}" for who, words in spoken(value))  # type: ignore[arg-type]
    messages: list[BaseMessage] = [make(words) for make, words in value]  # type: ignore[attr-defined]
    text = "\n".join(f"{SPOKEN_BY[make]}: {words}" for make, words in spoken(value))  # type: ignore[arg-type]
    return Session(messages=messages), text


SESSIONS = st.one_of(
    st.tuples(st.just("text"), FILLED),
    st.tuples(st.just("turns"), TURNS),
    st.tuples(st.just("messages"), MESSAGES),
)


def joined(memory: Memory, filed: Filed) -> str:
    pages = sorted(memory.pages(session_id=filed.session_id), key=lambda page: page.part)
    assert [page.id for page in pages] == list(filed.page_ids)
    assert [(page.part, page.parts) for page in pages] == [(n + 1, len(pages)) for n in range(len(pages))]
    return "".join(page.text for page in pages)


def check_passages(memory: Memory, page: Page) -> None:
    """Passages lie in order inside the page, and what they leave out is white space."""
    hits = memory.tools()[2].invoke({"type": "tool_call", "id": "1", "name": "x", "args": {"query": page.id, "k": 100}})
    at = 0
    for hit in hits.artifact:
        assert at <= hit.start < hit.end <= len(page.text)
        assert hit.text == page.text[hit.start : hit.end]
        assert not page.text[at : hit.start].strip()
        at = hit.end
    assert not page.text[at:].strip()


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(
    given_sessions=st.lists(st.tuples(SESSIONS, st.booleans()), min_size=1, max_size=5),
    page_tokens=st.sampled_from([16, 17, 32, 64, 2048]),
)
def test_any_sessions_over_any_reopening_keep_every_byte(
    given_sessions: list[tuple[tuple[str, object], bool]], page_tokens: int
) -> None:
    options = MemorizeOptions(page_tokens=page_tokens)
    with TemporaryDirectory() as place:
        memory = Memory.open(Path(place) / "memory", memorize_options=options)
        expected: dict[str, tuple[Filed, str]] = {}
        for (kind, value), reopen in given_sessions:
            session, text = as_session(kind, value)
            filed = memory.memorize(session)
            expected[filed.session_id] = (filed, text)
            if reopen:
                memory.close()
                memory = Memory.open(Path(place) / "memory", memorize_options=options)
        with memory:
            for filed, text in expected.values():
                assert joined(memory, filed) == text
            assert memory.stats()["characters"] == sum(len(text) for _, text in expected.values())
            for page in memory.pages():
                check_passages(memory, page)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=UNSTORABLE.filter(lambda text: text.strip() != ""))
def test_what_no_engine_keeps_becomes_a_replacement_character_and_is_counted(memory: Memory, text: str) -> None:
    unstorable = [char for char in text if char == "\0" or "\ud800" <= char <= "\udfff"]
    filed = memory.memorize(Session(text=text))
    kept = "".join("\ufffd" if char in unstorable else char for char in text)
    assert joined(memory, filed) == kept
    if not filed.duplicate:
        page = memory.page(filed.page_ids[0])
        assert dict(page.metadata) == ({"replaced_characters": len(unstorable)} if unstorable else {})


@pytest.mark.parametrize("bad", ["\0", "\ud800", "\udfff"], ids=["NUL", "high surrogate", "low surrogate"])  # noqa: PT014
@pytest.mark.parametrize(
    "session",
    [
        lambda bad: Session(text=f"Ana {bad} Ben"),
        lambda bad: Session(turns=[("Ana", f"{bad} Ben")]),
        lambda bad: Session(turns=[(f"Ana {bad}", "Ben")]),
        lambda bad: Session(messages=[HumanMessage(f"Ana {bad}")]),
        lambda bad: Session(messages=[HumanMessage("Ana", name=f"B{bad}")]),
        lambda bad: [{"role": "user", "content": f"Ana {bad}"}],
    ],
    ids=["text", "turn", "speaker", "message", "name of a message", "dict"],
)
def test_one_replaced_character_is_counted_wherever_it_stood(
    memory: Memory, session: Callable[[str], object], bad: str
) -> None:
    filed = memory.memorize(session(bad))  # type: ignore[arg-type]
    page = memory.page(filed.page_ids[0])
    assert page.text.count("\ufffd") == 1
    assert dict(page.metadata) == {"replaced_characters": 1}
    page.text.encode()
    json.dumps([hit.speaker for hit in memory.recall("Ana")], ensure_ascii=False).encode()


@pytest.mark.parametrize("bad", ["\0", "\ud800"], ids=["NUL", "surrogate"])
def test_session_ids_and_metadata_hold_nothing_that_an_engine_refuses(memory: Memory, bad: str) -> None:
    metadata = {"title": f"T{bad}", f"k{bad}": [f"v{bad}"]}
    filed = memory.memorize(Session(text="Ana", id=f"id{bad}", metadata=metadata))
    page = memory.page(filed.page_ids[0])
    assert (filed.session_id, dict(page.metadata)) == ("id\ufffd", {"title": "T\ufffd", "k\ufffd": ["v\ufffd"]})


@pytest.mark.parametrize(
    "session",
    [
        "",
        " \r\n\t\u2028",
        Session(),
        Session(text="a", turns=[("Ana", "b")]),
        Session(turns=[]),
        [],
        {"txt": "a"},
        7,
        None,
    ],
    ids=repr,
)
def test_what_holds_nothing_is_refused_and_nothing_is_filed(memory: Memory, session: object) -> None:
    with pytest.raises(BadInput):
        memory.memorize(session)  # type: ignore[arg-type]
    assert memory.stats() == {"sessions": 0, "waiting": 0, "pages": 0, "passages": 0, "characters": 0}


def test_a_megabyte_of_every_kind_of_character_is_kept(memory: Memory) -> None:
    every = "".join(chr(code) for code in range(1, 0x11000) if not 0xD800 <= code <= 0xDFFF)
    text = "\n".join(every[at : at + 97] for at in range(0, len(every), 97))
    filed = memory.memorize(text)
    assert joined(memory, filed) == text
    assert dict(memory.page(filed.page_ids[0]).metadata) == {}
