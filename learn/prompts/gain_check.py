"""Is a candidate better, and not by chance: the same tasks run again with both prompts, compared task by task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ...evals.compare import bootstrap_means
from ..rollout_records import Rollout
from .gepa_adapter import Learner, learner_reward


@dataclass(frozen=True, slots=True)
class Gain:
    """Means over `n` tasks, each the mean of its runs. `low` to `high` holds 95 % of the resampled mean differences
    (paired bootstrap over tasks, 10,000 resamples of one seed)."""

    n: int
    before: float
    after: float
    low: float
    high: float

    @property
    def gain(self) -> float:
        return self.after - self.before

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "gain": self.gain}


@dataclass(frozen=True, slots=True)
class GainCheck:
    """The reward of the role that learns (`worth`), and the answers (`r1`), which must not get worse.

    `coverage_scaled` is false of rewards that pay for calls whether or not they cover a question: then more reward is
    no gain unless more answers are right, as it may be paid for lies.
    """

    worth: Gain
    r1: Gain
    coverage_scaled: bool = True

    @property
    def rejection(self) -> str:
        """Why it is no improvement; "" if it is one."""
        if self.worth.gain <= 0:
            return f"the reward went from {self.worth.before:.3f} to {self.worth.after:.3f}"
        if self.worth.low <= 0:
            return f"a gain of {self.worth.gain:.3f} may be chance (95 % between {self.worth.low:.3f} and {self.worth.high:.3f})"
        if self.r1.gain < 0:
            return f"answers became worse, from {self.r1.before:.3f} to {self.r1.after:.3f}"
        if not self.coverage_scaled and self.r1.gain == 0:
            return (
                f"the reward went from {self.worth.before:.3f} to {self.worth.after:.3f}, and no more answers are right"
            )
        return ""

    def as_dict(self) -> dict[str, Any]:
        return {"worth": self.worth.as_dict(), "r1": self.r1.as_dict()}


def compare_prompts(
    before: Sequence[Rollout], after: Sequence[Rollout], learner: Learner, *, scaled: bool = True
) -> GainCheck:
    """Over runs of the same tasks, equally many with each prompt."""
    return GainCheck(
        _paired_gain(
            [learner_reward(run, learner) for run in before], [learner_reward(run, learner) for run in after], before
        ),
        _paired_gain(
            [learner_reward(run, "researcher") for run in before],
            [learner_reward(run, "researcher") for run in after],
            before,
        ),
        scaled,
    )


def _paired_gain(before: Sequence[float], after: Sequence[float], runs: Sequence[Rollout]) -> Gain:
    first, second = (_task_means(values, runs) for values in (before, after))
    old, new = np.array(list(first.values())), np.array([second[task] for task in first])
    low, high = np.percentile(bootstrap_means(new - old, seed=0), [2.5, 97.5])
    return Gain(len(old), *(round(float(value), 9) for value in (old.mean(), new.mean(), low, high)))


def _task_means(values: Sequence[float], runs: Sequence[Rollout]) -> Mapping[str, float]:
    found: dict[str, list[float]] = {}
    for value, run in zip(values, runs, strict=True):
        found.setdefault(run.task, []).append(value)
    return {task: sum(many) / len(many) for task, many in found.items()}
