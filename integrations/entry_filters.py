"""Whether a value passes the filter of a BaseStore search, as LangGraph's own stores decide it."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from ..stores.errors import BadInput

_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}


def matches_filter(value: Mapping[str, Any], conditions: Mapping[str, Any] | None) -> bool:
    """Every condition holds: a field equals what is given, or stands to it as an operator says.

    Objects are compared by the fields that the condition names, lists element by element. `$gt` and its like compare
    numbers, and texts with texts; what cannot be compared does not pass. `BadInput` for an unknown operator.
    """
    return all(_holds(value.get(key), wanted) for key, wanted in (conditions or {}).items())


def _holds(held: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        if any(str(key).startswith("$") for key in wanted):
            return all(_apply_operator(held, key, operand) for key, operand in wanted.items())
        return isinstance(held, dict) and matches_filter(held, wanted)
    if isinstance(wanted, list | tuple):
        return isinstance(held, list) and len(held) == len(wanted) and all(map(_holds, held, wanted))
    return bool(held == wanted)


def _apply_operator(held: Any, name: str, operand: Any) -> bool:
    if name == "$eq":
        return bool(held == operand)
    if name == "$ne":
        return bool(held != operand)
    if name not in _ORDERS:
        raise BadInput(f"A filter knows no operator {name!r}; it knows $eq, $ne, {', '.join(_ORDERS)}.")
    try:
        return _ORDERS[name](float(held), float(operand))
    except (TypeError, ValueError, OverflowError):
        return isinstance(held, str) and isinstance(operand, str) and _ORDERS[name](held, operand)
