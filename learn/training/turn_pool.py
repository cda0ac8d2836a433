"""Which tasks are drawn, short ones first, and the turns to train on, made again every few steps with the current policy."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from langchain_core.language_models import BaseChatModel

from ...evals.datasets.benchmark_records import Sample
from ...stores.errors import BadInput
from ..rollouts import run_rollout, task_tokens
from ..rollouts.rollout_config import RolloutConfig
from .turn_starts import CURATE, TurnStart, turn_starts

LONGEST = 30_000
"""Tokens of a task that is trained on, as in Mem-α."""

BroadcastTurns = Callable[[tuple[TurnStart, ...]], tuple[TurnStart, ...]]
"""Gives every process of a training the turns of the first."""


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


@dataclass
class TurnPool:
    """`size` places, each with a turn. Which turns depends on the seed, the progress and the policy.

    `config` says how tasks are run; the policy answers the curate step. Turns without a question about their sessions
    are skipped: they cannot be rewarded. Of several processes only the `first` runs the graphs, and `share` broadcasts
    its turns.
    """

    curriculum: Curriculum
    config: RolloutConfig
    size: int
    seed: int = 0
    share: BroadcastTurns = lambda made: made
    first: bool = True
    turns: tuple[TurnStart, ...] = field(default=(), repr=False)

    def fill(self, policy: BaseChatModel | None, progress: float) -> None:
        """New turns for this share of the training (0 to 1). Without a policy those of `config`'s own model.

        `BadInput` where the tasks give no turn with a question.
        """
        turns = self._make_turns(policy, progress) if self.first else []
        self.turns = self.share(tuple(turns))

    def _make_turns(self, policy: BaseChatModel | None, progress: float) -> list[TurnStart]:
        by = self.config
        if policy is not None:
            by = replace(by, step_models={**(by.step_models or {}), CURATE: policy})
        turns: list[TurnStart] = []
        for task in self.curriculum.draw(progress, 4 * self.size):
            if len(turns) < self.size:
                turns += [one for one in rollout_turns(task, by) if one.questions]
        if not turns:
            raise BadInput(
                "No turn can be trained on: of the tasks that were drawn none has a question whose evidence is in its"
                " sessions, or no model made turns. Give tasks with questions (see `jitmem.learn.tasks`)."
            )
        random.Random(f"{self.seed}/{progress:.6f}").shuffle(turns)
        return [turns[at % len(turns)] for at in range(self.size)]

    def row(self, place: int) -> Mapping[str, Any]:
        """The turn at a place, as a row for TRL."""
        return self.turns[place].row()

    def rows(self, places: Mapping[str, Sequence[int]]) -> dict[str, list[Any]]:
        """A batch of rows, as `datasets` requests them."""
        rows = [self.row(place) for place in places["place"]]
        return {name: [one[name] for one in rows] for name in ("prompt", "turn")}


def rollout_turns(task: Sample, config: RolloutConfig, n: int = 0) -> tuple[TurnStart, ...]:
    """The turns of one run over a task, without questions or rewards. A failure raises."""
    unasked = replace(task, questions=())
    run = run_rollout(unasked, n, replace(config, rewards=None))
    if run.error:
        raise BadInput(f"{task.name} could not be run for turns to train on: {run.error}")
    return turn_starts(run, task)
