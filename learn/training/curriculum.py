"""Short tasks first: which tasks are drawn at which point of the training, the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from ...evals.datasets.benchmark_records import Sample
from ...stores.errors import BadInput
from ..rollouts import task_tokens

LONGEST = 30_000
"""Tokens of a task that is trained on, as in Mem-α."""


@dataclass(frozen=True)
class Curriculum:
    """Tasks by their length, at most `longest` tokens each; longer ones are never drawn (`left_out`).

    It begins with the shortest `begin` (a share of the tasks) and adds longer ones evenly, until at `whole` (a share of
    the training) all are drawn. `begin=1` is no curriculum.
    """

    tasks: tuple[Sample, ...]
    longest: int = LONGEST
    begin: float = 0.25
    whole: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        if not (0 < self.begin <= 1 and 0 <= self.whole <= 1):
            raise BadInput(f"begin is a share above 0, whole one of 0 to 1; got {self.begin} and {self.whole}.")
        if not self.eligible_tasks:
            shortest = min((task_tokens(task) for task in self.tasks), default=0)
            raise BadInput(
                f"No task is short enough to train on: the shortest of {len(self.tasks)} has {shortest:,} tokens, and"
                f" {self.longest:,} are allowed. Give shorter tasks, or a higher limit."
            )

    @property
    def eligible_tasks(self) -> tuple[Sample, ...]:
        """Those that may be drawn, the shortest first; equal lengths by name."""
        sized = sorted((task_tokens(task), task.name, at) for at, task in enumerate(self.tasks))
        return tuple(self.tasks[at] for size, _, at in sized if size <= self.longest)

    @property
    def left_out(self) -> int:
        """The number of tasks that are too long."""
        return len(self.tasks) - len(self.eligible_tasks)

    def open_at(self, progress: float) -> tuple[Sample, ...]:
        """Those that are drawn from at this share of the training (0 to 1), at least one."""
        ordered = self.eligible_tasks
        grown = 1.0 if self.whole == 0 else min(1.0, max(0.0, progress) / self.whole)
        share = self.begin + (1 - self.begin) * grown
        return ordered[: max(1, round(share * len(ordered)))]

    def draw(self, progress: float, count: int) -> tuple[Sample, ...]:
        """`count` random tasks, each as often as the others: the same for the same seed and progress."""
        chance = random.Random(f"{self.seed}/{progress:.6f}")
        available: Sequence[Sample] = self.open_at(progress)
        drawn_tasks: list[Sample] = []
        while len(drawn_tasks) < count:
            drawn_tasks += chance.sample(available, len(available))
        return tuple(drawn_tasks[:count])
