"""The four rewards: r1 right answers, r2 executable calls, r3 compression, r4 right content, each by two rules."""

from __future__ import annotations

from collections.abc import Sequence

from ..rollout_records import MemoryToolCall
from .reward_input import RewardInput


def mean_answer_score(given: RewardInput) -> float | None:
    """r1: the mean score over the questions; None where none was scored."""
    return sum(given.scores) / len(given.scores) if given.scores else None


def executed_share(given: RewardInput) -> float | None:
    """r2 as Mem-α counts: calls that ran without an error, of all calls; 0 where there was none.

    A duplicate ran, and so did the deletion of an unknown id.
    """
    return None if given.calls is None else _share([_is_executed(call) for call in given.calls])


def sound_share(given: RewardInput) -> float | None:
    """r2: calls that changed the memory and that no judge found false, of all calls.

    Unknown ids and duplicates are failures. Without a call: None if there was nothing to keep, 0 if something was
    missed.
    """
    if given.calls is None or not (given.calls or given.missed):
        return None
    return _share([has_effect(call) and call.valid is not False for call in given.calls])


def compression(given: RewardInput) -> float | None:
    """r3: 1 - tokens of the memory / tokens of the sessions. Below 0 for a memory longer than its sessions; None
    without sessions."""
    return 1 - given.memory_tokens / given.source_tokens if given.source_tokens else None


def valid_share(given: RewardInput) -> float | None:
    """r4 as Mem-α counts: calls whose content a judge finds valid for its kind, of all calls; 0 where there was none.

    A deletion has no content, and counts as 0. Calls without a verdict are left out.
    """
    if given.calls is None:
        return None
    found = [call.valid is True and call.op != "delete" for call in given.calls if call.valid is not None]
    return _share(found) if found or not given.calls else None


def grounded_share(given: RewardInput) -> float | None:
    """r4: calls that a judge who saw the source finds right, deletions too, of all calls.

    A call that changed nothing counts as wrong. Calls without a verdict are left out; None where that is every call.
    Without a call: None if there was nothing to keep, 0 if something was missed.
    """
    if given.calls is None or not (given.calls or given.missed):
        return None
    found = [
        has_effect(call) and call.valid is True
        for call in given.calls
        if call.valid is not None or not has_effect(call)
    ]
    return _share(found) if found or not given.calls else None


def has_effect(call: MemoryToolCall) -> bool:
    """Whether the memory is changed by it, or will be once somebody approves."""
    return call.status in ("applied", "proposed")


def _is_executed(call: MemoryToolCall) -> bool:
    return has_effect(call) or call.status == "duplicate" or (call.status == "unknown_id" and call.op == "delete")


def _share(found: Sequence[bool]) -> float:
    return sum(found) / len(found) if found else 0.0
