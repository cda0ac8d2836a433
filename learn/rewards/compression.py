"""r3: how much smaller is the memory than what it was made from."""

from __future__ import annotations

from .reward_input import RewardInput


def compression(outcome: RewardInput) -> float | None:
    """1 less the tokens of the memory over those of the sessions: 1 for an empty memory, below 0 for one that is
    longer than they are. None without sessions."""
    return 1 - outcome.memory_tokens / outcome.source_tokens if outcome.source_tokens else None
