"""How sure a result is: a number from 0 to 1, by which noise is kept from an agent and abstention is measured."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from langchain.agents import create_agent
from langchain_core.messages import HumanMessage
from typer.testing import CliRunner

from jitmem import BadInput, Memory
from jitmem.cli.app import app
from jitmem.evals.abstention import abstention_curve
from jitmem.evals.bench_card import begin_card
from jitmem.evals.datasets import load_data_set
from jitmem.evals.run import run_plan
from jitmem.evals.run_plan import RunPlan
from jitmem.evals.systems import Setup
from jitmem.sample_history import sample_questions, sample_sessions
from jitmem.testing import ScriptedModel


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Memory]:
    with Memory.open(tmp_path_factory.mktemp("sample") / "memory") as memory:
        memory.memorize_many(sample_sessions())
        yield memory


def test_questions_with_an_answer_are_more_certain_than_absent_ones(sample: Memory) -> None:
    by_sort: dict[bool, list[float]] = {True: [], False: []}
    for one in sample_questions():
        by_sort[bool(one["answer"])].append(sample.research(one["question"]).confidence)
    means = {sort: sum(values) / len(values) for sort, values in by_sort.items()}
    assert all(0 <= value <= 1 for values in by_sort.values() for value in values)
    assert means[True] > means[False] + 0.15


def test_what_no_search_found_has_no_confidence(folder: Path) -> None:
    with Memory.open(folder) as memory:
        memory.memorize("user: I started at Orbit in Lisbon.")
        assert [hit.confidence for hit in memory.recall("Where do I work?")] == [0.0]
        assert memory.research("Where do I work?").confidence == 0.0
        assert memory.research("Who started at Orbit in Lisbon?").confidence > 0.5


def test_a_recall_is_as_sure_of_the_right_passage_as_the_research(sample: Memory) -> None:
    question = "What is the licence plate of the van?"
    hits = sample.recall(question)
    assert max(hit.confidence or 0.0 for hit in hits[:5]) == pytest.approx(
        sample.research(question).confidence, abs=0.05
    )


@pytest.mark.parametrize(
    ("right", "swapped"),
    [
        ("When did Ana run the marathon in Porto?", "When did Ben run the marathon in Porto?"),
        ("What instrument does Ben play?", "What instrument does Ana play?"),
    ],
)
def test_what_the_other_speaker_told_speaks_against_an_answer(folder: Path, right: str, swapped: str) -> None:
    with Memory.open(folder) as memory:
        memory.memorize(
            "Ana: I ran the marathon in Porto last week.\nBen: Wow, the marathon in Porto! How did you run it so soon?\n"
            "Ben: My instrument is the cello, I play it every day.\nAna: What a nice instrument! Do you play at home?"
        )
        assert memory.research(right).confidence > memory.research(swapped).confidence + 0.25


@pytest.mark.parametrize(("enough", "least", "most"), [(True, 0.5, 1.0), (False, 0.0, 0.5)])
def test_the_verdict_of_a_model_moves_it_half_of_the_way(folder: Path, enough: bool, least: float, most: float) -> None:
    with Memory.open(folder) as memory:
        memory.memorize("Ana: I moved to Porto.")
    found = {"text": "Ana moved to Porto.", "sources": [{"page_id": "?", "quote": "I moved to Porto."}]}
    model = ScriptedModel(
        lines=lambda _: {"needs": [], "queries": [], "statements": [found], "enough": enough, "missing": ["x"]}
    )
    with Memory.open(folder, model=model) as memory:
        assert least <= memory.research("Where did Ana move?", depth=1).confidence <= most


@pytest.mark.parametrize(("least", "is_shown"), [(0.0, True), (0.9, False)])
def test_a_middleware_shows_nothing_below_its_least_confidence(sample: Memory, least: float, is_shown: bool) -> None:
    model = ScriptedModel(lines=["Well."])
    middleware = sample.middleware(single_user=True, memorize=False, min_confidence=least)
    create_agent(model, middleware=[middleware]).invoke({"messages": [HumanMessage("Who took Greta over the valley?")]})
    assert (
        "valley" in "".join(one.text for one in model.seen[0][1]).replace("Who took Greta over the valley?", "")
    ) is is_shown


def test_a_least_confidence_beyond_one_is_refused(sample: Memory) -> None:
    with pytest.raises(BadInput, match="min_confidence"):
        sample.middleware(min_confidence=7)


def test_the_curve_of_a_card_goes_from_all_answers_to_all_abstentions(tmp_path: Path) -> None:
    data = load_data_set("world", count=1, tokens=10_000, limit=40, seed=2)
    card = tmp_path / "card"
    plan = RunPlan(data, (Setup(context_tokens=300),), card)
    begin_card(plan)
    run_plan(plan)
    [rows] = abstention_curve(card).values()
    assert rows[0]["false_answers"] == 1.0
    assert rows[0]["false_abstentions"] == 0.0
    answers, abstentions = zip(*((row["false_answers"], row["false_abstentions"]) for row in rows), strict=True)
    assert list(answers) == sorted(answers, reverse=True)
    assert list(abstentions) == sorted(abstentions)
    shown = CliRunner().invoke(app, ["eval", "abstention", str(card)])
    assert "false abstentions" in shown.output


def test_a_card_without_both_sorts_of_questions_has_no_curve(tmp_path: Path) -> None:
    plan = RunPlan(load_data_set("world", count=1, tokens=10_000, limit=2), (Setup("recall"),), tmp_path / "card")
    begin_card(plan)
    run_plan(plan)
    with pytest.raises(BadInput, match="confidences"):
        abstention_curve(tmp_path / "card")
