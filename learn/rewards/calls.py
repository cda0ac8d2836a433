"""r2: were the calls of memory tools such that they could be carried out."""

from __future__ import annotations

from collections.abc import Callable

from ..records import Call
from .outcome import Outcome


def executed(outcome: Outcome) -> float | None:
    """As Mem-α counts: calls that ran without an error, of all calls; 0 where there was none.

    What the memory had already ran well there, and so did the deletion of an id that there is not.
    """
    if outcome.calls is None:
        return None
    return _share(outcome.calls, _ran)


def sound(outcome: Outcome) -> float | None:
    """Calls that changed the memory and that no judge found false, of all calls.

    Unknown ids are failures, and so is to say again what is held. Where no call was made: None if there was nothing to
    keep, 0 if something was missed.
    """
    if outcome.calls is None or not (outcome.calls or outcome.missed):
        return None
    return _share(outcome.calls, lambda call: changed(call) and call.valid is not False)


def changed(call: Call) -> bool:
    """Whether the memory is another by it, or will be once somebody says yes."""
    return call.status in ("applied", "proposed")


def _ran(call: Call) -> bool:
    return changed(call) or call.status == "duplicate" or (call.status == "unknown_id" and call.op == "delete")


def _share(calls: tuple[Call, ...], good: Callable[[Call], bool]) -> float:
    return sum(map(good, calls)) / len(calls) if calls else 0.0
