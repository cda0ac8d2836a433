"""`jitmem learn evaluate`: measure a trained model on longer tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Option

from .errors import FAILED
from .learn_options import BaseUrl, Prompts, Reader, Tasks
from .output import progress_bar, say, say_json, say_rows
from .settings import Json

EXAMPLES = """\b
Examples:
  jitmem learn evaluate --model trained --tasks toy:4,seed=9,sessions=60,facts=40,tokens=390000 --out bench
  jitmem learn evaluate --model openai:trained --base-url http://localhost:8000/v1 --tasks tasks.jsonl --reader openai:gpt-4.1-mini
"""


def evaluate(
    ctx: typer.Context,
    model: Annotated[str, Option(metavar="NAME", help="A folder that a training wrote, or a served model.")],
    tasks: Tasks,
    out: Annotated[Path, Option(metavar="FOLDER", help="Where the card is made.")] = Path("bench-trained"),
    reader: Reader = None,
    base_url: BaseUrl = None,
    prompts: Prompts = None,
    limit: Annotated[int | None, Option(metavar="N", min=1, help="Tasks, at most.")] = None,
    as_json: Json = False,
) -> None:
    """Measure a trained model on tasks that may be many times longer, by what its items give to a reader."""
    from ..learn.tasks import load_tasks
    from ..learn.training.long_tasks import evaluate_long_tasks as evaluated

    with progress_bar("questions", None) as advance:
        made = evaluated(
            load_tasks(tasks, limit=limit),
            model,
            out,
            reader=reader,
            base_url=base_url,
            prompts=prompts,
            tell=lambda done, total, means: advance(done, "", total),
        )
    if as_json:
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
