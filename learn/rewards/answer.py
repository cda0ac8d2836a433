"""r1: were the questions answered rightly."""

from __future__ import annotations

from .reward_input import RewardInput


def mean_answer_score(outcome: RewardInput) -> float | None:
    """The mean score over the questions; None where none was scored."""
    return sum(outcome.scores) / len(outcome.scores) if outcome.scores else None
