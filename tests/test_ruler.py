"""RULER's generated texts: of the length that was asked for, the same for the same seed, with answers that can be checked."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from jitmem import Memory
from jitmem.evals.datasets import DataSet, Question, Sample, load_data_set
from jitmem.evals.datasets.ruler import GeneratedSamples
from jitmem.evals.datasets.ruler_tasks import TASKS
from jitmem.evals.metrics.text_metrics import context_tokens, evidence_recall
from jitmem.stores.errors import BadInput

NIAH = ("niah_single", "niah_multikey", "niah_multivalue", "niah_multiquery")


def made(task: str, tokens: int = 4000, **options: Any) -> tuple[str, Question, Sample]:
    """The whole text, the question, and the sample of the last of the samples that the options make."""
    sample = load_data_set("ruler", tokens=tokens, tasks=[task], **options).samples[-1]
    joint = "\n" if task in ("common_words", "frequent_words") else "\n\n"
    return joint.join(str(session.text) for session in sample.sessions), sample.questions[0], sample


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("tokens", [2000, 4000, 32_000, 400_000])
def test_a_text_is_as_long_as_was_asked_for_and_holds_its_evidence(task: str, tokens: int) -> None:
    text, question, _ = made(task, tokens)
    assert abs(context_tokens(text) - tokens) <= 0.02 * tokens
    assert all(text.count(gold) == 1 for gold in question.evidence)
    assert all(answer in text for answer in question.answers)
    assert question.category == task
    assert question.metadata["family"] == TASKS[task][0]


@pytest.mark.parametrize("number", range(1, 6))
@pytest.mark.parametrize(
    ("task", "keys", "values", "asked"),
    [("niah_single", 1, 1, 1), ("niah_multikey", 4, 1, 1), ("niah_multivalue", 1, 4, 1), ("niah_multiquery", 4, 1, 4)],
)
def test_the_asked_needles_say_the_answers(task: str, keys: int, values: int, asked: int, number: int) -> None:
    text, question, _ = made(task, count=number)
    found: dict[str, list[str]] = {}
    for key, value in re.findall(r"special magic numbers for ([\w-]+) is: (\d+)\.", text):
        found.setdefault(key, []).append(value)
    assert (len(found), {len(numbers) for numbers in found.values()}) == (keys, {values})
    wanted = [key for key in found if re.search(rf"\b{key}\b", question.text)]
    assert len(wanted) == asked
    assert sorted(question.answers) == sorted(value for key in wanted for value in found[key])
    assert len(question.evidence) == len(question.answers)
    assert question.all_needed


@pytest.mark.parametrize("number", range(1, 6))
def test_the_variables_that_hold_the_value_are_found_by_following_the_text(number: int) -> None:
    text, question, _ = made("variable_tracking", count=number)
    held: dict[str, str] = {}
    for name, of, value in re.findall(r"VAR (\w+) = (?:VAR (\w+)|(\d+))\.", text):
        held[name] = held[of] if of else value  # a KeyError would be a variable that is used before it is given a value
    (wanted,) = re.findall(r"\d+", question.text)
    assert set(question.answers) == {name for name, value in held.items() if value == wanted}
    assert len(question.answers) == 5


@pytest.mark.parametrize("tokens", [2000, 32_000])
def test_the_common_words_are_counted_in_the_list(tokens: int) -> None:
    text, question, _ = made("common_words", tokens)
    numbers, words = zip(*re.findall(r"^(\d+)\. (\w+)$", text, re.M), strict=True)
    assert list(map(int, numbers)) == list(range(1, text.count("\n") + 2))
    counts = Counter(words).most_common()
    assert {word for word, _ in counts[:10]} == set(question.answers)
    assert {count for _, count in counts[:10]} == {30}
    assert {count for _, count in counts[10:]} == {3}


@pytest.mark.parametrize("tokens", [2000, 32_000])
def test_the_frequent_words_are_counted_in_the_text_without_a_tie(tokens: int) -> None:
    text, question, _ = made("frequent_words", tokens)
    counts = Counter(text.split()).most_common(4)
    assert [word for word, _ in counts[:3]] == list(question.answers)
    most = counts[0][1]
    assert all(abs(count - most / rank**2) <= 1 for rank, (_, count) in enumerate(counts, start=1))


@pytest.mark.parametrize("number", range(1, 9))
def test_a_question_on_invented_people_has_one_answer_in_the_text(number: int) -> None:
    text, question, _ = made("qa", count=number)
    if firm := re.search(r"the founder of (\w+ Works)", question.text):
        (last,) = re.findall(rf"(\w+) founded {firm[1]},", text)
        found = re.findall(rf"\w+ {last} was born in (\w+) ", text)
    else:
        (person,) = re.findall(r"was (\w+ \w+) born", question.text)
        found = re.findall(rf"{person} was born in (\w+) ", text)
    assert found == list(question.answers)


def test_questions_on_people_have_one_hop_or_two() -> None:
    asked = [sample.questions[0] for sample in load_data_set("ruler", tasks=["qa"], count=12).samples]
    assert {len(question.evidence) for question in asked} == {1, 2}


DIGEST = """
from hashlib import sha256
from jitmem.evals.datasets import load_data_set
texts = [repr(sample) for sample in load_data_set("ruler", tokens=4000, count=2, seed=5).samples]
print(sha256("".join(texts).encode()).hexdigest())
"""


def test_the_same_seed_makes_the_same_samples_in_every_process() -> None:
    texts = [repr(sample) for sample in load_data_set("ruler", tokens=4000, count=2, seed=5).samples]
    here = sha256("".join(texts).encode()).hexdigest()
    for hash_seed in ("1", "2"):
        run = [sys.executable, "-c", DIGEST]
        done = subprocess.run(run, capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": hash_seed})
        assert done.stdout.strip() == here
    assert len(set(texts)) == len(texts)
    others = [repr(sample) for sample in load_data_set("ruler", tokens=4000, count=2, seed=6).samples]
    assert not set(texts) & set(others)


def test_sessions_joined_are_the_whole_text() -> None:
    whole, question, sample = made("niah_single", 8000)
    cut, same, parts = made("niah_single", 8000, sessions=5)
    assert cut == whole
    assert same == question
    assert (len(sample.sessions), len(parts.sessions)) == (1, 5)
    assert len({session.id for session in parts.sessions}) == 5


def test_samples_are_made_when_they_are_asked_for_and_tasks_take_turns() -> None:
    asked: list[int] = []

    def make(at: int) -> Sample:
        asked.append(at)
        return Sample(str(at), (), ())

    samples = GeneratedSamples(10, make)
    part = samples[2:8:3]
    assert (len(samples), len(part), asked) == (10, 2, [])
    assert [sample.name for sample in part] == ["2", "5"]
    assert samples[-1].name == "9"
    assert asked == [2, 5, 9]
    with pytest.raises(IndexError):
        samples[10]
    data = load_data_set("ruler", tokens=400_000, count=10_000, limit=8)
    assert len(data.samples) == 8
    short = load_data_set("ruler", tokens=2000, count=2, limit=10)
    assert [sample.questions[0].category for sample in short.samples] == [*TASKS, *list(TASKS)[:2]]


def test_of_several_lengths_the_first_is_asked_first_and_each_sample_is_as_it_is_alone() -> None:
    both = load_data_set("ruler", tokens=[3000, 2000], tasks=["qa", "niah_single"], count=2).samples
    assert [sample.name for sample in both] == [
        f"{task}-{tokens}-0-{number}" for tokens in (3000, 2000) for number in (0, 1) for task in ("qa", "niah_single")
    ]
    alone = load_data_set("ruler", tokens=2000, tasks=["qa", "niah_single"], count=2).samples
    assert list(both[4:]) == list(alone)


def paragraphs(tmp_path: Path) -> DataSet:
    """Six questions of HotpotQA's layout, one of them of yes or no, of two gold paragraphs and one more each."""
    rows = []
    for at in range(6):
        rows.append(
            {
                "_id": f"q{at}",
                "question": f"Which river passes town {at}?",
                "answer": "yes" if at == 0 else f"River {at}",
                "type": "bridge",
                "supporting_facts": [[f"Town {at}", 0], [f"Valley {at}", 0]],
                "context": [
                    [f"Town {at}", [f"Town {at} lies in valley {at}.", " It is old."]],
                    [f"Valley {at}", [f"Valley {at} was cut by River {at}."]],
                    [f"Hill {at}", ["A hill. " * 20]],
                ],
            }
        )
    file = tmp_path / "hotpot.json"
    file.write_text(json.dumps(rows), encoding="utf-8")
    return load_data_set("hotpotqa", file)


def test_qa_can_ask_over_the_paragraphs_of_a_data_set(tmp_path: Path) -> None:
    data = paragraphs(tmp_path)
    for number in range(1, 6):
        text, question, _ = made("qa", 4000, paragraphs=data, count=number)
        assert abs(context_tokens(text) - 4000) <= 80
        assert question.answer.startswith("River")
        assert len(question.evidence) == 2
        assert all(text.count(gold) == 1 for gold in question.evidence)
        assert not question.all_needed
    with pytest.raises(BadInput, match="no questions with gold paragraphs"):
        load_data_set("ruler", paragraphs=load_data_set("ruler"))


def test_rows_of_context_question_and_outputs_are_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "vt.jsonl"
    file.write_text(
        '{"context": "VAR A = 1", "question": "Which?", "example": "VAR X", "outputs": ["A"], "index": 4}\n'
    )
    (sample,) = load_data_set("ruler", file).samples
    assert sample.sessions[0].text == "VAR A = 1"
    (question,) = sample.questions
    assert (question.id, question.category, question.answers) == ("vt/4", "vt", ("A",))
    assert question.text == "Which?\n\nHere is the example:\nVAR X"
    assert question.all_needed


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"tasks": ["niah"]}, "no tasks niah; it has: niah_single"),
        ({"tasks": []}, "none given"),
        ({"tokens": 1999}, "tokens of 2000 or more"),
        ({"tokens": [4000, 1999]}, "tokens of 2000 or more"),
        ({"tokens": []}, "tokens of 2000 or more"),
        ({"count": 0}, "count and sessions of 1 or more"),
        ({"sessions": 0}, "sessions=0"),
    ],
)
def test_what_cannot_be_made_is_told(options: dict[str, Any], told: str) -> None:
    with pytest.raises(BadInput, match=told):
        load_data_set("ruler", **options)


@pytest.mark.parametrize("task", NIAH)
def test_a_memory_finds_the_needles(task: str, memory: Memory) -> None:
    _, question, sample = made(task, 8000)
    memory.memorize_many(sample.sessions)
    context = memory.research(question.text, output="snippets", context_tokens=1000).context
    assert evidence_recall(question.evidence, context) == 1.0
