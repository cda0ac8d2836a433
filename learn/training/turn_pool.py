"""The turns to train on, made again every few steps by running the graphs with the current policy."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from langchain_core.language_models import BaseChatModel

from ...evals.datasets.benchmark_records import Sample
from ...stores.errors import BadInput
from ..rollouts import run_rollout
from ..rollouts.rollout_config import RolloutConfig
from .curriculum import Curriculum
from .turn_starts import CURATE, TurnStart, turn_starts

BroadcastTurns = Callable[[tuple[TurnStart, ...]], tuple[TurnStart, ...]]
"""Gives every process of a training the turns of the first."""


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
                "No turn can be trained on: of the tasks that were drawn none has a question whose evidence stands in its"
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
