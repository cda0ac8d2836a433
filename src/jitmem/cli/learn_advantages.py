"""`jitmem learn advantages`: how much better each step did than the others of its group."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument, Option

from .errors import FAILED
from .output import count, say, say_json, say_rows
from .settings import Json

if TYPE_CHECKING:
    from ..learn.advantages import Advantages

EXAMPLES = """\b
Examples:
  jitmem learn advantages runs
  jitmem learn advantages runs --by trajectory --out trajectories.jsonl
  jitmem learn advantages runs --rewards mem-alpha --no-std
\b
Each line is a step (or a trajectory) with its reward, the mean of its group and its advantage. It ends with 0, with 1
when every group has collapsed (all its rewards are equal) and there is nothing to learn, 2 when something that was given
cannot be used.
"""


def advantages(
    ctx: typer.Context,
    rollouts: Annotated[Path, Argument(metavar="ROLLOUTS", help="A folder of rollouts, or a file of them.")],
    by: Annotated[str, Option(metavar="NAME", help="step, or trajectory: all that a role does for one end.")] = (
        "step"
    ),
    out: Annotated[
        Path | None, Option(metavar="FILE", help="The lines.  [default: advantages.jsonl, beside them]")
    ] = None,
    baseline: Annotated[str, Option(metavar="NAME", help="own (one a role) or shared (one a task).")] = "own",
    std: Annotated[bool, Option("--std/--no-std", help="Whether to divide by the standard deviation.")] = True,
    rewards: Annotated[str | None, Option(metavar="NAME", help="Compute rewards again: default or mem-alpha.")] = None,
    as_json: Json = False,
) -> None:
    """Compare each step with the other runs' in the same place, and write its advantage (GRPO), role by role."""
    from ..learn.advantages import advantages as compared
    from ..learn.advantages import by_role, by_task, write_advantages
    from ..learn.rewards import PRESETS, add_rewards
    from ..learn.rollouts import read_rollouts
    from ..stores.errors import BadInput

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
    _show(found, by, target, as_json=as_json)
    if found.values and all(one.advantage == 0 for one in found.values):
        raise typer.Exit(FAILED)


def _show(found: Advantages, by: str, target: Path, *, as_json: bool) -> None:
    roles = {one.unit.role: 0 for one in found.values}
    for one in found.values:
        roles[one.unit.role] += 1
    groups = len(found.equal_groups)
    if as_json:
        counted = {"by": by, "roles": roles, "collapsed": groups, "left_out": found.left_out}
        say_json({"advantages": str(target), "count": len(found.values), **counted})
        return
    say_rows(
        ("role", "advantages", "mean reward", "not 0"),
        [
            (
                role,
                str(number),
                f"{sum(one.unit.reward for one in found.values if one.unit.role == role) / number:.3f}",
                str(sum(one.advantage != 0 for one in found.values if one.unit.role == role)),
            )
            for role, number in roles.items()
        ],
    )
    say(f"Advantages: {target}")
    if groups:
        say(f"{count(groups, 'group')} collapsed: all rewards are equal, or there is one alone.", "yellow")
    if found.left_out:
        say(f"{found.left_out:,} left out: no reward.", "yellow")
