"""The options that several commands of `jitmem learn` have."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Option

from .settings import fields_from, settings_of

if TYPE_CHECKING:
    from ..learn.rollouts.rollout_config import RolloutConfig

Tasks = Annotated[str, Option(metavar="SOURCE", help="A file of JSON lines, DATASET:PATH, or toy:8.")]
BaseUrl = Annotated[str | None, Option(envvar="JITMEM_BASE_URL", metavar="URL", help="Where the models are served.")]
Prompts = Annotated[Path | None, Option(envvar="JITMEM_PROMPTS", metavar="FILE", help="Prompts of your own, by step.")]
Reader = Annotated[str | None, Option(metavar="NAME", help="A frozen model that answers.  [default: rules]")]
Judge = Annotated[str | None, Option(metavar="NAME", help="Who says whether an answer is right.")]
Metric = Annotated[list[str] | None, Option(metavar="NAME", help="f1 (default), judge, …; may be repeated.")]
SetConfig = Annotated[
    list[str] | None,
    Option(
        "--set",
        metavar="NAME=VALUE",
        help="A field of the runs, such as reading=memory, rewards=mem-alpha, depth=2, temperature=1; may be repeated.",
    ),
]


def rollout_config(
    ctx: typer.Context, changes: Sequence[str], *, metric: Sequence[str] | None, **options: Any
) -> RolloutConfig:
    """How runs are made, with the models of the settings; `changes` are the values of --set."""
    from ..learn.rollouts.rollout_config import RolloutConfig

    settings = settings_of(ctx)
    models = ("model", "memorizer_model", "researcher_model", "embeddings", "prompts", "base_url", "timeout_s")
    chosen = {name: getattr(settings, name) for name in models}
    return RolloutConfig(
        **{**chosen, **options, "metrics": tuple(metric or ("f1",)), **fields_from(changes, RolloutConfig)}
    )
