"""r4: is what the calls write (or take away) right, as a judge found."""

from __future__ import annotations

from .calls import has_effect
from .reward_input import RewardInput


def valid_share(outcome: RewardInput) -> float | None:
    """As Mem-α counts: calls whose content a judge finds valid for its kind, of all calls; 0 where there was none.

    A deletion has no content, and counts as 0. What a judge could not rule on is left out.
    """
    if outcome.calls is None:
        return None
    found = [call.valid is True and call.op != "delete" for call in outcome.calls if call.valid is not None]
    return _share(found) if found or not outcome.calls else None


def grounded_share(outcome: RewardInput) -> float | None:
    """Calls that a judge who saw the source finds right, deletions too, of all calls.

    A call that changed nothing has written nothing right. What a judge could not rule on is left out; None where that
    is every call. Where no call was made: None if there was nothing to keep, 0 if something was missed.
    """
    if outcome.calls is None or not (outcome.calls or outcome.missed):
        return None
    found = [
        has_effect(call) and call.valid is True
        for call in outcome.calls
        if call.valid is not None or not has_effect(call)
    ]
    return _share(found) if found or not outcome.calls else None


def _share(found: list[bool]) -> float:
    return sum(found) / len(found) if found else 0.0
