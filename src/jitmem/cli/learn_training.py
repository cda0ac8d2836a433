"""The commands of `jitmem learn` that train: `prompts`, `grpo` and `evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Option

from ..stores.errors import BadInput
from .assignments import fields_from
from .errors import FAILED
from .learn_rollouts import Judge, Limit, Metric, Reader, SetConfig, Tasks, rollout_config
from .output import count, progress, progress_bar, say, say_json, say_rows
from .settings import prints_json, settings_of

if TYPE_CHECKING:
    from ..learn.prompts import LearnedPrompts


def prompts(
    ctx: typer.Context,
    train: Annotated[str, Option(metavar="SOURCE", help="Tasks to learn from: a file, DATASET:PATH, or toy:8.")],
    val: Annotated[str, Option(metavar="SOURCE", help="Other tasks, to choose and verify prompts.")],
    role: Annotated[str, Option(metavar="NAME", help="memorizer, researcher or both.")],
    budget: Annotated[int, Option(metavar="N", min=1, help="Runs, at most.")],
    out: Annotated[Path, Option(metavar="FOLDER", help="Where prompts, diff and report are written.")] = Path(
        "prompts"
    ),
    test: Annotated[str | None, Option(metavar="SOURCE", help="Tasks for the report only.")] = None,
    reflection_model: Annotated[
        str | None, Option(metavar="NAME", help="Writes new prompts.  [default: --model]")
    ] = None,
    repeats: Annotated[int, Option(metavar="N", min=1, help="Runs of each task in the check.")] = 1,
    patience: Annotated[int, Option(metavar="N", min=1, help="Proposals in a row without a gain, at most.")] = 8,
    reader: Reader = None,
    judge: Judge = None,
    metric: Metric = None,
    set_: SetConfig = None,
    seed: Annotated[int, Option(metavar="N", help="Of the search, and of each task's first run.")] = 0,
    concurrency: Annotated[int, Option(metavar="N", min=1, help="Runs at once.")] = 8,
) -> None:
    """Improve the prompts by rewards. Only prompts that score better on held-out tasks are kept (GEPA).

    Examples:
      jitmem learn prompts --train train.jsonl --val val.jsonl --role memorizer --budget 200 --out words \\
          --model openai:my-model --reflection-model openai:gpt-4.1
      jitmem learn prompts --train toy:6 --val toy:8,seed=1 --test toy:8,seed=2 --role both --budget 300 --out words \\
          --model openai:gpt-4.1-mini
      jitmem research "Where does Ana work now?" --set prompts=words/prompts.md

    A run fills a memory with one task's sessions and asks its questions; --budget is the most runs. After an interruption,
    the same command continues. Exit codes: 0 when better prompts were found and verified (prompts.md), 1 when not (the old
    ones stay), 2 for bad input.
    """
    from ..learn.prompts import improve_prompts
    from ..learn.tasks import load_tasks
    from ..models import chat_model

    config = rollout_config(ctx, set_ or [], reader=reader, judge=judge, metric=metric, seed=seed)
    reflects = reflection_model or config.model or config.memorizer_model or config.researcher_model
    if reflects is None:
        raise BadInput("Learning prompts needs a model: name one with --model, such as openai:gpt-4.1-mini.")
    learner: Any = role
    with progress("runs", "") as advance:
        learned = improve_prompts(
            load_tasks(train),
            load_tasks(val),
            config,
            chat_model(reflects, base_url=config.base_url, timeout_s=config.timeout_s),
            out,
            role=learner,
            budget=budget,
            test=load_tasks(test) if test else (),
            repeats=repeats,
            patience=patience,
            seed=seed,
            concurrency=concurrency,
            progress=advance,
        )
    _show_prompts(learned, out, as_json=prints_json(ctx))
    if not learned.accepted:
        raise typer.Exit(FAILED)


def _show_prompts(learned: LearnedPrompts, out: Path, *, as_json: bool) -> None:
    from ..learn.prompts import prompt_diff
    from ..learn.prompts.search_report import PROMPTS, REPORT, search_as_dict

    if as_json:
        shown = {"prompts": str(out / PROMPTS) if learned.accepted else None, **search_as_dict(learned)}
        say_json({**shown, "diff": list(prompt_diff(learned.before, learned.words))})
        return
    for line in prompt_diff(learned.before, learned.words):
        say(line, {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], ""))
    rows = [
        (name, what, str(gain.n), f"{gain.a:.3f}", f"{gain.b:.3f}", f"{gain.low:+.3f} to {gain.high:+.3f}")
        for name, check in (("validation", learned.validation), ("test", learned.test))
        if check is not None
        for what, gain in (("reward", check.worth), ("answers", check.r1))
    ]
    if rows:
        say_rows(("tasks", "what", "n", "before", "after", "95 % of the gain"), rows)
    spent = f"{count(learned.spent, 'run')}, {count(learned.reflections, 'reflection')}"
    if learned.accepted:
        say(f"Better: {', '.join(learned.changes)}. {spent}.", "bold")
        say(f"Prompts: {out / PROMPTS}; report: {out / REPORT}")
    else:
        say(f"Nothing accepted: {learned.reason}. The prompts stay as they are. {spent}.", "yellow")
        say(f"Report: {out / REPORT}")


_SHOWN = ("r1", "r2", "total")


def grpo(
    ctx: typer.Context,
    model: Annotated[str, Option(metavar="FOLDER", help="The weights to begin with, and their tokenizer.")],
    tasks: Tasks,
    out: Annotated[Path, Option(metavar="FOLDER", help="Where the trained model is written.")],
    steps: Annotated[int, Option(metavar="N", min=1, help="Steps of the optimizer.")] = 200,
    group: Annotated[int, Option(metavar="N", min=2, help="Replies to the same page, compared with each other.")] = 8,
    learning_rate: Annotated[float, Option(metavar="LR", help="Small models want more: 1e-5 to 1e-4.")] = 1e-6,
    rewards: Annotated[str, Option(metavar="NAME", help="default or mem-alpha.")] = "default",
    metric: Metric = None,
    reader: Reader = None,
    set_: Annotated[list[str] | None, Option("--set", metavar="NAME=VALUE", help="See below; may be repeated.")] = None,
    seed: Annotated[int, Option(metavar="N")] = 0,
    limit: Limit = None,
) -> None:
    """Train a model's weights by rewards (GRPO), with the memory's own tools.

    Examples:
      jitmem learn grpo --model ./Qwen3-4B --tasks tasks.jsonl --out trained
      jitmem learn grpo --model ./imitated --tasks toy:200 --out trained --steps 100 --learning-rate 1e-4
      accelerate launch "$(command -v jitmem)" learn grpo --model ./Qwen3-4B --tasks tasks.jsonl --out trained

    Fields for --set: groups (4, pages a step), vllm (the URL of a `trl vllm-serve` that writes the replies), beta (0.001,
    weight of the KL penalty), temperature (1.0), max_completion (2048, tokens of a reply), refresh (20,
    steps between new turns; 0: never), longest (30000, tokens of a task), per_device (replies in one pass of a device),
    patience (10, steps without a difference before the training stops), prompts (a file of your own prompts).

    It needs the train extra: pip install "jitmem[train]". Exit codes: 0 when the training is complete, 1 when it was stopped
    because rewards no longer differed, 2 for bad input.
    """
    from ..learn.rollouts.rollout_config import RolloutConfig
    from ..learn.tasks import load_tasks
    from ..learn.training.callbacks import TrainingCollapsed
    from ..learn.training.grpo import METRICS, TrainingOptions, train

    settings = settings_of(ctx)
    changes = {"prompts": settings.prompts, **fields_from(set_ or [], TrainingOptions, "prompts")}
    config = RolloutConfig(
        reader=reader,
        base_url=settings.base_url,
        prompts=changes.pop("prompts"),
        metrics=tuple(metric or ("f1",)),
        reading="memory",
    )
    training = TrainingOptions(
        steps=steps,
        group=group,
        learning_rate=learning_rate,
        preset=rewards,
        seed=seed,
        **changes,
    )
    last: dict[str, Any] = {}
    with progress_bar("grpo", steps) as advance:

        def report_step(step: Any) -> None:
            last.update(step=step.step, rewards=dict(step.rewards))
            advance(step.step, "".join(f"  {name} {step.rewards[name]:.2f}" for name in _SHOWN if name in step.rewards))

        try:
            train(model, load_tasks(tasks, limit=limit), out, training=training, config=config, progress=report_step)
        except TrainingCollapsed as collapsed:
            say(str(collapsed), "yellow") if not prints_json(ctx) else say_json({"collapsed": str(collapsed), **last})
            raise typer.Exit(FAILED) from None
    if prints_json(ctx):
        say_json({"model": str(out), "metrics": str(out / METRICS), **last})
        return
    say(f"Trained: {out}; rewards by step: {out / METRICS}")


def evaluate(
    ctx: typer.Context,
    model: Annotated[str, Option(metavar="NAME", help="A folder that a training wrote, or a served model.")],
    tasks: Tasks,
    out: Annotated[Path, Option(metavar="FOLDER", help="Where the card is written.")] = Path("bench-trained"),
    reader: Reader = None,
    limit: Limit = None,
) -> None:
    """Measure a trained model on longer tasks, by what a reader answers from its items.

    Examples:
      jitmem learn evaluate --model trained --tasks toy:4,seed=9,sessions=60,facts=40,tokens=390000 --out bench
      jitmem learn evaluate --model openai:trained --base-url http://localhost:8000/v1 --tasks tasks.jsonl --reader openai:gpt-4.1-mini
    """
    from ..learn.tasks import load_tasks
    from ..learn.training.long_tasks import evaluate_long_tasks as evaluated

    settings = settings_of(ctx)
    with progress_bar("questions", None) as advance:
        made = evaluated(
            load_tasks(tasks, limit=limit),
            model,
            out,
            reader=reader,
            base_url=settings.base_url,
            prompts=settings.prompts,
            progress=lambda done, total, means: advance(done, "", total),
        )
    if prints_json(ctx):
        say_json({"card": str(out), **made})
    else:
        metrics = ("f1", "evidence_recall", "context_tokens")
        rows = [
            (name, str(one["answered"]), *(_mean(one["scores"].get(metric)) for metric in metrics))
            for name, one in made["setups"].items()
        ]
        say_rows(("setup", "answered", *metrics), rows)
        say(f"Tasks of {made['tokens']:,} tokens on average. Card: {out}")
    if made["errors"]:
        raise typer.Exit(FAILED)


def _mean(score: Any) -> str:
    return f"{score['all']['mean']:.3f}" if score else "-"
