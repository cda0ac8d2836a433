"""How noisy policy gradients are by baseline, role by role: `python benchmarks/baselines.py [--seeds 10] [--json]`."""

from __future__ import annotations

import json
from statistics import fmean
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from jitmem.learn.gradient_variance import BASELINES, ROLES, World, exact_variance, sampled_variance


def main(
    seeds: Annotated[int, typer.Option(min=1, help="Worlds, the first of seed 0.")] = 10,
    n: Annotated[int, typer.Option("-n", min=2, help="Runs in a group.")] = 8,
    groups: Annotated[int, typer.Option(min=2, help="Groups that are sampled in each world.")] = 400,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """The variance of one run's gradient, the mean over the worlds: as computed, and as `advantages` gives it."""
    worlds = [World.random(seed) for seed in range(seeds)]
    rows = []
    for role in ROLES:
        for base in BASELINES:
            computed = fmean(exact_variance(world, base, n)[role] for world in worlds)
            measured = fmean(
                sampled_variance(world, base, groups=groups, n=n, seed=at)[role] for at, world in enumerate(worlds)
            )
            rows.append({"role": role, "baseline": base, "computed": computed, "measured": measured})
    if as_json:
        print(json.dumps({"seeds": seeds, "n": n, "groups": groups, "rows": rows}, indent=2))
        return
    table = Table("role", "baseline", "computed", "measured")
    for row in rows:
        table.add_row(str(row["role"]), str(row["baseline"]), f"{row['computed']:.4f}", f"{row['measured']:.4f}")
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
