"""What a training stands on, and what needs none of its packages: the environment, turns, curriculum, collapse, exports."""

from __future__ import annotations

import json
import sys
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from jitmem import Memory
from jitmem.cli.app import app
from jitmem.evals.datasets.benchmark_records import Question, Sample
from jitmem.learn.exports import export_rows, kto_rows, sft_rows, verl_rows
from jitmem.learn.rollout_records import Item, MemoryToolCall, Rollout, SessionText
from jitmem.learn.rollouts import read_rollouts, run_rollout, run_rollouts
from jitmem.learn.rollouts.question_scores import answer_from_items
from jitmem.learn.rollouts.rollout_config import RolloutConfig
from jitmem.learn.synthetic_tasks import make_toy_tasks
from jitmem.learn.tasks import load_tasks
from jitmem.learn.training.callbacks import CollapseWatch, TrainingCollapsed
from jitmem.learn.training.environment import MemoryEnvironment
from jitmem.learn.training.long_tasks import evaluate_long_tasks
from jitmem.learn.training.teacher import correct_calls, teacher_model
from jitmem.learn.training.turn_pool import Curriculum, TurnPool, rollout_turns
from jitmem.learn.training.turn_starts import TurnStart, apply_calls, restore_items, turn_starts
from jitmem.nodes.curate_prompt import describe_item
from jitmem.stores.errors import BadInput, MissingPackage
from jitmem.stores.records import Session
from jitmem.tools.memory_specs import TOOL_NAMES, memory_specs

WORDS = {"curate": "Keep what is worth keeping."}
CONFIG = RolloutConfig(prompts=WORDS, metrics=("substring_match",), reading="memory")
TAUGHT = replace(CONFIG, step_models={"curate": teacher_model()})
TASK = make_toy_tasks(1, seed=5, sessions=3, facts=6)[0]


@pytest.fixture(scope="module")
def run() -> Rollout:
    return run_rollout(TASK, 0, TAUGHT)


@pytest.fixture(scope="module")
def turns(run: Rollout) -> tuple[TurnStart, ...]:
    return turn_starts(run, TASK)


@pytest.fixture
def environment() -> MemoryEnvironment:
    return MemoryEnvironment(partial(answer_from_items, config=CONFIG))


# -- turns ------------------------------------------------------------------------------------------------------


def test_the_turns_of_a_run_are_its_prompts_with_the_memory_before_each(
    run: Rollout, turns: tuple[TurnStart, ...]
) -> None:
    asked = [step for step in run.steps if step.name == "curate"]
    assert [(one.system, one.request) for one in turns] == [
        tuple(message["content"] for message in step.messages) for step in asked
    ]
    assert [len(one.items) for one in turns] == [0, 2, 4]
    assert [one.sources[-1].id for one in turns] == ["session-1", "session-2", "session-3"]
    assert all(f"[{item.id}] {item.kind}" in one.request for one in turns for item in one.items)


def test_a_question_is_asked_from_the_turn_on_in_which_its_evidence_stands(turns: tuple[TurnStart, ...]) -> None:
    first = {question.id: at for at, turn in reversed(list(enumerate(turns))) for question in turn.questions}
    assert first == {one.id: int(one.metadata["session"][-1]) - 1 for one in TASK.questions}


def test_a_turn_goes_through_json_and_back(turns: tuple[TurnStart, ...]) -> None:
    assert [TurnStart.from_json(one.to_json()) for one in turns] == list(turns)


def test_items_are_restored_under_their_own_ids(turns: tuple[TurnStart, ...], folder: Path) -> None:
    with Memory.open(folder) as memory:
        restore_items(memory, turns[-1].items)
        shown = {text.removeprefix("- ") for text in turns[-1].request.splitlines() if text.startswith("- [")}
        assert {describe_item(item) for item in memory.items.list()} == shown


def test_a_memory_after_calls_is_what_a_memory_after_the_same_calls_holds(folder: Path) -> None:
    def lines() -> Any:
        yield from (
            ("memory_insert", {"kind": "core", "content": "Ana, a nurse."}),
            ("memory_insert", {"kind": "semantic", "content": " Ana lives in Oslo. "}),
            ("memory_insert", {"kind": "semantic", "content": "Ana lives in Oslo."}),
            ("memory_insert", {"kind": "episodic", "content": "Ana moved.", "time": "8 May 2024"}),
            ("memory_update", {"kind": "core", "content": "Ana, a doctor."}),
            ("memory_update", {"kind": "semantic", "id": "nobody", "content": "?"}),
        )

    with Memory.open(folder) as memory:
        editor = memory._runtime.editor
        calls = [_made(name, args, editor.call(name, args)) for name, args in lines()]
        moved = calls[3].item_id
        for name, args in (
            ("memory_update", {"kind": "episodic", "id": moved, "time": "9 May 2024"}),
            ("memory_delete", {"kind": "semantic", "id": calls[1].item_id}),
        ):
            calls.append(_made(name, args, editor.call(name, args)))
        held = {(item.id, item.kind, item.content, item.time and item.time.isoformat()) for item in memory.items.list()}
    assert {(item.id, item.kind, item.content, item.time) for item in apply_calls((), calls)} == held
    assert {content for _, _, content, _ in held} == {"Ana, a doctor.", "Ana moved."}


def _made(name: str, args: Any, outcome: Any) -> MemoryToolCall:
    return MemoryToolCall(name, args, outcome.status, item_id=outcome.item.id if outcome.item else None)


def test_a_run_whose_items_somebody_else_changed_makes_no_turns(run: Rollout) -> None:
    changed = replace(run, items=(*run.items, Item("0123456789ab", "semantic", "By hand.")))
    with pytest.raises(BadInput, match="memories that the Memorizer alone has edited"):
        turn_starts(changed, TASK)


# -- the environment --------------------------------------------------------------------------------------------


def test_the_tools_of_the_environment_are_those_of_the_editor() -> None:
    public = {name for name in dir(MemoryEnvironment) if not name.startswith("_")}
    assert public == {"reset", "turn", *TOOL_NAMES}


def test_the_right_calls_of_a_page_earn_more_than_none_and_than_wrong_ones(
    environment: MemoryEnvironment, turns: tuple[TurnStart, ...]
) -> None:
    totals = []
    for spoiled in ("none", "timeless", "right"):
        assert environment.reset(**turns[1].row()) == turns[1].request
        for call in correct_calls(turns[1].request) if spoiled != "none" else ():
            args = call["args"] if spoiled == "right" else {"kind": "episodic", "content": call["args"]["content"]}
            told = getattr(environment, call["name"])(**args)
            assert told.startswith("applied: " if spoiled == "right" else "rejected: An episodic memory needs the time")
        totals.append(environment.turn.rewards()["total"])
    assert totals[0] == totals[1] < totals[2]
    assert environment.turn.rewards()["r2"] == environment.turn.rewards()["r1"] == 1.0


def test_a_fresh_turn_knows_nothing_of_the_one_before(
    environment: MemoryEnvironment, turns: tuple[TurnStart, ...]
) -> None:
    environment.reset(**turns[0].row())
    environment.memory_insert(kind="semantic", content="Of another turn.")
    environment.reset(**turns[2].row())
    assert environment.turn.rollout().items == turns[2].items
    assert environment.turn.calls == []


def test_a_turn_that_is_taken_again_has_its_items_under_their_own_ids(
    environment: MemoryEnvironment, turns: tuple[TurnStart, ...]
) -> None:
    turn = turns[2]
    assert turn.items
    for _ in range(2):
        environment.reset(**turn.row())
        assert environment.turn.rollout().items == turn.items
        assert environment.memory_delete(kind=turn.items[0].kind, id=turn.items[0].id).startswith("applied: ")


def test_what_does_not_fit_comes_back_as_words_and_counts(
    environment: MemoryEnvironment, turns: tuple[TurnStart, ...]
) -> None:
    environment.reset(**turns[0].row())
    assert "has no argument 'mood'" in environment.memory_insert(kind="semantic", content="x", mood="glad")
    assert "No item 'nobody' is here" in environment.memory_delete(kind="semantic", id="nobody")
    assert [call.status for call in environment.turn.calls] == ["rejected", "unknown_id"]
    assert environment.turn.rewards()["r2"] == 0.0


def test_calls_that_the_trainer_did_not_make_are_made_in_the_end_and_no_call_twice(
    environment: MemoryEnvironment, turns: tuple[TurnStart, ...]
) -> None:
    environment.reset(**turns[0].row())
    environment.memory_insert(kind="semantic", content="One.")
    environment.turn.finish(
        [
            _assistant(_call("memory_insert", {"kind": "semantic", "content": "One."}), _call("memory_forget", {})),
            {"role": "tool", "name": "memory_insert", "content": "applied"},
            {"role": "tool", "name": "memory_forget", "content": "no such tool"},
            _assistant(
                _call("memory_insert", {"kind": "semantic", "content": "Two."}), _call("memory_insert", "Three")
            ),
            {"role": "assistant", "content": '<tool_call>\n{"name": "memory_ins'},
        ]
    )
    statuses = [(call.name, call.status) for call in environment.turn.calls]
    assert statuses == [
        ("memory_insert", "applied"),
        ("memory_forget", "rejected"),
        ("memory_insert", "applied"),
        ("memory_insert", "rejected"),
        ("", "rejected"),
    ]
    assert {item.content for item in environment.turn.rollout().items} == {"One.", "Two."}


def _call(name: str, arguments: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "arguments": arguments}}


def _assistant(*calls: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": "", "tool_calls": list(calls)}


def test_an_environment_that_was_not_reset_says_so() -> None:
    with pytest.raises(BadInput, match="was not reset yet"):
        MemoryEnvironment().memory_delete(kind="core")


# -- what is drawn when -----------------------------------------------------------------------------------------


def _long(name: str, tokens: int) -> Sample:
    question = Question(f"{name}/0", "?", ("x",), "", ())
    return Sample(name, (Session(text="x" * 4 * tokens, id="s"),), (question,))


def test_a_curriculum_opens_longer_tasks_as_it_goes_and_never_those_that_are_too_long() -> None:
    tasks = tuple(_long(f"t{tokens}", tokens) for tokens in (800, 100, 400, 30_000, 30_001, 200))
    made = Curriculum(tasks, begin=0.2, whole=0.5)
    opened = [[one.name for one in made.open_at(progress)] for progress in (0.0, 0.25, 0.5, 1.0)]
    assert opened == [
        ["t100"],
        ["t100", "t200", "t400"],
        ["t100", "t200", "t400", "t800", "t30000"],
        ["t100", "t200", "t400", "t800", "t30000"],
    ]
    assert made.left_out == 1


def test_the_same_seed_draws_the_same_tasks_and_another_draws_others() -> None:
    tasks = tuple(_long(f"t{at}", 10) for at in range(20))
    first, again, other = (Curriculum(tasks, begin=1.0, seed=seed).draw(0.3, 8) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert len({one.name for one in first}) == 8


def test_tasks_that_are_all_too_long_are_turned_down() -> None:
    with pytest.raises(BadInput, match="the shortest of 1 has 50 tokens, and 10 are allowed"):
        Curriculum((_long("t", 50),), longest=10)


def test_a_pool_holds_turns_of_the_policy_as_it_is() -> None:
    pool = TurnPool(Curriculum(make_toy_tasks(3, seed=1, sessions=2, facts=4), begin=1.0), CONFIG, size=5)
    pool.fill(teacher_model(), 0.0)
    first = pool.turns
    assert len(first) == 5
    assert any(one.items for one in first)
    pool.fill(_Silent(), 0.5)
    assert not any(one.items for one in pool.turns)
    rows = pool.rows({"place": [0, 4]})
    assert [TurnStart.from_json(one) for one in rows["turn"]] == [pool.turns[0], pool.turns[4]]
    assert rows["prompt"][0] == [
        {"role": "system", "content": pool.turns[0].system},
        {"role": "user", "content": ""},
    ]


def _Silent() -> Any:  # noqa: N802
    from langchain_core.messages import AIMessage

    from jitmem.testing import ScriptedModel

    return ScriptedModel(lines=lambda messages: AIMessage("Nothing."))


def test_a_session_of_several_pages_is_as_many_turns() -> None:
    task = make_toy_tasks(1, seed=3, sessions=1, facts=6, tokens=600)[0]
    made = rollout_turns(task, replace(TAUGHT, page_tokens=200))
    assert len(made) > 2
    assert {one.sources[-1].id for one in made} == {"session-1"}
    assert [len(one.items) for one in made] == sorted(len(one.items) for one in made)
    assert len(made[-1].items) > 0


# -- collapse ---------------------------------------------------------------------------------------------------


def test_equal_rewards_in_every_group_end_a_training_once_they_last() -> None:
    watch = CollapseWatch(patience=3)
    for equal in (1.0, 1.0, 0.5, 1.0, 1.0):
        watch.observe(equal, 0.25)
    with pytest.raises(
        TrainingCollapsed, match=r"for 3 steps all rewards of each group have been equal \(the last: 0\.25"
    ):
        watch.observe(1.0, 0.25)


def test_steps_without_any_reward_end_it_too_and_patience_of_0_never_does() -> None:
    watch = CollapseWatch(patience=2)
    watch.observe(0.0, None)
    with pytest.raises(TrainingCollapsed, match="none had any reward at all"):
        watch.observe(0.0, float("nan"))
    for _ in range(50):
        CollapseWatch(patience=0).observe(1.0, 0.0)


# -- exports ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def runs() -> list[Rollout]:
    """Of each of two tasks one run that keeps what is right, and one that says nothing."""
    tasks = make_toy_tasks(2, seed=7, sessions=2, facts=4)
    right = run_rollouts(tasks, TAUGHT, n=1)
    silent = [replace(one, n=1) for one in run_rollouts(tasks, replace(CONFIG, step_models={"curate": _Silent()}), n=1)]
    return [run for pair in zip(right, silent, strict=True) for run in pair]


def test_rows_for_sft_are_the_replies_of_the_best_runs_with_arguments_as_objects(runs: list[Rollout]) -> None:
    rows = list(sft_rows(runs))
    assert len(rows) == 4
    for row, step in zip(rows, [step for run in runs[::2] for step in run.steps], strict=True):
        assert row["messages"][:2] == [dict(message) for message in step.messages]
        assert row["messages"][2]["role"] == "assistant"
        assert [call["function"] for call in row["messages"][2]["tool_calls"]] == [
            {"name": call.name, "arguments": call.args} for call in step.calls or ()
        ]
        assert row["tools"] == [spec.as_openai() for spec in memory_specs()]
    assert len(list(sft_rows(runs, best=2))) == 8
    assert list(sft_rows(runs, least=100.0)) == []
    failed = [replace(one, error="ModelUnavailable: gone") for one in runs]
    assert list(sft_rows(failed)) == []


def test_rows_for_kto_are_labelled_by_the_sign_of_the_advantage_or_by_a_least_reward(runs: list[Rollout]) -> None:
    assert [row["label"] for row in kto_rows(runs)] == [True, True, False, False] * 2
    assert [row["label"] for row in kto_rows(runs, least=100.0)] == [False] * 8
    row = next(kto_rows(runs))
    assert [message["role"] for message in row["prompt"]] == ["system", "user"]
    assert [message["role"] for message in row["completion"]] == ["assistant"]
    alike = [replace(one, rewards={"total": 1.0}) for one in runs]
    assert list(kto_rows(alike)) == []


def test_rows_for_verl_have_each_prompt_once_with_the_best_reply_that_is_known(runs: list[Rollout]) -> None:
    twice = [runs[1], runs[0], replace(runs[0], n=2, rewards={"total": 0.0})]
    rows = list(verl_rows(twice))
    prompts = [json.dumps(row["prompt"]) for row in rows]
    assert len(prompts) == len(set(prompts))
    assert [row["extra_info"]["index"] for row in rows] == list(range(len(rows)))
    assert rows[0].keys() == {"data_source", "prompt", "ability", "reward_model", "extra_info"}
    gold = json.loads(rows[0]["reward_model"]["ground_truth"])
    assert [one["answers"] for one in gold] == [list(one.gold) for one in runs[0].answers]
    best = {row["extra_info"]["reward"] for row in rows if json.loads(row["extra_info"]["reply"]).get("tool_calls")}
    assert best == {runs[0].rewards["total"]}


def test_an_export_writes_lines_and_goes_over_no_file(runs: list[Rollout], tmp_path: Path) -> None:
    path = tmp_path / "sft.jsonl"
    assert export_rows(runs, path, "sft", steps=["curate"]) == 4
    assert [json.loads(line) for line in path.read_text().splitlines()] == list(sft_rows(runs))
    with pytest.raises(BadInput, match="is there already"):
        export_rows(runs, path, "sft")
    with pytest.raises(BadInput, match="Nothing to export: 4 rollouts hold no reply that fits"):
        export_rows(runs, tmp_path / "none.jsonl", "sft", roles=["researcher"])
    assert not (tmp_path / "none.jsonl").exists()
    for wrong in ({"steps": ["think"]}, {"roles": ["boss"]}):
        with pytest.raises(BadInput, match="There is no "):
            export_rows(runs, tmp_path / "none.jsonl", "sft", **wrong)


def test_jitmem_learn_export_tells_how_many_rows_and_what_an_option_is_for(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    run_rollouts(make_toy_tasks(1, seed=7, sessions=2, facts=4), TAUGHT, n=2, folder=runs)
    out = tmp_path / "rows.jsonl"
    done = CliRunner().invoke(app, ["learn", "export", str(runs), "--format", "sft", "--out", str(out), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"rows": 2, "file": str(out), "format": "sft"}
    wrong = CliRunner().invoke(
        app, ["learn", "export", str(runs), "--format", "kto", "--best", "2", "--out", "x.jsonl"]
    )
    assert wrong.exit_code == 2
    assert len(list(read_rollouts(runs))) == 2


# -- the packages -----------------------------------------------------------------------------------------------


def test_without_the_packages_a_training_names_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from jitmem.learn.training.grpo import train
    from jitmem.learn.training.packages import trl

    monkeypatch.setitem(sys.modules, "torch", None)
    trl.cache_clear()
    with pytest.raises(MissingPackage, match=r"pip install 'jitmem\[train\]'"):
        train("nowhere", load_tasks("toy:1"), tmp_path / "out")
    trl.cache_clear()


def test_nothing_of_a_training_is_imported_before_it_is_asked_for() -> None:
    import subprocess

    said = "import sys, jitmem.learn.training.grpo, jitmem.learn.exports; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True).stdout == "False\n"


# -- further ----------------------------------------------------------------------------------------------------


def test_tasks_that_are_13_times_as_long_are_measured_by_the_items_that_were_written(tmp_path: Path) -> None:
    short, long = (make_toy_tasks(1, seed=4, sessions=3, facts=6, tokens=tokens) for tokens in (900, 11_700))
    made = evaluate_long_tasks(long, teacher_model(), tmp_path / "bench", prompts=WORDS)
    brief = evaluate_long_tasks(short, teacher_model(), tmp_path / "brief", prompts=WORDS)
    assert 12 < made["tokens"] / brief["tokens"] < 14
    kept, empty = made["setups"].values()
    assert kept["scores"]["evidence_recall"]["all"]["mean"] == 1.0
    assert empty["scores"]["evidence_recall"]["all"]["mean"] == 0.0
    assert (tmp_path / "bench" / "report.md").exists()


def test_sources_of_a_turn_are_those_that_were_read_so_far(turns: tuple[TurnStart, ...]) -> None:
    assert [len(one.sources) for one in turns] == [1, 2, 3]
    assert all(isinstance(source, SessionText) for one in turns for source in one.sources)


def test_turns_that_a_reader_elsewhere_answers_are_read_side_by_side(turns: tuple[TurnStart, ...]) -> None:
    """Four readings meet at a barrier, which one after the other they never would."""
    from jitmem.learn.rewards import DEFAULT
    from jitmem.learn.training.grpo import turn_reward

    barrier = threading.Barrier(4)

    def reading(*given: Any) -> Any:
        barrier.wait(timeout=30)
        return answer_from_items(*given, config=CONFIG)

    environments = [MemoryEnvironment(reading) for _ in range(4)]
    for one in environments:
        one.reset(**turns[0].row())
    right = [_assistant(*(_call(one["name"], one["args"]) for one in correct_calls(turns[0].request)))]
    logged: list[str] = []
    made = turn_reward(DEFAULT, 10, at_once=4)(
        environments=environments,
        completions=[right, [_assistant()], right, [_assistant()]],
        log_metric=lambda name, value: logged.append(name),
    )
    assert made[0] == made[2] > made[1] == made[3]
    assert logged.count("r1") == 4
