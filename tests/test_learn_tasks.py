"""Tasks: toy ones are what they say of themselves, and those of files are read whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage

from jitmem.evals.datasets.benchmark_records import Question, Sample
from jitmem.learn.rollout_records import task_tokens
from jitmem.learn.synthetic_tasks import CATEGORIES, make_toy_tasks
from jitmem.learn.tasks import load_tasks, write_tasks
from jitmem.stores.errors import BadInput
from jitmem.stores.records import Session


def said(task: Sample) -> list[tuple[str, str, str]]:
    """`(session, speaker, text)` of every turn."""
    return [(str(one.id), *turn) for one in task.sessions for turn in one.turns or ()]


def test_the_same_seed_gives_the_same_tasks_whatever_their_number() -> None:
    assert make_toy_tasks(5, 7)[:2] == make_toy_tasks(2, 7)
    assert make_toy_tasks(1, 7) != make_toy_tasks(1, 8)


@pytest.mark.parametrize("sizes", [{}, {"people": 5, "facts": 60, "sessions": 12}, {"tokens": 30_000, "sessions": 15}])
def test_an_answer_stands_in_one_turn_of_its_person_which_is_the_evidence(sizes: dict[str, Any]) -> None:
    for task in make_toy_tasks(5, **sizes):
        turns = said(task)
        for question in task.questions:
            (evidence,), (answer,) = question.evidence, question.answers
            person, session = question.metadata["person"], question.metadata["session"]
            assert turns.count((session, person, evidence)) == 1
            assert answer in evidence
            assert person in question.text
            if question.category != "event":  # others may have had something to do on the same day
                assert [text for _, _, text in turns if answer in text] == [evidence]


def test_what_is_stated_again_is_asked_once_by_how_it_stands_last() -> None:
    (task,) = make_toy_tasks(1, people=1, facts=12, sessions=6)
    assert sorted(one.category for one in task.questions) == sorted(["city", "work", "pet", *["event"] * 3])
    for question in task.questions:
        assert question.metadata["changed"] == (question.category != "event")
    city = next(one for one in task.questions if one.category == "city")
    stated = [text for _, _, text in said(task) if "moved to" in text or "live in" in text]
    assert len(stated) == 3
    assert stated[-1] == city.evidence[0]


def test_four_facts_a_person_are_one_of_everything() -> None:
    (task,) = make_toy_tasks(1, people=3, facts=12)
    asked = [(one.metadata["person"], one.category) for one in task.questions]
    assert sorted(asked) == sorted((name, kind) for name in {name for name, _ in asked} for kind in CATEGORIES)


@pytest.mark.parametrize("tokens", [2_000, 30_000, 390_000])
def test_a_task_is_as_long_as_it_is_asked_to_be(tokens: int) -> None:
    (task,) = make_toy_tasks(1, tokens=tokens, sessions=10)
    assert tokens - 10 * 30 <= task_tokens(task) <= tokens + 10  # a session ends before the turn that is too much


def test_sizes_that_cannot_be_are_said() -> None:
    for sizes in ({"facts": 81}, {"people": 0}, {"people": 21}, {"sessions": 0}, {"n": 0}):
        with pytest.raises(BadInput, match="1 to 20 people"):
            make_toy_tasks(**{"n": 1, **sizes})


def test_tasks_are_read_as_they_were_written(tmp_path: Path) -> None:
    chat = Session(messages=[HumanMessage("I'm Ana."), AIMessage("Hello.")], id="chat")
    text = Session(text="Ana moved.", id="text", metadata={"title": "News"})
    asked = Question("q", "Who?", ("Ana", "she"), "who", ("I'm Ana.",), {"match": "all"})
    write_tasks(tmp_path / "t.jsonl", [*make_toy_tasks(2), Sample("own", (chat, text), (asked,))])
    first, second, own = load_tasks(tmp_path / "t.jsonl")
    assert [said(one) for one in (first, second)] == [said(one) for one in make_toy_tasks(2)]
    assert (first.name, first.questions) == (make_toy_tasks(1)[0].name, make_toy_tasks(1)[0].questions)
    assert [one.time for one in first.sessions] == [
        str(one.time).replace(" ", "T") for one in make_toy_tasks(1)[0].sessions
    ]
    assert [(message.type, message.text) for message in own.sessions[0].messages or ()] == [
        ("human", "I'm Ana."),
        ("ai", "Hello."),
    ]
    assert (own.sessions[1], own.questions) == (text, (asked,))
    assert [one.name for one in load_tasks(tmp_path / "t.jsonl", limit=1)] == ["toy-0-0"]


def test_toy_tasks_and_data_sets_go_by_their_names(tmp_path: Path) -> None:
    assert load_tasks("toy:3,seed=4,facts=5") == make_toy_tasks(3, 4, facts=5)
    row = {
        "_id": "h1",
        "question": "Where was she born?",
        "answer": "Oslo",
        "type": "bridge",
        "level": "easy",
        "supporting_facts": [["Ana", 0]],
        "context": [["Ana", ["Ana was born in Oslo.", " She sings."]], ["Bo", ["Bo is a boat."]]],
    }
    (tmp_path / "hotpot.json").write_text(json.dumps([row]))
    (task,) = load_tasks(f"hotpotqa:{tmp_path / 'hotpot.json'}")
    (evidence,) = task.questions[0].evidence
    assert evidence in [session.text for session in task.sessions]
    assert "Ana was born in Oslo." in evidence


LINE = {"id": "t", "sessions": [{"text": "Ana moved."}], "questions": [{"text": "Who?", "answers": ["Ana"]}]}


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ({**LINE, "sessions": []}, '"sessions" is an empty list'),
        ({**LINE, "sessions": [{"texts": "?"}]}, "line 1, session 1"),
        ({**LINE, "questions": []}, "`questions`: should hold at least one question"),
        (
            {**LINE, "questions": [{"text": "Who?", "answers": []}]},
            r"`questions\[0\].answers`: should hold at least one",
        ),
        ({**LINE, "questions": [{"answers": ["Ana"]}]}, r"`questions\[0\].text`: should be text, is missing"),
        ({**LINE, "questions": [{**LINE["questions"][0], "id": "q"}] * 2}, "two questions with the id 'q'"),  # type: ignore[index]
        ({"sessions": [], "questions": []}, "line 1"),
    ],
)
def test_a_line_that_is_no_task_is_named(tmp_path: Path, line: Any, told: str) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(json.dumps(line) + "\n")
    with pytest.raises(BadInput, match=told):
        load_tasks(path)


def test_two_tasks_of_one_name_and_files_that_are_not_there_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text((json.dumps(LINE) + "\n") * 2)
    with pytest.raises(BadInput, match="two tasks have the id 't'"):
        load_tasks(path)
    with pytest.raises(BadInput, match="there is no such file; give JSON lines, toy:8, or DATASET:PATH"):
        load_tasks(tmp_path / "nothing.jsonl")
    with pytest.raises(BadInput, match="write toy:8"):
        load_tasks("toy:eight")
