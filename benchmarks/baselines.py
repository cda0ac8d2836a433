"""How noisy policy gradients are by baseline, role by role: `python benchmarks/baselines.py [--seeds 10] [--json]`.

A small world stands for the two roles: the Memorizer chooses what to keep, the Researcher how to search, each among
four ways by a softmax policy. The answer's reward depends on both; the Memorizer also earns a reward for sound calls, as
far as what it keeps covers the questions. Every expectation is a sum over sixteen pairs of ways, so nothing is estimated.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Annotated, Any, Literal, get_args

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from jitmem.learn.advantages import advantages, by_role, by_task
from jitmem.learn.rewards.reward_presets import WEIGHTS
from jitmem.learn.rollout_records import RecordedStep, Role, Rollout

Baseline = Literal["none", "shared", "separate"]
BASELINES: tuple[Baseline, ...] = get_args(Baseline)
ROLES: tuple[Role, Role] = ("memorizer", "researcher")
_WAYS = 4
_CALLS = sum(weight for name, weight in WEIGHTS.items() if name != "r1")  # what sound calls earn at full coverage


@dataclass(frozen=True, slots=True)
class World:
    """`policies`: role to (4,) float64, probabilities. `rewards`: role to (4, 4) float64, by the Memorizer's way, then
    the Researcher's."""

    policies: Mapping[Role, Any]
    rewards: Mapping[Role, Any]

    @classmethod
    def random(cls, seed: int) -> World:
        """The same for the same seed."""
        draw = np.random.default_rng(seed)
        covered, sound, found = draw.uniform(0.3, 1.0, (3, _WAYS))
        answer = np.clip(np.outer(covered, found) + draw.normal(0, 0.1, (_WAYS, _WAYS)), 0, 1)
        policies = {role: _softmax(draw.normal(0, 0.7, _WAYS)) for role in ROLES}
        return cls(policies, {"memorizer": answer + (_CALLS * covered * sound)[:, None], "researcher": answer})


def exact_variance(world: World, baseline: Baseline, n: int = 8) -> dict[Role, float]:
    """The variance of one run's gradient with respect to a role's logits, summed over these; for each role.

    The baseline is the mean over the n - 1 other runs of a group: of the role's own rewards, or of both roles'. It does
    not hang on the run itself, so it leaves the gradient's mean as it is.
    """
    joint = np.outer(world.policies["memorizer"], world.policies["researcher"])
    both = sum(world.rewards[role] for role in ROLES) / len(ROLES)
    made: dict[Role, float] = {}
    for axis, role in enumerate(ROLES):
        rewards = world.rewards[role]
        based = {"none": np.zeros_like(rewards), "shared": both, "separate": rewards}[baseline]
        mean = (joint * based).sum()
        noise = (joint * (based - mean) ** 2).sum() / (n - 1)
        scores = _score_vectors(world.policies[role])
        norms = (scores**2).sum(axis=1)
        second = (joint * ((rewards - mean) ** 2 + noise) * np.expand_dims(norms, 1 - axis)).sum()
        gradient = (joint * rewards).sum(axis=1 - axis) @ scores
        made[role] = float(second - (gradient**2).sum())
    return made


def sampled_variance(
    world: World, baseline: Baseline, *, groups: int = 200, n: int = 8, seed: int = 0
) -> dict[Role, float]:
    """The same, measured: `groups` of `n` runs are drawn and compared by `advantages`.

    A group's mean there has the run itself in it; it is taken out, since it would make every gradient smaller.
    """
    draw = np.random.default_rng(seed)
    ways = {role: draw.choice(_WAYS, (groups, n), p=world.policies[role]) for role in ROLES}
    runs = [
        _make_run(world, group, at, ways["memorizer"][group, at], ways["researcher"][group, at])
        for group in range(groups)
        for at in range(n)
    ]
    found = advantages(runs, by="trajectory", key=by_role if baseline == "separate" else by_task, std=False)
    paid: dict[tuple[str, int], dict[Role, float]] = {}
    for one in found.values:
        paid.setdefault((one.unit.task, one.unit.n), {})[one.unit.role] = one.unit.reward
    gradients: dict[Role, list[Any]] = {role: [] for role in ROLES}
    for one in found.values:
        unit = one.unit
        mine = paid[unit.task, unit.n]
        ours = [mine[unit.role]] if baseline == "separate" else list(mine.values())
        others = 0.0 if baseline == "none" else (one.mean * one.size - sum(ours)) / (one.size - len(ours))
        scores = _score_vectors(world.policies[unit.role])
        gradients[unit.role].append((unit.reward - others) * scores[ways[unit.role][int(unit.task), unit.n]])
    return {role: float(np.var(rows, axis=0, ddof=1).sum()) for role, rows in gradients.items()}


def _make_run(world: World, group: int, n: int, kept: int, searched: int) -> Rollout:
    rewards = {role: {"total": float(world.rewards[role][kept, searched])} for role in ROLES}
    steps = tuple(RecordedStep(role, role, role, "", (), rewards=rewards[role]) for role in ROLES)
    return Rollout(str(group), n, 0, steps, (), (), (), 0, 0, rewards=rewards["memorizer"])


def _softmax(logits: Any) -> Any:
    weights = np.exp(logits - logits.max())
    return weights / weights.sum()


def _score_vectors(policy: Any) -> Any:
    """(ways, logits) float64: the gradient of the logarithm of each way's probability."""
    return np.eye(len(policy)) - policy


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
