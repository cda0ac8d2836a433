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


OTHERS = (
    ("2025-02-01", "The bus did not come today and it was windy on the hill."),
    ("2025-03-09", "I cooked soup with leeks and lentils for everybody."),
    ("2025-05-01", "The museum had a new hall with old maps in it."),
    ("2025-04-11", "The trombone next door plays at night."),
    ("2025-06-20", "I read a long book about the history of salt."),
)
CHANGES = {
    "a move": ("I live in Porto, near the river.", "I moved to Lisbon last month.", "Where does Ana live?"),
    "a flat": ("My flat is in Porto.", "We have moved, our new flat is in Lisbon.", "Where is Ana's flat?"),
    "a city": ("I live in Porto.", "I live in Lisbon now.", "Which city does Ana live in?"),
    "an employer": ("I work at Orbit.", "I started a new job at Nimbus this week.", "Where does Ana work?"),
    "a trade": ("I am a nurse.", "I quit nursing, I am a teacher now.", "What is Ana's job?"),
    "a phone": ("My phone number is 555-0101.", "My new phone number is 555-0199.", "What is Ana's phone number?"),
    "a price": (
        "The yoga course costs 40 euros a month.",
        "The yoga course costs 55 euros a month now.",
        "How much does the yoga course cost?",
    ),
    "a name": ("My dog is called Rex.", "We renamed our dog to Max.", "What is Ana's dog called?"),
    "a meeting": (
        "The team meeting is on Tuesday.",
        "The team meeting has been moved to Thursday.",
        "When is the team meeting?",
    ),
    "a deadline": (
        "The report is due on 3 July 2025.",
        "The deadline of the report moved, it is due on 10 July 2025.",
        "When is the report due?",
    ),
    "a car": ("I drive a red Fiat.", "I sold the Fiat and drive a blue Toyota now.", "What car does Ana drive?"),
    "a boss": ("My boss is called Carla.", "My new boss is called Diego.", "Who is Ana's boss?"),
    "a count": ("I have two cats, both from the shelter.", "I have three cats now.", "How many cats does Ana have?"),
    "a diet": ("I am a vegetarian.", "I am vegan now.", "Is Ana vegetarian or vegan?"),
    "a status": ("I am single.", "I am engaged to Tom.", "Is Ana single?"),
    "a mail": (
        "My email is ana@orbit.example.",
        "Please write to my new email: ana@nimbus.example.",
        "What is Ana's email?",
    ),
}


def remember(folder: Path, *said: tuple[str, str, str]) -> Memory:
    """A memory of some other things, and of what somebody said at a time."""
    memory = Memory.open(folder)
    for time, speaker, text in sorted([*((time, "Ana", text) for time, text in OTHERS), *said]):
        memory.memorize(Session(turns=[(speaker, text), ("Ben", "I see. The kettle is on.")], time=time))
    return memory


@pytest.mark.parametrize("case", CHANGES)
def test_a_change_takes_the_place_of_what_was_before_in_recall_and_research(folder: Path, case: str) -> None:
    old, new, question = CHANGES[case]
    with remember(folder, ("2025-01-10", "Ana", old), ("2025-06-02", "Ana", new)) as memory:
        recalled = [hit.text for hit in memory.recall(question, k=10)]
        assert recalled.index(f"Ana: {new}") < recalled.index(f"Ana: {old}")
        context = memory.research(question).context
        assert old in context
        assert "10 January 2025" in context
        short = memory.research(
            question, context_tokens=len(f"# 000000000000 10 January 2025 Ana: {new}") // 4 + 14
        ).context
        assert new in short
        assert old not in short


@pytest.mark.parametrize(
    ("question", "newer"),
    [
        ("Where does Ana live?", ("Ben", "I live in Lisbon.")),
        ("Where does Ana live?", ("Ana", "My brother lives in Rome.")),
        ("Where does Ana live?", ("Ana", "I never said that I live in Rome.")),
        ("Where does Ana live?", ("Ana", "Otto said: I live in Rome.")),
        ("Where does Ana live?", ("Ana", "I would like to live in Rome.")),
        ("Where does Ana live?", ("Ana", "Do you live in Rome?")),
        ("Where did Ana live before?", ("Ana", "I moved to Lisbon last month.")),
    ],
)
def test_what_is_no_news_of_the_subject_leaves_the_order(folder: Path, question: str, newer: tuple[str, str]) -> None:
    with remember(folder, ("2025-01-10", "Ana", "I live in Porto."), ("2025-06-02", *newer)) as memory:
        assert memory.recall(question, k=10)[0].text == "Ana: I live in Porto."
        assert [
            item.content for item in memory.items.list(kind="semantic") if "Porto" in item.content
        ] or "moved" in newer[1]


@pytest.mark.parametrize(
    ("older", "newer", "question"),
    [
        ("I play chess on Mondays.", "I play tennis on Wednesdays.", "When does Ana play chess?"),
        ("My phone number is 555-0101.", "My sister's phone number is 555-0199.", "What is Ana's phone number?"),
        (
            "The yoga course costs 40 euros.",
            "The pottery course costs 55 euros.",
            "How much does the yoga course cost?",
        ),
        ("I work at Orbit.", "In 2015 I worked at Nimbus.", "Where does Ana work?"),
    ],
)
def test_two_things_are_no_versions_of_one(folder: Path, older: str, newer: str, question: str) -> None:
    with remember(folder, ("2025-01-10", "Ana", older), ("2025-06-02", "Ana", newer)) as memory:
        assert memory.recall(question, k=10)[0].text == f"Ana: {older}"
        context = memory.research(question).context
        assert older in context
        assert newer in context


@pytest.mark.parametrize(
    ("older", "newer", "items"),
    [
        ("My phone number is 555-0101.", "My new phone number is 555-0199.", ["My new phone number is 555-0199."]),
        ("My boss is called Carla.", "My new boss is called Diego.", ["My new boss is called Diego."]),
        ("My dog is called Rex.", "We renamed our dog to Max.", ["We renamed our dog to Max."]),
        ("My dog is called Rex.", "My dog is called Bella.", ["My dog is called Bella.", "My dog is called Rex."]),
        ("I live in Porto.", "We moved to Lisbon.", ["We moved to Lisbon."]),
        ("I live in Porto.", "We moved to the next topic.", ["I live in Porto."]),
        ("I live in Porto.", "My house is a mess.", ["I live in Porto."]),
        ("I love hiking.", "I love sailing.", ["I love hiking.", "I love sailing."]),
    ],
)
def test_an_item_of_a_slot_follows_what_is_newer(folder: Path, older: str, newer: str, items: list[str]) -> None:
    with remember(folder, ("2025-01-10", "Ana", older), ("2025-06-02", "Ana", newer)) as memory:
        assert sorted(item.content for item in memory.items.list(kind="semantic")) == [f"Ana: {item}" for item in items]
