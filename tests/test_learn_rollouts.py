"""Rollouts hold what a run was, whatever stops it; a failure in one is an error and no reward."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from following import CURATING, following, says
from langchain_core.messages import AIMessage, BaseMessage
from model_server import ModelServer
from typer.testing import CliRunner, Result

from jitmem.cli.app import app
from jitmem.evals.datasets.benchmark_records import Question, Sample
from jitmem.learn.rollout_records import Item, Rollout
from jitmem.learn.rollouts import RolloutStats, arun_rollout, read_rollouts, record_rollouts, run_rollout, run_rollouts
from jitmem.learn.rollouts.question_scores import item_coverage
from jitmem.learn.rollouts.rollout_config import RolloutConfig
from jitmem.learn.synthetic_tasks import make_toy_tasks
from jitmem.stores.errors import BadInput, ModelUnavailable
from jitmem.stores.records import Session
from jitmem.testing import ScriptedModel
from jitmem.testing.recording_file import replace_matches

SMALL = {"sessions": 2, "facts": 4, "people": 1}
JITMEM = [sys.executable, "-c", "from jitmem.cli import main; main()"]
_CHANCE = re.compile(r"\b(?=[a-z]{0,11}[0-9])[0-9a-hjkmnp-tv-z]{12}\b")
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("JITMEM_")]:
        monkeypatch.delenv(name)
    return lambda *given: CliRunner().invoke(app, ["learn", "rollout", *map(str, given)])


def same(rollout: Rollout) -> Any:
    """What two runs must share: without seconds, ids by their order."""
    ids: dict[str, str] = {}
    plain = json.loads(json.dumps(rollout.as_dict()))
    plain = replace_matches(plain, _CHANCE, lambda id: ids.setdefault(id, f"id-{len(ids)}"))
    return {**plain, "seconds": 0, "steps": [{**step, "seconds": 0} for step in plain["steps"]]}


# -- one run -------------------------------------------------------------------------------------------------


def test_a_run_holds_every_step_what_became_of_it_and_what_it_earned() -> None:
    (task,) = make_toy_tasks(1, 5, **SMALL)
    made = run_rollout(task, 3, RolloutConfig(model=following(), seed=10))
    assert (made.task, made.n, made.seed, made.error) == ("toy-5-0", 3, 13, "")
    assert [step.key for step in made.steps] == [
        *[f"session-{n}|{step}" for n in (1, 2) for step in ("3:memorize.1", "5:curate.1")],
        *[f"toy-5-0/{n}|{step}" for n in range(4) for step in ("2:plan", "5:integrate", "6:reflect", "8:answer")],
    ]
    assert {call.status for call in made.calls} == {"applied"}
    assert [call.item_id for call in made.calls] == [item.id for item in made.items]
    assert [call.content for call in made.calls] == [item.content for item in made.items]
    assert [source.id for source in made.sources] == ["session-1", "session-2"]
    for step in made.steps:
        if step.name == "curate":
            (source,) = (one for one in made.sources if one.id == step.about)
            assert {call.page_id for call in step.calls or ()} == set(source.page_ids)
            assert all(call.content.partition(": ")[2] in source.text for call in step.calls or ())
        else:
            assert step.calls is None
    assert [(one.answer, one.scores, one.coverage) for one in made.answers] == [
        (one.answer, {"f1": 1.0}, 1.0) for one in task.questions
    ]
    assert made.memory_tokens == sum(-(-len(item.content) // 4) for item in made.items)
    assert made.source_tokens == sum(-(-len(source.text) // 4) for source in made.sources)
    assert made.rewards["r1"] == made.rewards["r2"] == made.rewards["r4"] == made.rewards["coverage"] == 1.0
    assert {step.rewards["r1"] for step in made.steps} == {1.0}


def test_awaited_it_is_the_same_run() -> None:
    (task,) = make_toy_tasks(1, **SMALL)
    config = RolloutConfig(model=following())
    assert same(asyncio.run(arun_rollout(task, 0, config))) == same(run_rollout(task, 0, config))


def test_without_a_model_there_are_answers_items_and_rewards_and_no_steps() -> None:
    (task,) = make_toy_tasks(1, **SMALL)
    made = run_rollout(task, 0, RolloutConfig(metrics=("substring_match",)))
    assert made.steps == ()
    assert [item.kind for item in made.items].count("core") == 1
    assert made.rewards["r1"] == sum(one.scores["substring_match"] for one in made.answers) / len(made.answers) > 0
    assert made.rewards["r2"] is made.rewards["r4"] is None
    assert made.error == ""


def test_edits_go_to_the_page_and_the_reply_that_made_them() -> None:
    turns = [("Ana", f"{fact} {'So much for that. ' * 5}") for fact in ("I've moved to Oslo.", "My dog is called Rex.")]
    task = Sample("t", (Session(turns=turns, id="s"),), (Question("q", "Where does Ana live now?", ("Oslo",), ""),))
    seen: list[Sequence[BaseMessage]] = []

    def stumbling(messages: Sequence[BaseMessage]) -> Any:
        """Of the second page, first an object of no form; then its edit, and one of an item that there is not."""
        prompt = messages[1].text
        if CURATING not in prompt or "Rex" not in prompt.partition("</history-")[0]:
            return says(messages)
        seen.append(messages)
        gone = {"name": "memory_delete", "args": {"kind": "semantic", "id": "nothing"}, "id": "x"}
        more = says(messages)
        return '{"no": "form"}' if len(seen) == 1 else AIMessage("", tool_calls=[*more.tool_calls, gone])

    made = run_rollout(task, 0, RolloutConfig(model=ScriptedModel(lines=stumbling), page_tokens=36))
    curated = {step.key: step.calls for step in made.steps if step.name == "curate"}
    assert list(curated) == ["s|5:curate.1", "s|5:curate.2", "s|5:curate.2~1"]
    first, torn, second = curated.values()
    assert [(call.name, call.status) for call in first or ()] == [("memory_insert", "applied")]
    assert torn is None
    assert [(call.name, call.status) for call in second or ()] == [
        ("memory_insert", "applied"),
        ("memory_delete", "unknown_id"),
    ]


def test_nothing_worth_keeping_is_a_turn_without_calls() -> None:
    (task,) = make_toy_tasks(1, sessions=1, facts=1, people=1)

    def idle(messages: Sequence[BaseMessage]) -> Any:
        return "Nothing." if CURATING in messages[1].text else says(messages)

    made = run_rollout(task, 0, RolloutConfig(model=ScriptedModel(lines=idle)))
    assert [step.calls for step in made.steps if step.name == "curate"] == [()]
    assert (made.items, made.answers[0].coverage, made.answers[0].answer) == ((), 0.0, task.questions[0].answer)


# -- failures ------------------------------------------------------------------------------------------------


def broken(step: str, error: Any, times: int = 10_000) -> ScriptedModel:
    """Follows rules, but at a step of ours, `times` times."""
    words = {
        "curate": CURATING,
        "memorize": "Memos of related pages",
        "plan": "You plan",
        "answer": "You answer",
    }
    left = [error] * times

    def lines(messages: Sequence[BaseMessage]) -> Any:
        if left and words[step] in f"{messages[0].text} {messages[1].text}":
            return left.pop()
        return says(messages)

    return ScriptedModel(lines=lines)


GONE = ModelUnavailable("The server is on fire.")


@pytest.mark.parametrize("step", ["curate", "plan", "answer"])
def test_a_model_that_cannot_be_reached_ends_the_run_with_an_error_and_no_reward(step: str) -> None:
    (task,) = make_toy_tasks(1, **SMALL)
    made = run_rollout(task, 0, RolloutConfig(model=broken(step, GONE)))
    assert made.error == "ModelUnavailable: " + ("" if step == "plan" else f"{step}: ") + str(GONE)
    assert set(made.rewards.values()) == {None}
    assert {value for one in made.steps for value in one.rewards.values()} == {None}
    assert [one.error for one in made.steps if one.error] == [f"ModelUnavailable: {GONE}"]


def test_a_question_at_which_the_reply_cannot_be_read_has_an_error_and_the_others_count() -> None:
    (task,) = make_toy_tasks(1, **SMALL)
    made = run_rollout(task, 0, RolloutConfig(model=broken("plan", "Hm.", times=3)))
    first, *others = made.answers
    assert first.error.startswith("ModelReplyError: ")
    assert (first.answer, first.scores) == (None, {})
    assert [one.scores for one in others] == [{"f1": 1.0}] * 3
    assert made.error == ""
    assert made.rewards["total"] is not None


def test_a_page_of_which_no_edit_can_be_read_has_no_calls_and_the_run_goes_on() -> None:
    (task,) = make_toy_tasks(1, sessions=1, facts=4, people=1)
    made = run_rollout(task, 0, RolloutConfig(model=broken("curate", '{"no": "form"}')))
    assert [step.calls for step in made.steps if step.name == "curate"] == [None] * 3
    assert made.error == ""
    assert len(made.answers) == 4


def test_after_several_failures_in_a_row_the_rest_is_not_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jitmem.learn.rollouts.many_rollouts.PATIENCE", 3)
    tasks = make_toy_tasks(1, sessions=1, facts=1, people=1)
    model = broken("memorize", GONE)
    with pytest.raises(ModelUnavailable, match=r"^3 runs failed one after the other, the last with ModelUna"):
        record_rollouts(tasks, RolloutConfig(model=model), tmp_path, n=30, concurrency=1)
    assert len(model.seen) == 3


# -- many runs -----------------------------------------------------------------------------------------------


def test_32_runs_at_once_hold_their_own_and_twice_the_same(tmp_path: Path) -> None:
    tasks = make_toy_tasks(8, sessions=1, facts=1, people=1)
    config = RolloutConfig(model=following())
    first = run_rollouts(tasks, config, n=4, concurrency=32, folder=tmp_path / "a")
    assert [(one.task, one.n) for one in first] == [(task.name, n) for task in tasks for n in range(4)]
    for task, of_task in ((task, [one for one in first if one.task == task.name]) for task in tasks):
        assert len({tuple(step.key for step in one.steps) for one in of_task}) == 1
        names = {said for session in task.sessions for _, said in session.turns or ()}
        assert all({line.partition(": ")[2] for line in one.sources[0].text.splitlines()} == names for one in of_task)
        assert all(
            of_task[0].sources[0].text in step.messages[1]["content"] for one in of_task for step in one.steps[:2]
        )
    second = run_rollouts(tasks[:1], config, n=4, concurrency=1)
    assert [same(one) for one in first[:4]] == [same(one) for one in second]
    lines = (tmp_path / "a" / "rollouts.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        json.loads(json.dumps(one.as_dict())) for one in read_rollouts(tmp_path / "a")
    ]


def test_a_line_reads_as_the_rollout_that_it_was(tmp_path: Path) -> None:
    tasks = make_toy_tasks(1, **SMALL)
    made = run_rollouts(tasks, RolloutConfig(model=following()), n=2, folder=tmp_path)
    assert sorted(read_rollouts(tmp_path / "rollouts.jsonl"), key=lambda one: one.n) == made
    assert Rollout.from_dict(json.loads(json.dumps(made[0].as_dict()))) == made[0]


def test_what_is_on_disk_is_not_run_again_and_errors_are(tmp_path: Path) -> None:
    tasks = make_toy_tasks(2, sessions=1, facts=1, people=1)
    failing = broken("memorize", GONE, times=1)  # goes by the name of the other, as a server would
    failing.model = "following"
    assert record_rollouts(tasks, RolloutConfig(model=failing), tmp_path, n=1, concurrency=1).failed == 1
    before = (tmp_path / "rollouts.jsonl").read_bytes()
    model = following()
    told: list[RolloutStats] = []
    assert (
        record_rollouts(tasks, RolloutConfig(model=model), tmp_path, n=1, concurrency=1, progress=told.append)
        == told[-1]
    )
    assert [(one.done, one.total, one.failed) for one in told] == [(1, 2, 0), (2, 2, 0)]
    assert (tmp_path / "rollouts.jsonl").read_bytes().startswith(before)
    assert len({str(messages) for step, messages in model.seen if step == "memorize"}) == 1
    assert [(one.task, one.error) for one in read_rollouts(tmp_path)] == [(tasks[1].name, ""), (tasks[0].name, "")]
    assert not (tmp_path / "work").exists()


def test_a_folder_takes_no_rollouts_that_are_made_otherwise_or_of_other_tasks(tmp_path: Path) -> None:
    tasks = make_toy_tasks(1, sessions=1, facts=1, people=1)
    record_rollouts(tasks, RolloutConfig(), tmp_path, n=1)
    with pytest.raises(BadInput, match="holds rollouts with depth=None, not 2; choose another folder"):
        record_rollouts(tasks, RolloutConfig(depth=2), tmp_path, n=1)
    with pytest.raises(BadInput, match="holds rollouts with another prompts; choose another folder"):
        record_rollouts(tasks, RolloutConfig(prompts={"plan": "Plan well."}), tmp_path, n=1)
    (other,) = make_toy_tasks(1, 1, sessions=1, facts=1, people=1)
    with pytest.raises(BadInput, match="of another task 'toy-0-0'"):
        record_rollouts([replace(other, name="toy-0-0")], RolloutConfig(), tmp_path, n=1)
    assert record_rollouts([*tasks, other], RolloutConfig(), tmp_path, n=2).done == 4


def test_the_seed_and_the_temperature_reach_the_model() -> None:
    (task,) = make_toy_tasks(1, sessions=1, facts=1, people=1)
    with ModelServer() as server:
        config = RolloutConfig(model="openai:stub", base_url=server.base_url, temperature=0.7, seed=40)
        run_rollout(task, 2, config)
        chats = [one["body"] for one in server.requests() if one["step"] != "embeddings"]
    assert {(body["temperature"], body["seed"]) for body in chats} == {(0.7, 42)}


# -- reading -------------------------------------------------------------------------------------------------


def test_from_items_alone_a_frozen_reader_answers_and_is_no_step() -> None:
    (task,) = make_toy_tasks(1, **SMALL)
    reader = ScriptedModel(lines=lambda messages: re.findall(r": (.*?)(?: \(\S+\))? \[1\]", messages[1].text)[0])
    made = run_rollout(
        task, 0, RolloutConfig(model=following(), reading="memory", reader=reader, metrics=("substring_match",))
    )
    assert {step.role for step in made.steps} == {"memorizer"}
    assert len(reader.seen) == len(task.questions)
    for one in made.answers:
        pieces = [line.rpartition(" [")[0] for line in one.context.splitlines()]
        assert set(pieces) <= {
            text for item in made.items for text in (item.content, f"{item.content} ({(item.time or '')[:10]})")
        }
        assert one.answer


def test_from_items_alone_the_answer_step_is_the_models_own() -> None:
    (task,) = make_toy_tasks(1, **SMALL)
    made = run_rollout(task, 0, RolloutConfig(model=following(), reading="memory"))
    assert [step.key for step in made.steps if step.role == "reader"] == [f"{one.id}|answer" for one in task.questions]
    assert [one.scores["f1"] for one in made.answers] == [1.0] * 4


def test_a_judge_who_gives_no_verdict_scores_nothing() -> None:
    (task,) = make_toy_tasks(1, sessions=1, facts=1, people=1)
    judge = ScriptedModel(lines=["Well.", "Well, well."])
    made = run_rollout(task, 0, RolloutConfig(judge=judge, metrics=("judge",)))
    assert made.answers[0].scores == {}
    assert made.answers[0].error.startswith("judge: ModelReplyError")
    assert made.rewards["r1"] is None


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"reading": "tea leaves"}, "reading 'tea leaves'"),
        ({"metrics": ("luck",)}, "metric 'luck'"),
        ({"metrics": ("judge",)}, "needs a judge"),
        ({"rewards": "gold"}, "rewards 'gold'"),
        ({"effort": "huge"}, "effort"),
        ({"page_tokens": 1}, "page_tokens"),
    ],
)
def test_what_cannot_be_made_is_said_before_anything_runs(given: Mapping[str, Any], told: str) -> None:
    with pytest.raises(BadInput, match=told):
        RolloutConfig(**given)


# -- coverage ------------------------------------------------------------------------------------------------

LIVES = Question("q", "Where does Ana live now?", ("Lisbon",), "city", ("I've moved to Lisbon.",))
RAN = Question(
    "r", "When did Ana run a marathon?", ("14 March 2024",), "event", ("On 14 March 2024 I ran a marathon.",)
)


@pytest.mark.parametrize(
    ("question", "items", "share"),
    [
        (LIVES, [], 0.0),
        (LIVES, [Item("1", "semantic", "Ana lives in Lisbon.")], 1.0),
        (LIVES, [Item("1", "core", "Bruno likes tea. Ana is from Porto, and has moved to Lisbon.")], 1.0),
        (LIVES, [Item("1", "semantic", "Bruno: I've moved to Lisbon.")], 1.0),  # the gold text, word for word
        (LIVES, [Item("1", "semantic", "Bruno went to Lisbon.")], 0.0),  # of somebody else
        (LIVES, [Item("1", "semantic", "Ana has moved."), Item("2", "semantic", "Lisbon")], 0.0),
        (LIVES, [Item("1", "semantic", "Ana reads the Lisboner.")], 0.0),
        (RAN, [Item("1", "episodic", "Ana ran a marathon.", "2024-03-14T00:00:00")], 1.0),
        (RAN, [Item("1", "episodic", "Ana ran a marathon.", "2024-03-15T00:00:00")], 0.0),
        (replace(LIVES, evidence=()), [Item("1", "semantic", "Ana lives in Lisbon.")], None),
        (replace(LIVES, category="adversarial"), [], None),
        (replace(LIVES, evidence=("One.", "Two."), answers=("both",)), [Item("1", "semantic", "She said: two")], 0.5),
        (
            replace(LIVES, answers=("Lisbon", "Porto"), metadata={"match": "all"}),
            [Item("1", "semantic", "Ana lives in Porto")],
            0.5,
        ),
    ],
)
def test_a_question_is_covered_by_an_item_that_holds_its_gold(
    question: Question, items: Sequence[Item], share: float | None
) -> None:
    assert item_coverage(question, items) == share


# -- the command ---------------------------------------------------------------------------------------------


def test_killed_in_mid_run_the_command_goes_on_with_what_is_not_on_disk(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "runs" / "rollouts.jsonl"
    asked = ["--tasks", "toy:2,sessions=1,facts=2,people=1", "-n", "3", "--out", "runs", "--concurrency", "2"]
    with ModelServer(latency_s=0.03) as server:
        asked += ["--model", "openai:stub", "--base-url", server.base_url]
        child = subprocess.Popen([*JITMEM, "learn", "rollout", *asked], cwd=tmp_path)
        until = time.monotonic() + 60
        while not (path.exists() and path.read_bytes().count(b"\n") >= 2) and time.monotonic() < until:
            time.sleep(0.01)
        child.send_signal(signal.SIGKILL)
        child.wait()
        kept = path.read_bytes()
        whole = kept[: kept.rindex(b"\n") + 1]
        known = [json.loads(line) for line in whole.splitlines()]
        assert 2 <= len(known) < 6
        path.write_bytes(whole + b'{"task": "toy-0-0", "n"')
        server.set(latency_s=0.0)
        before = len(server.requests())
        done = run(*asked, "--json")
        left = server.requests()[before:]
    assert done.exit_code == 0, done.output
    assert {**json.loads(done.stdout), "reward": 0} == {
        "rollouts": "runs/rollouts.jsonl",
        "tasks": 2,
        "runs": 6,
        "failed": 0,
        "reward": 0,
    }
    assert path.read_bytes().startswith(whole)
    made = list(read_rollouts(path))
    assert sorted((one.task, one.n) for one in made) == [(f"toy-0-{task}", n) for task in (0, 1) for n in range(3)]
    steps = sum(len(one.steps) for one in made[len(known) :])
    assert len([one for one in left if one["step"] != "embeddings"]) == steps
    assert not (tmp_path / "runs" / "work").exists()


def test_the_command_says_how_it_went_and_ends_accordingly(run: Run, tmp_path: Path) -> None:
    done = run("--tasks", "toy:1,sessions=1,facts=2,people=1", "-n", "2")
    assert done.exit_code == 0, done.output
    assert re.fullmatch(r"2 runs of 1 task, mean reward \d\.\d{3}\.\nRollouts: rollouts/rollouts.jsonl\n", done.stdout)
    bad = run("--tasks", "nothing.jsonl")
    assert bad.exit_code == 2
    assert "nothing.jsonl: there is no such file" in bad.stderr
    with ModelServer() as server:
        server.fail("unauthorized", times=None)
        failed = run(
            "--tasks",
            "toy:1,sessions=1,facts=1",
            "-n",
            "1",
            "--out",
            "b",
            "--model",
            "openai:x",
            "--base-url",
            server.base_url,
        )
    assert failed.exit_code == 1, failed.output
    assert "1 run ended in an error; the same command runs them again." in failed.stdout
