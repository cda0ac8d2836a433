"""The commands of `jitmem learn` for rollouts: `rollout`, `advantages` and `export`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument, Option

from ..stores.errors import BadInput
from .assignments import fields_from, model_settings
from .errors import FAILED
from .output import count, progress_bar, say, say_json, say_rows
from .settings import prints_json

if TYPE_CHECKING:
    from ..learn.advantages import Advantage, Advantages
    from ..learn.rollouts import RolloutStats
    from ..learn.rollouts.rollout_config import RolloutConfig

Tasks = Annotated[str, Option(metavar="SOURCE", help="A file of JSON lines, DATASET:PATH, or toy:8.")]
Limit = Annotated[int | None, Option(metavar="N", min=1, help="Tasks, at most.")]
Rollouts = Annotated[Path, Argument(metavar="ROLLOUTS", help="A folder of rollouts, or a file of them.")]
Reader = Annotated[str | None, Option(metavar="NAME", help="A frozen model that answers.  [default: rules]")]
Judge = Annotated[str | None, Option(metavar="NAME", help="The model that judges answers.")]
Metric = Annotated[list[str] | None, Option(metavar="NAME", help="f1 (default), judge, …; may be repeated.")]
SetConfig = Annotated[
    list[str] | None,
    Option(
        "--set",
        metavar="NAME=VALUE",
        help="A field of the configuration, such as reading=memory, rewards=mem-alpha, depth=2, timeout_s=600; may be repeated.",
    ),
]


def rollout_config(
    ctx: typer.Context, changes: Sequence[str], *, metric: Sequence[str] | None, **options: Any
) -> RolloutConfig:
    """The configuration of runs, with the models of the settings; `changes` are the values of --set."""
    from ..learn.rollouts.rollout_config import RolloutConfig

    options |= {"metrics": tuple(metric or ("f1",)), **fields_from(changes, RolloutConfig)}
    return RolloutConfig(**{**model_settings(ctx), **options})


def rollout(
    ctx: typer.Context,
    tasks: Tasks,
    out: Annotated[Path, Option(metavar="FOLDER", help="Where the runs are written.")] = Path("rollouts"),
    n: Annotated[int, Option("-n", metavar="N", min=1, help="Runs of each task.")] = 8,
    limit: Limit = None,
    reader: Reader = None,
    judge: Judge = None,
    metric: Metric = None,
    set_: SetConfig = None,
    seed: Annotated[int, Option(metavar="N", help="Of each task's first run; the next has the next.")] = 0,
    concurrency: Annotated[int, Option(metavar="N", min=1, help="Runs at once, with a model.")] = 8,
) -> None:
    """Run tasks many times, and record every step with its reward. Each run fills a new memory with a task's sessions and asks its questions.

    Examples:
      jitmem learn rollout --tasks toy:8 -n 2 --out runs                          no model: rules answer
      jitmem learn rollout --tasks tasks.jsonl -n 8 --out runs --model openai:my-model --base-url http://localhost:8000/v1
      jitmem learn rollout --tasks locomo:locomo10.json --limit 2 --out runs --model openai:gpt-4.1-mini --set temperature=1
      jitmem learn rollout --tasks tasks.jsonl --out runs --set reading=memory --reader openai:gpt-4.1-mini --set rewards=mem-alpha

    After an interruption, the same command continues; with a larger -n it adds runs. Exit codes: 0 when every run is
    complete, 1 when some ended in an error (the same command runs them again), 2 for bad input.
    """
    from ..learn.rollouts import record_rollouts
    from ..learn.tasks import load_tasks

    found = load_tasks(tasks, limit=limit)
    config = rollout_config(ctx, set_ or [], reader=reader, judge=judge, metric=metric, seed=seed)
    with progress_bar("runs", None) as advance:

        def report(stats: RolloutStats) -> None:
            advance(stats.done, "" if stats.reward is None else f"  reward {stats.reward:.3f}", stats.total)

        stats = record_rollouts(found, config, out, n=n, concurrency=concurrency, progress=report)
    _show_rollouts(stats, len(found), out, as_json=prints_json(ctx))
    if stats.failed:
        raise typer.Exit(FAILED)


def _show_rollouts(stats: RolloutStats, tasks: int, out: Path, *, as_json: bool) -> None:
    from ..learn.rollouts import ROLLOUTS

    if as_json:
        counted = {"tasks": tasks, "runs": stats.done, "failed": stats.failed, "reward": stats.reward}
        say_json({"rollouts": str(out / ROLLOUTS), **counted})
        return
    mean = "" if stats.reward is None else f", mean reward {stats.reward:.3f}"
    say(f"{count(stats.done, 'run')} of {count(tasks, 'task')}{mean}.")
    say(f"Rollouts: {out / ROLLOUTS}")
    if stats.failed:
        say(f"{count(stats.failed, 'run')} ended in an error; the same command runs them again.", "yellow")


def advantages(
    ctx: typer.Context,
    rollouts: Rollouts,
    by: Annotated[str, Option(metavar="NAME", help="step, or trajectory: all steps of a role for one outcome.")] = (
        "step"
    ),
    out: Annotated[
        Path | None, Option(metavar="FILE", help="A file of JSON lines.  [default: advantages.jsonl, in their folder]")
    ] = None,
    baseline: Annotated[str, Option(metavar="NAME", help="own (one a role) or shared (one a task).")] = "own",
    std: Annotated[bool, Option("--std/--no-std", help="Divide by the standard deviation.")] = True,
    rewards: Annotated[str | None, Option(metavar="NAME", help="Compute rewards again: default or mem-alpha.")] = None,
) -> None:
    """Compute the advantage of each step over its group (GRPO), by role.

    Examples:
      jitmem learn advantages runs
      jitmem learn advantages runs --by trajectory --out trajectories.jsonl
      jitmem learn advantages runs --rewards mem-alpha --no-std

    Each line is a step (or a trajectory) with its reward, the mean of its group and its advantage. Exit codes: 0, 1
    when every group collapsed (all its rewards are equal), 2 for bad input.
    """
    from ..learn.advantages import advantages as compared
    from ..learn.advantages import by_role, by_task, write_advantages
    from ..learn.rewards import PRESETS, add_rewards
    from ..learn.rollouts import read_rollouts

    keys = {"own": by_role, "shared": by_task}
    if baseline not in keys:
        raise BadInput(f"There is no baseline {baseline!r}; there are: {', '.join(keys)}.")
    if rewards is not None and rewards not in PRESETS:
        raise BadInput(f"There are no rewards {rewards!r}; there are: {', '.join(PRESETS)}.")
    made = read_rollouts(rollouts)
    if rewards is not None:
        made = (add_rewards(one, PRESETS[rewards]) for one in made)
    given: Any = by
    found = compared(made, by=given, key=keys[baseline], std=std)
    target = out or (rollouts if rollouts.is_dir() else rollouts.parent) / "advantages.jsonl"
    write_advantages(target, found)
    _show_advantages(found, by, target, as_json=prints_json(ctx))
    if found.values and all(one.advantage == 0 for one in found.values):
        raise typer.Exit(FAILED)


def _show_advantages(found: Advantages, by: str, target: Path, *, as_json: bool) -> None:
    by_role: dict[str, list[Advantage]] = {}
    for one in found.values:
        by_role.setdefault(one.unit.role, []).append(one)
    groups = len(found.equal_groups)
    if as_json:
        roles = {role: len(own) for role, own in by_role.items()}
        counted = {"by": by, "roles": roles, "collapsed": groups, "left_out": found.left_out}
        say_json({"advantages": str(target), "count": len(found.values), **counted})
        return
    rows = []
    for role, own in by_role.items():
        mean = sum(one.unit.reward for one in own) / len(own)
        rows.append((role, str(len(own)), f"{mean:.3f}", str(sum(one.advantage != 0 for one in own))))
    say_rows(("role", "advantages", "mean reward", "not 0"), rows)
    say(f"Advantages: {target}")
    if groups:
        say(f"{count(groups, 'group')} collapsed: all rewards are equal, or there is one alone.", "yellow")
    if found.left_out:
        say(f"{found.left_out:,} left out: no reward.", "yellow")


def export(
    ctx: typer.Context,
    rollouts: Rollouts,
    out: Annotated[Path, Option(metavar="FILE", help="A new file of JSON lines.")],
    form: Annotated[str, Option("--format", metavar="NAME", help="sft, kto or verl.")] = "sft",
    best: Annotated[int | None, Option(metavar="N", min=1, help="sft: the best rollouts of a task.")] = None,
    least: Annotated[
        float | None, Option(metavar="R", help="The reward of a good one; without it, for kto, the task's mean.")
    ] = None,
    step: Annotated[list[str] | None, Option(metavar="NAME", help="Only this step; may be repeated.")] = None,
    role: Annotated[list[str] | None, Option(metavar="NAME", help="Only this role; may be repeated.")] = None,
) -> None:
    """Write rollouts as training rows for another trainer.

    Examples:
      jitmem learn export runs --format sft --out sft.jsonl --best 2 --step curate
      jitmem learn export runs --format kto --out kto.jsonl --least 1.5
      jitmem learn export runs --format verl --out verl.jsonl

    docs/training.md describes the rows.
    """
    from ..learn.exports import export_rows as exported
    from ..learn.rollouts import read_rollouts

    given = {"best": best, "least": least}
    options: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    known = {"sft": {"best", "least"}, "kto": {"least"}, "verl": set[str]()}
    if form in known and (wrong := sorted(options.keys() - known[form])):
        raise BadInput(f"--{wrong[0]} is not for {form}; it has {', '.join(sorted(known[form])) or 'no options'}.")
    named: dict[str, Any] = {"form": form, "roles": role or ()}
    count = exported(read_rollouts(rollouts), out, steps=step or (), **named, **options)
    say_json({"rows": count, "file": str(out), "format": form}) if prints_json(ctx) else say(f"{count:,} rows: {out}")
