"""Weights that are trained for real: TRL's trainers on a model of a few thousand weights, made from nothing."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl", reason="the train extra is not installed: pip install 'jitmem[train]'")

import torch
from typer.testing import CliRunner

from jitmem.cli.app import app
from jitmem.learn.exports import sft_rows
from jitmem.learn.rollouts import run_rollout
from jitmem.learn.rollouts.rollout_config import RolloutConfig
from jitmem.learn.tasks import load_tasks
from jitmem.learn.training.callbacks import TrainingCollapsed
from jitmem.learn.training.grpo import METRICS, TrainingOptions, make_trainer, train
from jitmem.learn.training.imitation import ImitationOptions, imitate
from jitmem.learn.training.policy import Policy
from jitmem.learn.training.teacher import correct_calls, teacher_model
from jitmem.learn.training.turn_pool import Curriculum, TurnPool

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
import tiny_model

WORDS = {"curate": "Keep what is worth keeping."}
CONFIG = RolloutConfig(prompts=WORDS, metrics=("substring_match",))
TASKS = load_tasks("toy:2,sessions=2,facts=4")


KINDS = ("right", "timeless", "unknown", "torn", "silent")


def speak(model: Any, tokens: Any, kinds: Sequence[str] = KINDS) -> None:
    """Have a model say by turns what is written here; its weights are real, and learn from it."""
    turn = cycle(kinds)

    def generate(input_ids: torch.Tensor, attention_mask: torch.Tensor, **kwargs: Any) -> torch.Tensor:
        asked = [tokens.decode(ids[mask == 1]) for ids, mask in zip(input_ids, attention_mask, strict=True)]
        said = [tokens(_reply(one, turn) + "<|im_end|>")["input_ids"] for one in asked]
        width = max(map(len, said))
        padded = [one + [tokens.pad_token_id] * (width - len(one)) for one in said]
        return torch.cat([input_ids, torch.tensor(padded)], dim=1)

    model.generate = generate


def _reply(asked: str, turn: Iterator[str]) -> str:
    if "<tool_response>" in asked:
        return "Done."
    calls = correct_calls(asked.removesuffix("<|im_end|>\n<|im_start|>assistant\n"))
    match next(turn):
        case "timeless":
            calls = [{**call, "args": {"kind": "episodic", "content": call["args"]["content"]}} for call in calls]
        case "unknown":
            calls = [{"name": "memory_delete", "args": {"kind": "semantic", "id": "0m7ywezymt4g"}}]
        case "torn":
            return '<tool_call>\n{"name": "memory_ins'
        case "silent":
            return ""
    lines = [json.dumps({"name": call["name"], "arguments": call["args"]}) for call in calls]
    return "".join(f"<tool_call>\n{line}\n</tool_call>" for line in lines)


@pytest.fixture(scope="module")
def tokens() -> Any:
    made = [run_rollout(task, 0, replace(CONFIG, step_models={"curate": teacher_model()})) for task in TASKS]
    texts = [str(message["content"]) for one in made for step in one.steps for message in step.messages]
    return tiny_model.train_tokenizer(
        [*texts, json.dumps([dict(step.reply or {}) for one in made for step in one.steps])], words=600
    )


@pytest.fixture
def model(tokens: Any) -> Any:
    torch.set_num_threads(1)
    return tiny_model.tiny_model(tokens, width=32, layers=2, heads=2)


def test_a_step_of_grpo_changes_every_weight_and_trains_on_no_word_of_a_tool(
    model: Any, tokens: Any, tmp_path: Path
) -> None:
    speak(model, tokens)
    training = TrainingOptions(
        steps=2, group=5, groups=1, learning_rate=1e-3, beta=0.0, tool_turns=1, refresh=0, places=2, save_steps=1000
    )
    pool = TurnPool(Curriculum(TASKS), CONFIG, size=2)
    trainer = make_trainer(model, tokens, pool, training, CONFIG, tmp_path)
    pool.fill(Policy(model=model, tokenizer=tokens), 0.0)
    seen = []
    scoring = trainer._generate_and_score_completions
    trainer._generate_and_score_completions = lambda inputs: seen.append(scoring(inputs)) or seen[-1]
    before = {name: one.detach().clone() for name, one in model.named_parameters()}
    trainer.train()

    unchanged = [name for name, one in model.named_parameters() if torch.equal(before[name], one)]
    assert unchanged == []
    whole = trained = ""
    for batch in seen:
        for ids, mask, words in zip(batch["completion_ids"], batch["tool_mask"], batch["completion_mask"], strict=True):
            whole += tokens.decode(ids[words == 1])
            trained += tokens.decode(ids[(words == 1) & (mask == 1)])
    assert "<tool_response>" in whole
    assert "applied: " in whole
    assert "<tool_response>" not in trained
    assert "applied: " not in trained
    assert trained.count("<tool_call>") == whole.count("<tool_call>") > 0


def test_training_writes_a_line_a_step_and_a_model_that_the_graphs_run_with(
    model: Any, tokens: Any, tmp_path: Path
) -> None:
    speak(model, tokens)
    told: list[Any] = []
    training = TrainingOptions(steps=3, group=5, groups=1, learning_rate=1e-3, refresh=2, places=2, save_steps=1000)
    out = train(
        model, TASKS, tmp_path / "out", training=training, config=CONFIG, tokenizer=tokens, progress=told.append
    )
    lines = [json.loads(line) for line in (out / METRICS).read_text().splitlines()]
    assert [line["step"] for line in lines] == [one.step for one in told] == [1, 2, 3]
    assert all({"r1", "r2", "r3", "r4", "total"} <= line["rewards"].keys() for line in lines)
    policy = Policy.load(out, max_tokens=24, seed=1)
    first, again = (run_rollout(TASKS[0], 0, replace(CONFIG, step_models={"curate": policy})) for _ in range(2))
    assert first.error == ""
    assert [step.reply["content"] for step in first.steps if step.reply and step.attempt == 0] == [
        step.reply["content"] for step in again.steps if step.reply and step.attempt == 0
    ]


def test_a_training_in_which_all_rewards_are_equal_is_stopped(model: Any, tokens: Any, tmp_path: Path) -> None:
    speak(model, tokens, ["silent"])
    training = TrainingOptions(steps=50, group=2, groups=1, refresh=0, places=2, patience=3, save_steps=1000)
    with pytest.raises(TrainingCollapsed, match=r"for 3 steps all rewards of each group have been equal"):
        train(model, TASKS, tmp_path / "out", training=training, config=CONFIG, tokenizer=tokens)
    assert len((tmp_path / "out" / METRICS).read_text().splitlines()) == 3


def test_a_model_learns_the_rows_of_an_export_and_nothing_that_it_was_asked(tokens: Any, tmp_path: Path) -> None:
    rows = list(sft_rows([run_rollout(TASKS[0], 0, replace(CONFIG, step_models={"curate": teacher_model()}))]))
    losses: list[float] = []
    model = tiny_model.tiny_model(tokens, width=64, layers=2, heads=2)
    set_ = ImitationOptions(steps=60, batch=2, learning_rate=5e-3)
    out = imitate(
        model, rows, tmp_path / "out", options=set_, tokenizer=tokens, progress=lambda *one: losses.append(one[2])
    )
    assert len(losses) == 60
    assert losses[-1] < 0.1 * losses[0]
    policy = Policy.load(out, temperature=0, max_tokens=300)
    row = rows[0]
    said = policy.bind_tools(row["tools"]).invoke([(m["role"], m["content"]) for m in row["messages"][:-1]])
    want = [call["function"] for call in row["messages"][-1]["tool_calls"]]
    assert [(call["name"], call["args"]) for call in said.tool_calls] == [
        (one["name"], one["arguments"]) for one in want
    ]


def test_the_configuration_for_many_machines_is_one_that_accelerate_reads(tmp_path: Path) -> None:
    from accelerate.commands.config.config_args import load_config_from_file
    from trl import GRPOConfig

    page = (Path(__file__).parents[1] / "docs" / "training.md").read_text(encoding="utf-8")
    path = tmp_path / "accelerate.yaml"
    path.write_text(page.partition("```yaml\n")[2].partition("```")[0], encoding="utf-8")
    made = load_config_from_file(str(path))
    assert (made.distributed_type.value, made.num_machines, made.num_processes) == ("DEEPSPEED", 2, 16)
    assert made.deepspeed_config["zero_stage"] == 2
    named = {"use_vllm": True, "vllm_mode": "server", "vllm_server_base_url": "http://10.0.0.3:8000"}
    assert named.items() <= vars(GRPOConfig(output_dir=str(tmp_path), use_cpu=True, bf16=False, **named)).items()


_ONE_OF_TWO = """
import sys
sys.path.insert(0, {tests!r})
import torch
from test_learn_grpo import CONFIG, TASKS, speak
from jitmem.learn.training.grpo import TrainingOptions, train
from jitmem.learn.training.packages import trl

torch.set_num_threads(1)
transformers = trl().transformers
tokens = transformers.AutoTokenizer.from_pretrained("start")
model = transformers.AutoModelForCausalLM.from_pretrained("start")
speak(model, tokens)
set_ = TrainingOptions(steps=3, group=4, groups=2, learning_rate=1e-3, beta=0.0, refresh=2, places=4, save_steps=1000)
train(model, TASKS, "out", training=set_, config=CONFIG, tokenizer=tokens)
print("weights", sum(float(one.detach().double().abs().sum()) for one in model.parameters()), flush=True)
"""


def test_two_processes_train_on_the_same_turns_and_end_with_the_same_weights(
    model: Any, tokens: Any, tmp_path: Path
) -> None:
    model.save_pretrained(tmp_path / "start")
    tokens.save_pretrained(tmp_path / "start")
    (tmp_path / "one.py").write_text(_ONE_OF_TWO.format(tests=str(Path(__file__).parent)), encoding="utf-8")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", "one.py"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert ran.returncode == 0, ran.stderr
    weights = re.findall(r"weights (\S+)", ran.stdout)
    assert len(weights) == 2
    assert weights[0] == weights[1]
    lines = (tmp_path / "out" / METRICS).read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2, 3]


def test_jitmem_learn_grpo_ends_with_1_when_it_collapses_and_evaluate_measures_a_folder(
    model: Any, tokens: Any, tmp_path: Path
) -> None:
    """Random weights write no call that could be read: every reply earns the same."""
    model.save_pretrained(tmp_path / "start")
    tokens.save_pretrained(tmp_path / "start")
    common = ["--model", str(tmp_path / "start"), "--tasks", "toy:1,sessions=1,facts=2"]
    grpo = [
        *common,
        "--out",
        str(tmp_path / "out"),
        "--group=2",
        "--set=groups=1",
        "--set=refresh=2",
        "--set=max_completion=16",
    ]
    done = CliRunner().invoke(app, ["learn", "grpo", *grpo, "--set=patience=2", "--json"])
    assert done.exit_code == 1, done.output
    assert json.loads(done.stdout)["collapsed"].startswith("Training was stopped: for 2 steps")
    assert len((tmp_path / "out" / METRICS).read_text().splitlines()) == 2
    done = CliRunner().invoke(app, ["learn", "evaluate", *common, "--out", str(tmp_path / "bench"), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["questions"] == 2 * 2
