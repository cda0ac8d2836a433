"""`jitmem learn grpo`: train a model's weights by rewards."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .learn_options import BaseUrl, Json, Prompts, Reader, Tasks
from .output import say, say_json, watched
from .where import FAILED, Where, bare_command

EXAMPLES = """\b
Examples:
  jitmem learn grpo --model ./Qwen3-4B --tasks tasks.jsonl --out trained
  jitmem learn grpo --model ./imitated --tasks toy:200 --out trained --steps 100 --learning-rate 1e-4
  accelerate launch "$(command -v jitmem)" learn grpo --model ./Qwen3-4B --tasks tasks.jsonl --out trained
\b
It needs the train extra: pip install "jitmem[train]". It ends with 0 when the training is done, 1 when it was stopped
since nothing could be learned any more, 2 when something that was given cannot be used.
"""
_SHOWN = ("r1", "r2", "total")


@bare_command
def grpo(
    where: Where,
    model: Annotated[str, typer.Option(metavar="FOLDER", help="The weights to begin with, and their tokenizer.")],
    tasks: Tasks,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the trained model goes.")],
    steps: Annotated[int, typer.Option(metavar="N", min=1, help="Steps of the optimizer.")] = 200,
    group: Annotated[int, typer.Option(metavar="N", min=2, help="Replies to the same page, to be compared.")] = 8,
    groups: Annotated[int, typer.Option(metavar="N", min=1, help="Pages a step.")] = 4,
    learning_rate: Annotated[float, typer.Option(metavar="LR", help="Small models want more: 1e-5 to 1e-4.")] = 1e-6,
    beta: Annotated[float, typer.Option(metavar="B", min=0, help="How much straying from the beginning costs.")] = 1e-3,
    temperature: Annotated[float, typer.Option(metavar="T", help="Of the replies.")] = 1.0,
    max_completion: Annotated[int, typer.Option(metavar="N", min=16, help="Tokens of a reply, at most.")] = 2048,
    refresh: Annotated[int, typer.Option(metavar="N", min=0, help="Steps between new turns; 0: never.")] = 20,
    longest: Annotated[int, typer.Option(metavar="N", help="Tokens of a task, at most.")] = 30_000,
    rewards: Annotated[str, typer.Option(metavar="NAME", help="default or mem-alpha.")] = "default",
    metric: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="f1 (default), exact_match, …; may be given again.")
    ] = None,
    reader: Reader = None,
    base_url: BaseUrl = None,
    prompts: Prompts = None,
    vllm: Annotated[str | None, typer.Option(metavar="URL", help="A `trl vllm-serve` that writes the replies.")] = None,
    per_device: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Replies in one pass of a device; fewer need less memory.")
    ] = None,
    patience: Annotated[int, typer.Option(metavar="N", min=0, help="Steps without a difference that end it.")] = 10,
    seed: Annotated[int, typer.Option(metavar="N")] = 0,
    limit: Annotated[int | None, typer.Option(metavar="N", min=1, help="Tasks, at most.")] = None,
    as_json: Json = False,
) -> None:
    """Train a model to keep memories: GRPO, with the memory's own tools and the rewards of `jitmem learn rollout`."""
    from ..learn.rollouts.rollout_config import RolloutConfig
    from ..learn.tasks import load_tasks
    from ..learn.training.collapse import TrainingCollapsed
    from ..learn.training.grpo import METRICS, TrainingOptions, train

    config = RolloutConfig(
        reader=reader, base_url=base_url, prompts=prompts, metrics=tuple(metric or ("f1",)), reading="memory"
    )
    training = TrainingOptions(
        steps=steps,
        group=group,
        groups=groups,
        learning_rate=learning_rate,
        beta=beta,
        temperature=temperature,
        max_completion=max_completion,
        refresh=refresh,
        longest=longest,
        preset=rewards,
        vllm=vllm,
        per_device=per_device,
        patience=patience,
        seed=seed,
    )
    last: dict[str, Any] = {}
    with watched("grpo", steps) as advance:

        def tell(step: Any) -> None:
            last.update(step=step.step, rewards=dict(step.rewards))
            advance(step.step, "".join(f"  {name} {step.rewards[name]:.2f}" for name in _SHOWN if name in step.rewards))

        try:
            train(model, load_tasks(tasks, limit=limit), out, training=training, config=config, tell=tell)
        except TrainingCollapsed as collapsed:
            say(str(collapsed), "yellow") if not as_json else say_json({"collapsed": str(collapsed), **last})
            raise typer.Exit(FAILED) from None
    if as_json:
        say_json({"model": str(out), "metrics": str(out / METRICS), **last})
        return
    say(f"Trained: {out}; what every step earned: {out / METRICS}")
