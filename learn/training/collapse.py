"""Detect a collapse: every reward of every group stays the same, and nothing is learned any more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan
from typing import Any

from ...stores.errors import JitmemError
from .packages import trainer_callback

PATIENCE = 10


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
                " stands in their sessions, and that reader and judge answer."
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
