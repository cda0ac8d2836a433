"""Train a tiny model from nothing on a processor: it learns to quote, imitates careless replies, then earns rewards.

`make train-small` runs it; the curves and the table go into docs/training.md.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from statistics import mean
from typing import Any

import tiny_model

from jitmem.learn.exports import sft_rows
from jitmem.learn.rollout_records import Rollout
from jitmem.learn.rollouts import run_rollouts
from jitmem.learn.rollouts.rollout_config import RolloutConfig
from jitmem.learn.synthetic_tasks import make_toy_tasks
from jitmem.learn.training.grpo import METRICS, TrainingOptions, train
from jitmem.learn.training.imitation import ImitationOptions, imitate
from jitmem.learn.training.packages import trl
from jitmem.learn.training.policy import Policy
from jitmem.learn.training.teacher import as_message, correct_calls_for_page, teacher_model
from jitmem.learn.training.turn_starts import CURATE

OUT = Path("train-small")
SEEDS = (0, 1, 2)
SIZES: Mapping[str, int] = {"sessions": 2, "facts": 4, "people": 1}
CONFIG = RolloutConfig(prompts={CURATE: "Keep what is worth keeping."}, reading="memory", metrics=("substring_match",))
SLIPS = 0.5  # of the keeper who is imitated: how often a date is left out, or a fact taken for an event
QUOTING = ImitationOptions(steps=600, batch=32, learning_rate=2e-3)
IMITATING = ImitationOptions(steps=120, batch=16, learning_rate=1e-3)
TRAINING = TrainingOptions(
    steps=100,
    groups=3,
    per_device=24,
    learning_rate=3e-4,
    beta=0.0,
    max_completion=160,
    refresh=40,
    places=60,
    begin=1.0,
    save_steps=1000,
)
PICTURE, PAGE = Path("pictures") / "training.png", "training.md"
_BEGIN, _END = "<!-- train-small -->", "<!-- end of train-small -->"
RISE = 0.2
_CURVES = {"r1": "r1: right answers", "r2": "r2: sound calls"}
_OVER = 10  # steps that a point of a curve is the mean of

_KEPT = ("r1", "r2", "r3", "r4", "coverage", "total")
_PHRASES = (
    "<|im_start|>system\n",
    "<|im_start|>user\n",
    "<|im_start|>assistant\n",
    "Page:\n",
    "\n\nThe core paragraph, which is read before every answer:\nThere is none yet.",
    "\n\nItems that are remembered already, each after its id:\n",
    "There are none yet.",
    "<history-",
    "\n</history-",
    '\n{"name": "memory_insert", "arguments": {"kind": "',
    '", "content": "',
    '", "time": "',
    '"}}\n',
    "semantic",
    "episodic",
)


def run_seed(seed: int, out: Path) -> dict[str, Any]:
    """Imitation and then rewards, from one random beginning; measured on tasks that neither has seen."""
    trl().torch.set_num_threads(1)
    began = time.process_time()
    rows = imitation_rows(out)
    tokens = tiny_model.train_tokenizer(_row_texts(rows), [rows[0]["messages"][0]["content"], *_PHRASES], words=1600)
    weights = tiny_model.tiny_model(tokens, seed, layers=2)
    size = sum(one.numel() for one in weights.parameters())
    place = out / f"seed-{seed}"
    for what, given, how in (("quoted", quoting_rows(seed), QUOTING), ("imitated", rows, IMITATING)):
        _print_line(seed, f"{what}: {size:,} weights, {len(given)} replies, {how.steps} steps of {how.batch}")
        tell = partial(_print_loss, seed, what)
        imitate(weights, given, place / what, options=replace(how, seed=seed), tokenizer=tokens, progress=tell)
    before = measure_model(place / "imitated", seed)
    _print_line(seed, f"on held-out tasks after imitation: {_format_rewards(before)}")
    trained = place / "trained"
    (trained / METRICS).unlink(missing_ok=True)
    train(
        place / "imitated",
        make_toy_tasks(400, seed=2, **SIZES),
        trained,
        training=replace(TRAINING, seed=seed),
        config=CONFIG,
        progress=lambda step: _print_line(
            seed, f"grpo {step.step}/{step.steps}  {_format_rewards(step.rewards)}", step.step % 10 == 0
        ),
    )
    after = measure_model(trained, seed)
    _print_line(seed, f"on held-out tasks after GRPO: {_format_rewards(after)}")
    steps = [json.loads(line)["rewards"] for line in (trained / METRICS).read_text().splitlines()]
    spent = round(time.process_time() - began)
    return {"seed": seed, "weights": size, "before": before, "after": after, "steps": steps, "cpu_seconds": spent}


def imitation_rows(out: Path) -> list[dict[str, Any]]:
    """What a careless keeper makes of 800 pages, as rows; made once for all seeds."""
    path = out / "rows.jsonl"
    if not path.exists():
        by = replace(CONFIG, step_models={CURATE: teacher_model(SLIPS)})
        rows = list(sft_rows(run_rollouts(make_toy_tasks(400, seed=1, **SIZES), by, n=1, concurrency=1)))
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def quoting_rows(seed: int) -> list[dict[str, Any]]:
    """Pages without a prompt, and the right calls for each, which quote from them: as many as are read once."""
    pages = [
        "\n".join(f"{who}: {said}" for who, said in session.turns or ())
        for task in make_toy_tasks(QUOTING.steps * QUOTING.batch // SIZES["sessions"], seed=100 + seed, **SIZES)
        for session in task.sessions
    ]
    asked = [{"role": "user", "content": page} for page in pages]
    return [{"messages": [one, as_message(correct_calls_for_page(one["content"]))], "tools": []} for one in asked]


def measure_model(model: Path, seed: int) -> dict[str, float]:
    """The graphs with this model on 20 held-out tasks, twice each, replies drawn as in training: means over the runs."""
    policy = Policy.load(model, seed=seed, max_tokens=TRAINING.max_completion)
    made = run_rollouts(
        make_toy_tasks(20, seed=3, **SIZES),
        replace(CONFIG, step_models={CURATE: policy}, seed=seed),
        n=2,
        concurrency=1,
    )
    return {name: round(mean(_known_rewards(made, name)), 4) for name in _KEPT}


def main(arguments: Sequence[str] | None = None) -> int:
    """Seeds whose result is there are not run again. 0 when r2 has risen by 0.2 or more and r1 has not fallen."""
    parser = argparse.ArgumentParser(prog="python benchmarks/train_small.py", description=__doc__)
    parser.add_argument("--out", type=Path, default=OUT, help="where models and results are kept")
    parser.add_argument("--only", type=int, help="run this seed alone, and make no report")
    parser.add_argument("--docs", type=Path, help="also put the curves and the table into this folder of documents")
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    for seed in SEEDS if given.only is None else (given.only,):
        path = given.out / f"seed-{seed}.json"
        if not path.exists():
            path.write_text(json.dumps(run_seed(seed, given.out)), encoding="utf-8")
    if given.only is not None:
        return 0
    made = [json.loads((given.out / f"seed-{seed}.json").read_text(encoding="utf-8")) for seed in SEEDS]
    facts = {"date": date.today().isoformat(), "machine": f"{platform.machine()}, Python {platform.python_version()}"}
    return 0 if write_small_report(made, facts, given.docs or given.out) else 1


def write_small_report(made: Sequence[Mapping[str, Any]], facts: Mapping[str, str], folder: Path) -> bool:
    """Into the folder: the picture, and the table, in its place of `training.md`. Whether r2 rose by 0.2 or more and r1 did not fall, in
    every seed, on held-out tasks."""
    _plot_curves(made, folder / PICTURE)
    good = [_is_improved(one) for one in made]
    lines = [
        "| seed | r1 before | r1 after | r2 before | r2 after | r4 before | r4 after | CPU seconds |",
        "|---|---|---|---|---|---|---|---|",
        *(_table_row(one) for one in made),
    ]
    steps = len(made[0]["steps"])
    lines += ["", f"{made[0]['weights']:,} weights, {steps} steps of GRPO; {facts['date']}, {facts['machine']}."]
    text = "\n".join(lines) + "\n"
    _replace_section(folder / PAGE, text)
    print(text)
    held = sum(good)
    print(f"r2 rose by {RISE} or more, and r1 did not fall, in {held} of {len(made)} seeds. Curves: {folder / PICTURE}")
    return all(good)


def _replace_section(page: Path, text: str) -> None:
    """Between the marks of a page that has them; else into a page of its own."""
    old = page.read_text(encoding="utf-8") if page.exists() else f"{_BEGIN}\n{_END}\n"
    head, begin, rest = old.partition(_BEGIN)
    _, end, tail = rest.partition(_END)
    picture = f"![r1 and r2 of each seed along the steps]({PICTURE.as_posix()})"
    page.write_text(f"{head}{begin}\n{picture}\n\n{text}{end}{tail}", encoding="utf-8")


def _is_improved(one: Mapping[str, Any]) -> bool:
    before, after = one["before"], one["after"]
    return bool(after["r2"] - before["r2"] >= RISE and after["r1"] >= before["r1"])


def _table_row(one: Mapping[str, Any]) -> str:
    cells = [f"{one[when][name]:.2f}" for name in ("r1", "r2", "r4") for when in ("before", "after")]
    return f"| {one['seed']} | {' | '.join(cells)} | {one['cpu_seconds']} |"


def _plot_curves(made: Sequence[Mapping[str, Any]], path: Path) -> None:
    from matplotlib.figure import Figure

    path.parent.mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=(8, 2.8))
    axes = figure.subplots(1, len(_CURVES), sharey=True)
    for axis, (name, title) in zip(axes, _CURVES.items(), strict=True):
        for one in made:
            values = [step.get(name) for step in one["steps"]]
            points = [_mean(values[at : at + _OVER]) for at in range(0, len(values), _OVER)]
            axis.plot([at * _OVER + _OVER / 2 for at in range(len(points))], points, label=f"seed {one['seed']}")
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("step of GRPO")
        axis.set_ylim(0, 1)
        axis.grid(alpha=0.3)
    axes[0].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=90)


def _mean(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return mean(known) if known else float("nan")


def _row_texts(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return [
        json.dumps(one.get("tool_calls")) if one["role"] == "assistant" else one["content"]
        for row in rows
        for one in row["messages"]
    ]


def _known_rewards(made: Sequence[Rollout], name: str) -> list[float]:
    """r2 to r4 of a run in which no call was asked for, or needed, are left out."""
    return [value for one in made if (value := one.rewards.get(name)) is not None] or [0.0]


def _format_rewards(rewards: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {rewards[name]:.2f}" for name in ("r1", "r2", "r4", "total") if name in rewards)


def _print_loss(seed: int, what: str, step: int, steps: int, loss: float) -> None:
    _print_line(seed, f"{what} {step}/{steps}  loss {loss:.3f}", step % 50 == 0)


def _print_line(seed: int, what: str, wanted: bool = True) -> None:
    if wanted:
        print(f"seed {seed}: {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
