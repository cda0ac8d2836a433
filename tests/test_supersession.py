"""Of what was said of one subject at several times, the newest comes first where a question asks how things are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jitmem import Memory, Session

OLD, NEW = "The rent of my studio is 640 euros a month.", "The rent of my studio is 710 euros a month from now on."


@pytest.fixture(params=[False, True], ids=["as it happened", "filed the other way round"])
def studio(request: pytest.FixtureRequest, folder: Path) -> Iterator[Memory]:
    said = [
        ("2025-01-10", OLD),
        ("2025-06-02", NEW),
        ("2025-03-03", "My studio has a new stove."),
        ("2025-04-01", "Rent a van?"),
    ]
    with Memory.open(folder) as memory:
        for time, text in reversed(said) if request.param else said:
            turns = [("Ana", text), ("Ben", "I see. It was windy on the hill, by the way, and the bus did not come.")]
            memory.memorize(Session(turns=turns, time=time))
        yield memory


def first_said(memory: Memory, question: str) -> str:
    return memory.research(question, context_tokens=120).citations[0].quote


@pytest.mark.parametrize("question", ["What is the rent of my studio?", "How much is Ana's rent of the studio now?"])
def test_the_newer_one_takes_the_better_place(studio: Memory, question: str) -> None:
    context = studio.research(question).context
    assert first_said(studio, question) == f"Ana: {NEW}"
    assert OLD in context
    assert "10 January 2025" in context


@pytest.mark.parametrize("question", ["What was the rent of my studio at 640 euros before?"])
def test_a_question_on_the_past_keeps_its_order(studio: Memory, question: str) -> None:
    assert first_said(studio, question) == f"Ana: {OLD}"


def test_what_another_speaker_says_is_no_newer_version(folder: Path) -> None:
    with Memory.open(folder) as memory:
        memory.memorize(Session(turns=[("Ana", "My rent of the studio is 640 euros.")], time="2025-01-10"))
        memory.memorize(Session(turns=[("Ben", "My rent of the studio is 900 euros.")], time="2025-06-02"))
        assert (
            first_said(memory, "What is the rent of the studio of Ana?") == "Ana: My rent of the studio is 640 euros."
        )
