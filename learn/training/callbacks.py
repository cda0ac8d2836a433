"""Callbacks between the steps of TRL's trainer, among them the one that stops a collapsed training."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from math import isnan
from pathlib import Path
from typing import Any

from ...stores.errors import JitmemError
from .packages import trainer_callback
from .policy import Policy
from .turn_pool import BroadcastTurns, TurnPool
from .turn_starts import TurnStart

PATIENCE = 10
"""Steps without a difference in rewards before the training stops."""
REWARDS = ("r1", "r2", "r3", "r4", "coverage", "total")


@dataclass(frozen=True, slots=True)
class TrainingStep:
    """Means over the replies of a step, and the share of groups whose rewards were all equal."""

    step: int
    steps: int
    rewards: Mapping[str, float]
    equal: float = 0.0
    loss: float | None = None
    seconds: float = 0.0


StepProgress = Callable[[TrainingStep], None]


class TrainingCollapsed(JitmemError):
    """Training was stopped, since the rewards of every group had been equal for many steps."""


@dataclass
class CollapseWatch:
    """Observes each step and says when to stop. `patience` is in steps, 0 for never.

    Where all rewards of a group are equal, all of its advantages are 0, and the step changes nothing. One such step is
    chance; many in a row do not end by themselves, since the policy that made them does not change.
    """

    patience: int = PATIENCE
    still: int = 0

    def observe(self, equal: float | None, reward: float | None) -> None:
        """`equal` is the share of groups whose rewards are all equal, `reward` the mean of all; None (or NaN) where no
        reply of the step had one. `TrainingCollapsed` after `patience` such steps."""
        unscored = reward is None or isnan(reward)
        self.still = self.still + 1 if unscored or (equal is not None and equal >= 1) else 0
        if self.patience and self.still >= self.patience:
            raise TrainingCollapsed(self._message(None if unscored else reward))

    def _message(self, reward: float | None) -> str:
        if reward is None:
            return (
                f"Training was stopped: for {self.still} steps no group has had rewards that differ, and in the last none"
                " had any reward at all. Nothing is learned from that; see that the tasks have questions whose evidence"
                " is in their sessions, and that reader and judge answer."
            )
        return (
            f"Training was stopped: for {self.still} steps all rewards of each group have been equal (the last: {reward:.3g}"
            " on average). Advantages are then 0, and nothing is learned. A policy that collapsed does not come back: go on"
            " from an earlier checkpoint with a lower learning rate (a tenth), a higher temperature, or other tasks."
        )


def collapse_callback(watch: CollapseWatch) -> Any:
    """For TRL's GRPOTrainer, which logs both figures over all processes: all of them stop at once."""

    def observe(state: Any, logs: Mapping[str, Any]) -> None:
        if "frac_reward_zero_std" in logs:
            watch.observe(logs["frac_reward_zero_std"], logs.get("reward"))

    return trainer_callback("on_log", observe)


def metrics_callback(path: Path, steps: int, progress: StepProgress, first: bool) -> Any:
    """Writes a line for each step, in the first process."""

    began = time.perf_counter()

    def write_step(state: Any, logs: Mapping[str, Any]) -> None:
        if not first or "frac_reward_zero_std" not in logs:
            return
        step = TrainingStep(
            step=state.global_step,
            steps=steps,
            rewards={name: logs[name] for name in REWARDS if logs.get(name) is not None},
            equal=logs["frac_reward_zero_std"],
            loss=logs.get("loss"),
            seconds=round(time.perf_counter() - began, 2),
        )
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(step)) + "\n")
        progress(step)

    return trainer_callback("on_log", write_step)


def refresh_callback(pool: TurnPool, policy: Policy, every: int, steps: int) -> Any:
    """Makes new turns with the current policy, after `every` so many of the `steps` (0: never)."""

    def refresh(state: Any, logs: Mapping[str, Any]) -> None:
        if every and state.global_step % every == 0 and state.global_step < steps:
            pool.fill(policy, state.global_step / steps)

    return trainer_callback("on_step_end", refresh)


def broadcast_turns(accelerator: Any) -> BroadcastTurns:
    """The turns of the first process, in every process: a group's replies may be spread over several."""
    if accelerator.num_processes == 1:
        return lambda made: made

    def broadcast(turns: tuple[TurnStart, ...]) -> tuple[TurnStart, ...]:
        from accelerate.utils import broadcast_object_list

        payload = [[one.to_json() for one in turns]]
        broadcast_object_list(payload)
        return tuple(TurnStart.from_json(one) for one in payload[0])

    return broadcast
