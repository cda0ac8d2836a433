"""Group-relative advantages (GRPO): how much better a run did than the others of its group, role by role."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from ..stores.errors import BadInput
from .rollout_records import RecordedStep, Role, Rollout

Grouping = Literal["step", "trajectory"]
GROUPINGS: tuple[Grouping, ...] = get_args(Grouping)
LEARNERS: tuple[Role, ...] = ("memorizer", "researcher")
EPSILON = 1e-4  # as in TRL
_EQUAL = 1e-9


@dataclass(frozen=True, slots=True)
class RewardUnit:
    """What has one reward: a step, or a trajectory, all that a role does in a run for one end.

    The Memorizer's trajectory is its whole filing, with the run's total reward; the Researcher's is its search for one
    question (`about`), with that question's score. `steps` are the keys of its steps; `key` is a step's key, and "" for
    a trajectory.
    """

    task: str
    n: int
    role: Role
    about: str
    key: str
    steps: tuple[str, ...]
    reward: float


@dataclass(frozen=True, slots=True)
class Advantage:
    """`advantage` is `(reward - mean) / (std + EPSILON)` over the group's `size` rewards, or `reward - mean`."""

    unit: RewardUnit
    advantage: float
    mean: float
    std: float
    size: int

    def as_dict(self) -> dict[str, Any]:
        """With the unit's values, for JSON."""
        return {**asdict(self.unit), **{name: getattr(self, name) for name in ("mean", "std", "size", "advantage")}}


@dataclass(frozen=True, slots=True)
class EqualGroup:
    """A group without a gradient: all its rewards are equal, or it has one member."""

    group: Hashable
    reward: float
    size: int


@dataclass(frozen=True, slots=True)
class Advantages:
    """In the order of the runs and their steps. The advantages of `equal_groups` are all 0; `left_out` counts steps or
    trajectories without a reward."""

    values: tuple[Advantage, ...]
    equal_groups: tuple[EqualGroup, ...]
    left_out: int

    def by_step(self) -> dict[tuple[str, int, str], float]:
        """`(task, n, key of a step)` to its advantage, or to that of its trajectory."""
        return {(one.unit.task, one.unit.n, key): one.advantage for one in self.values for key in one.unit.steps}


GroupKey = Callable[[RewardUnit], Hashable]
"""Maps a unit to its group. The baseline is the group's mean."""


def by_role(unit: RewardUnit) -> Hashable:
    """The other runs' units of the same task, role, end and place: each role has its own baseline."""
    return unit.task, unit.role, unit.about if unit.key == "" else unit.key


def by_task(unit: RewardUnit) -> Hashable:
    """All units of the task, whatever their role: one baseline for both roles."""
    return unit.task


def advantages(
    rollouts: Iterable[Rollout],
    *,
    by: Grouping = "step",
    key: GroupKey = by_role,
    roles: Sequence[Role] = LEARNERS,
    std: bool = True,
) -> Advantages:
    """Of every step of these roles, or of every trajectory. Units without a reward are in no group.

    The standard deviation is that of a sample (n - 1), as in TRL and verl. A step that only one run has taken is alone
    in its group, with nothing to compare it with.
    """
    if by not in GROUPINGS:
        raise BadInput(f"Advantages are by {' or by '.join(GROUPINGS)}, not by {by!r}.")
    units = list(reward_units(rollouts, by, roles))
    rewarded = [unit for unit in units if unit is not None]
    rewards: dict[Hashable, list[float]] = {}
    for unit in rewarded:
        rewards.setdefault(key(unit), []).append(unit.reward)
    statistics = {group: _mean_and_std(own) for group, own in rewards.items()}
    values = []
    for unit in rewarded:
        mean, spread = statistics[key(unit)]
        gap = 0.0 if abs(unit.reward - mean) < _EQUAL else unit.reward - mean
        values.append(Advantage(unit, gap / (spread + EPSILON) if std else gap, mean, spread, len(rewards[key(unit)])))
    equal = [
        EqualGroup(group, statistics[group][0], len(own))
        for group, own in rewards.items()
        if all(abs(reward - statistics[group][0]) < _EQUAL for reward in own)
    ]
    return Advantages(tuple(values), tuple(equal), len(units) - len(rewarded))


def write_advantages(path: Path, result: Advantages) -> None:
    """A line of JSON for each; an existing file is replaced when all are written."""
    draft = path.with_name(path.name + ".part")
    with draft.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(one.as_dict(), ensure_ascii=False) + "\n" for one in result.values)
    draft.replace(path)


def reward_units(
    rollouts: Iterable[Rollout], by: Grouping, roles: Sequence[Role] = LEARNERS
) -> Iterator[RewardUnit | None]:
    """Run by run, in the order of their first steps; None for a step or trajectory without a reward."""
    for rollout in rollouts:
        parts: dict[tuple[Role, str, str], list[RecordedStep]] = {}
        for step in (step for step in rollout.steps if step.role in roles):
            if by == "step":
                part = step.role, step.about, step.key
            else:
                part = step.role, "" if step.role == "memorizer" else step.about, ""
            parts.setdefault(part, []).append(step)
        for (role, about, key), steps in parts.items():
            whole_run = by == "trajectory" and role == "memorizer"
            reward = (rollout if whole_run else steps[-1]).rewards.get("total")
            keys = tuple(step.key for step in steps)
            yield None if reward is None else RewardUnit(rollout.task, rollout.n, role, about, key, keys, reward)


def _mean_and_std(rewards: Sequence[float]) -> tuple[float, float]:
    """Of a sample; the deviation of one value is 0."""
    mean = math.fsum(rewards) / len(rewards)
    return mean, math.sqrt(math.fsum((reward - mean) ** 2 for reward in rewards) / max(1, len(rewards) - 1))
