"""Progress and rewards of many runs, and when to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ...stores.errors import ModelUnavailable
from ..rollout_records import Rollout

PATIENCE = 10
"""Consecutive failed runs before all runs are stopped."""


@dataclass(frozen=True, slots=True)
class RolloutStats:
    """Runs done, of how many, those that ended in an error, and the mean total reward of the others."""

    done: int
    total: int
    failed: int
    reward: float | None


Tell = Callable[[RolloutStats], None]


class RolloutProgress:
    """Counts, from several threads."""

    def __init__(self, total: int, tell: Tell) -> None:
        self._total, self._tell = total, tell
        self._lock = threading.Lock()
        self._done = self._failed = self._in_a_row = 0
        self._sum, self._paid = 0.0, 0

    @property
    def stats(self) -> RolloutStats:
        return RolloutStats(self._done, self._total, self._failed, self._sum / self._paid if self._paid else None)

    def count(self, one: Rollout) -> None:
        """Count a run; `ModelUnavailable` when too many have failed in a row."""
        self.add(one.error, one.rewards)
        if self._in_a_row >= PATIENCE:
            raise ModelUnavailable(
                f"{PATIENCE} runs failed one after the other, the last with {one.error} The same command goes on from here."
            )

    def add(self, error: str, rewards: Mapping[str, float | None]) -> None:
        with self._lock:
            self._done += 1
            self._failed += bool(error)
            self._in_a_row = self._in_a_row + 1 if error else 0
            if (total := rewards.get("total")) is not None:
                self._sum += total
                self._paid += 1
            self._tell(self.stats)
