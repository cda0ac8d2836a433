"""`jitmem learn grpo`: train a model's weights by rewards."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Option

from .errors import FAILED
from .learn_options import BaseUrl, Metric, Prompts, Reader, Tasks
from .output import progress_bar, say, say_json
from .settings import Json, fields_from

EXAMPLES = """\b
Examples:
  jitmem learn grpo --model ./Qwen3-4B --tasks tasks.jsonl --out trained
  jitmem learn grpo --model ./imitated --tasks toy:200 --out trained --steps 100 --learning-rate 1e-4
  accelerate launch "$(command -v jitmem)" learn grpo --model ./Qwen3-4B --tasks tasks.jsonl --out trained
\b
Fields for --set: groups (4, pages a step), vllm (the URL of a `trl vllm-serve` that writes the replies), beta (0.001,
the cost of straying from the first model), temperature (1.0), max_completion (2048, tokens of a reply), refresh (20,
steps between new turns; 0: never), longest (30000, tokens of a task), per_device (replies in one pass of a device),
patience (10, steps without a difference that end the training).
\b
It needs the train extra: pip install "jitmem[train]". It ends with 0 when the training is done, 1 when it was stopped
since nothing could be learned any more, 2 when something that was given cannot be used.
"""
_SHOWN = ("r1", "r2", "total")


def grpo(
    ctx: typer.Context,
    model: Annotated[str, Option(metavar="FOLDER", help="The weights to begin with, and their tokenizer.")],
    tasks: Tasks,
    out: Annotated[Path, Option(metavar="FOLDER", help="Where the trained model goes.")],
    steps: Annotated[int, Option(metavar="N", min=1, help="Steps of the optimizer.")] = 200,
    group: Annotated[int, Option(metavar="N", min=2, help="Replies to the same page, to be compared.")] = 8,
    learning_rate: Annotated[float, Option(metavar="LR", help="Small models want more: 1e-5 to 1e-4.")] = 1e-6,
    rewards: Annotated[str, Option(metavar="NAME", help="default or mem-alpha.")] = "default",
    metric: Metric = None,
    reader: Reader = None,
    base_url: BaseUrl = None,
    prompts: Prompts = None,
    set_: Annotated[list[str] | None, Option("--set", metavar="NAME=VALUE", help="See below; may be repeated.")] = None,
    seed: Annotated[int, Option(metavar="N")] = 0,
    limit: Annotated[int | None, Option(metavar="N", min=1, help="Tasks, at most.")] = None,
    as_json: Json = False,
) -> None:
    """Train a model to keep memories: GRPO, with the memory's own tools and the rewards of `jitmem learn rollout`."""
    from ..learn.rollouts.rollout_config import RolloutConfig
    from ..learn.tasks import load_tasks
    from ..learn.training.callbacks import TrainingCollapsed
    from ..learn.training.grpo import METRICS, TrainingOptions, train

    config = RolloutConfig(
        reader=reader, base_url=base_url, prompts=prompts, metrics=tuple(metric or ("f1",)), reading="memory"
    )
    training = TrainingOptions(
        steps=steps,
        group=group,
        learning_rate=learning_rate,
        preset=rewards,
        seed=seed,
        **fields_from(set_ or [], TrainingOptions),
    )
    last: dict[str, Any] = {}
    with progress_bar("grpo", steps) as advance:

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
