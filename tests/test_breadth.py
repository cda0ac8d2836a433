"""Broad questions are known as such and served from many pages, in the order of time; a needle stays a needle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jitmem import BadInput, Memory, ModelOptions, Session
from jitmem.evals.datasets import load_data_set
from jitmem.evals.metrics.text_metrics import messages_touched, right_days
from jitmem.nodes.breadth import kind_by_words
from jitmem.testing import ScriptedModel

STEPS = (
    "I began to restore the old boat that my uncle left me.",
    "Two planks of the boat were rotten, so I ordered larch from the sawmill.",
    "I caulked the hull with cotton and tar.",
    "We stepped the mast of the boat with the crane of the yard.",
    "I sewed a new sail from red canvas.",
    "The boat floated for the first time and leaked only a cup.",
)


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("In what order did I bring up the parts of my project?", "order"),
        ("List the topics we discussed in chronological order.", "order"),
        ("Walk me through the restoration of the boat.", "order"),
        ("Summarise how it went with the boat.", "summary"),
        ("Give me an overview of everything about the boat.", "summary"),
        ("How has my plan for the boat changed over time?", "change"),
        ("List all the doctors I saw.", "list"),
        ("Where does Ana work?", "needle"),
        ("What was the first thing that Ana bought?", "needle"),
        ("Which order did I place at the sawmill?", "needle"),
        ("How many sacks were ground?", "needle"),
    ],
)
def test_the_kind_of_a_question_by_its_words(question: str, kind: str) -> None:
    assert kind_by_words(question) == kind


def fill(folder: Path, model: Any = None) -> Memory:
    """The steps days apart, among questions on the boat and long answers to them."""
    memory = Memory.open(folder, model_options=ModelOptions(step_models={"plan": model}) if model else None)
    for day in range(48):
        ask = f"What do people say about the {['money', 'weather', 'tools', 'family'][day % 4]} with the old boat?"
        answer = " ".join(["For the old boat it depends, as with any boat, on patience and on a plan."] * 6)
        turns = [("user", ask), ("assistant", answer)] * 2
        if day % 8 == 3:
            turns.insert(2, ("assistant", "Good luck with the old boat, a boat is work."))
            turns.insert(2, ("user", STEPS[day // 8]))
        memory.memorize(Session(turns=turns, time=f"2025-{day // 28 + 1:02}-{day % 28 + 1:02}", id=f"day {day}"))
    return memory


def test_an_order_is_answered_from_many_pages_in_the_order_of_time(folder: Path) -> None:
    with fill(folder) as memory:
        result = memory.research("In what order did things happen with the old boat?", context_tokens=1000)
        places = [result.context.find(step) for step in STEPS]
        assert min(places) >= 0
        assert places == sorted(places)
        assert result.rounds[0]["kind"] == "order"


def test_narrow_and_wide_overrule_the_words(folder: Path) -> None:
    question = "In what order did things happen with the old boat?"
    with fill(folder) as memory:
        assert memory.research(question, breadth="narrow").rounds[0]["kind"] == "needle"
        assert memory.research("Where is the sail?", breadth="wide").rounds[0]["kind"] == "list"
        with pytest.raises(BadInput, match="breadth"):
            memory.research(question, breadth="deep")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("planned", "kind"), [("summary", "summary"), ("needle", "needle"), ("nonsense", "needle"), (None, "needle")]
)
def test_a_model_names_the_kind_too(folder: Path, planned: str | None, kind: str) -> None:
    plan = {"kind": planned, "needs": [], "queries": []}
    with fill(folder, ScriptedModel(lines=[plan] * 3)) as memory:
        assert memory.research("What of the boat?", depth=1).rounds[0]["kind"] == kind


def test_a_model_that_says_needle_does_not_narrow_a_broad_question(folder: Path) -> None:
    with fill(folder, ScriptedModel(lines=[{"kind": "needle", "needs": [], "queries": []}])) as memory:
        assert memory.research("Summarise the work on the boat.", depth=1).rounds[0]["kind"] == "summary"


def test_what_an_assistant_said_is_not_left_out_where_it_is_asked_for(folder: Path) -> None:
    with fill(folder) as memory:
        context = memory.research("Summarise what you told me about the old boat.", context_tokens=300).context
        assert "on patience and on a plan" in context


def test_the_generated_world_is_the_same_each_time_and_its_evidence_stands_in_it() -> None:
    data = [load_data_set("world", seed=3, count=1, tokens=20_000).samples[0] for _ in range(2)]
    assert data[0] == data[1]
    said = {text for session in data[0].sessions for _, text in session.turns}
    assert all(set(question.evidence) <= said for question in data[0].questions)
    assert {question.category for question in data[0].questions} == {
        "day",
        "now",
        "order",
        "summary",
        "wish",
        "needle",
        "adversarial",
    }
    assert load_data_set("world", seed=4, count=1, tokens=20_000).samples[0] != data[0]


def test_a_message_is_touched_by_a_passage_of_it() -> None:
    long = "I caulked the hull with cotton and tar. It took me until the evening, and my hands are black."
    assert messages_touched([long, "No."], ["user: I caulked the hull with cotton and tar.", "ok"]) == 0.5
    assert messages_touched(["No."], ["user: No."]) == 1.0
    assert messages_touched([long], ["user: I caulked"]) == 0.0
    assert messages_touched([], ["x"]) is None


def test_a_day_is_right_only_beside_its_message() -> None:
    context = "# p 8 May 2023\nI came home yesterday. [1] (yesterday [7 May 2023])\n\n# q 9 May 2023\nHello. [2]"
    assert right_days(["I came home yesterday."], ["7 May 2023"], context) == 1.0
    assert right_days(["Hello."], ["7 May 2023"], context) == 0.0
