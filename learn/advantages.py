"""Group-relative advantages (GRPO): how much better a run did than the others of its group, role by role."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
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
    groups: dict[Hashable, list[RewardUnit]] = {}
    places: dict[Hashable, list[int]] = {}
    count = left_out = 0
    for unit in reward_units(rollouts, by, roles):
        if unit is None:
            left_out += 1
            continue
        groups.setdefault(key(unit), []).append(unit)
        places.setdefault(key(unit), []).append(count)
        count += 1
    values: list[Advantage | None] = [None] * count
    collapsed: list[EqualGroup] = []
    for group, members in groups.items():
        mean, spread = _mean_and_std([unit.reward for unit in members])
        if all(abs(unit.reward - mean) < _EQUAL for unit in members):
            collapsed.append(EqualGroup(group, mean, len(members)))
        for place, unit in zip(places[group], members, strict=True):
            gap = 0.0 if abs(unit.reward - mean) < _EQUAL else unit.reward - mean
            values[place] = Advantage(unit, gap / (spread + EPSILON) if std else gap, mean, spread, len(members))
    return Advantages(tuple(one for one in values if one is not None), tuple(collapsed), left_out)


def write_advantages(path: Path, result: Advantages) -> None:
    """A line of JSON for each; an existing file is replaced when all are written."""
    draft = path.with_name(path.name + ".part")
    with draft.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(one.as_dict(), ensure_ascii=False) + "\n" for one in result.values)
    draft.replace(path)


def reward_units(
    rollouts: Iterable[Rollout], by: Grouping, roles: Sequence[Role] = LEARNERS
) -> Iterator[RewardUnit | None]:
    """Run by run; None for a step or trajectory without a reward."""
    for rollout in rollouts:
        steps = [step for step in rollout.steps if step.role in roles]
        yield from _step_units(rollout, steps) if by == "step" else _trajectory_units(rollout, steps)


def _step_units(rollout: Rollout, steps: Iterable[RecordedStep]) -> Iterator[RewardUnit | None]:
    for step in steps:
        reward = step.rewards.get("total")
        if reward is None:
            yield None
        else:
            yield RewardUnit(rollout.task, rollout.n, step.role, step.about, step.key, (step.key,), reward)


def _trajectory_units(rollout: Rollout, steps: Iterable[RecordedStep]) -> Iterator[RewardUnit | None]:
    """In the order of their first steps."""
    parts: dict[tuple[Role, str], list[RecordedStep]] = {}
    for step in steps:
        parts.setdefault((step.role, "" if step.role == "memorizer" else step.about), []).append(step)
    for (role, about), own_steps in parts.items():
        paid: Mapping[str, float | None] = rollout.rewards if role == "memorizer" else own_steps[-1].rewards
        reward = paid.get("total")
        if reward is None:
            yield None
        else:
            yield RewardUnit(rollout.task, rollout.n, role, about, "", tuple(step.key for step in own_steps), reward)


def _mean_and_std(rewards: Sequence[float]) -> tuple[float, float]:
    """Of a sample; the deviation of one value is 0."""
    mean = math.fsum(rewards) / len(rewards)
    if len(rewards) < 2:
        return mean, 0.0
    return mean, math.sqrt(math.fsum((reward - mean) ** 2 for reward in rewards) / (len(rewards) - 1))
