"""r1: were the questions answered rightly."""

from __future__ import annotations

from .outcome import Outcome


def answered(outcome: Outcome) -> float | None:
    """The mean score over the questions; None where none was scored."""
    return sum(outcome.scores) / len(outcome.scores) if outcome.scores else None
