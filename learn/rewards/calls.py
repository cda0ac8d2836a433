"""r2: were the calls of memory tools such that they could be carried out."""

from __future__ import annotations

from collections.abc import Callable

from ..rollout_records import MemoryToolCall
from .reward_input import RewardInput


def executed_share(outcome: RewardInput) -> float | None:
    """As Mem-α counts: calls that ran without an error, of all calls; 0 where there was none.

    What the memory had already ran well there, and so did the deletion of an id that there is not.
    """
    if outcome.calls is None:
        return None
    return _share(outcome.calls, _is_executed)


def sound_share(outcome: RewardInput) -> float | None:
    """Calls that changed the memory and that no judge found false, of all calls.

    Unknown ids are failures, and so is to say again what is held. Where no call was made: None if there was nothing to
    keep, 0 if something was missed.
    """
    if outcome.calls is None or not (outcome.calls or outcome.missed):
        return None
    return _share(outcome.calls, lambda call: has_effect(call) and call.valid is not False)


def has_effect(call: MemoryToolCall) -> bool:
    """Whether the memory is another by it, or will be once somebody says yes."""
    return call.status in ("applied", "proposed")


def _is_executed(call: MemoryToolCall) -> bool:
    return has_effect(call) or call.status == "duplicate" or (call.status == "unknown_id" and call.op == "delete")


def _share(calls: tuple[MemoryToolCall, ...], good: Callable[[MemoryToolCall], bool]) -> float:
    return sum(map(good, calls)) / len(calls) if calls else 0.0
