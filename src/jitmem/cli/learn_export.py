"""`jitmem learn export`: rollouts as rows for another trainer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Argument, Option

from .output import say, say_json
from .settings import Json

EXAMPLES = """\b
Examples:
  jitmem learn export runs --format sft --out sft.jsonl --best 2 --step curate
  jitmem learn export runs --format kto --out kto.jsonl --threshold 1.5
  jitmem learn export runs --format verl --out verl.jsonl
\b
The forms of the rows stand in docs/training.md.
"""


def export(
    ctx: typer.Context,
    rollouts: Annotated[Path, Argument(metavar="ROLLOUTS", help="A folder of rollouts, or a file of them.")],
    out: Annotated[Path, Option(metavar="FILE", help="A new file of JSON lines.")],
    form: Annotated[str, Option("--format", metavar="NAME", help="sft, kto or verl.")] = "sft",
    best: Annotated[int | None, Option(metavar="N", min=1, help="sft: the best rollouts of a task.")] = None,
    least: Annotated[float | None, Option(metavar="R", help="sft: a reward that they must reach.")] = None,
    threshold: Annotated[
        float | None, Option(metavar="R", help="kto: the least reward.  [default: the task's mean]")
    ] = None,
    step: Annotated[list[str] | None, Option(metavar="NAME", help="Only this step; may be repeated.")] = None,
    role: Annotated[list[str] | None, Option(metavar="NAME", help="Only this role; may be repeated.")] = None,
    as_json: Json = False,
) -> None:
    """Write rollouts as rows for another trainer."""
    from ..learn.exports import export_rows as exported
    from ..learn.rollouts import read_rollouts
    from ..stores.errors import BadInput

    given = {"best": best, "least": least, "threshold": threshold}
    options: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    known = {"sft": {"best", "least"}, "kto": {"threshold"}, "verl": set[str]()}
    if form in known and (wrong := sorted(options.keys() - known[form])):
        raise BadInput(f"--{wrong[0]} is not for {form}; it has {', '.join(sorted(known[form])) or 'no options'}.")
    named: dict[str, Any] = {"form": form, "roles": role or ()}
    count = exported(read_rollouts(rollouts), out, steps=step or (), **named, **options)
    say_json({"rows": count, "file": str(out), "format": form}) if as_json else say(f"{count:,} rows: {out}")
