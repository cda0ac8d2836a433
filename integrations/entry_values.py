"""The values of a BaseStore: made plain JSON that every engine keeps, their searchable texts, and whether they pass a filter."""

from __future__ import annotations

import json
import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, time
from enum import Enum
from typing import Any
from uuid import UUID

from langgraph.store.base import get_text_at_path

from ..stores.errors import BadInput
from ..stores.truth.entry_records import value_lines

_DEEPEST = 100  # levels; what reads the value later recurses, and Python allows about 1,000 frames in all
_LONGEST = 2000  # characters embedded as one text; embedding models refuse what is much longer
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # NUL and lone surrogates: no engine keeps them all


def plain(value: object) -> dict[str, Any]:
    """A copy as JSON would give it back; NUL and lone surrogates become U+FFFD, tuples become lists.

    `BadInput` names what is no JSON, and where it stands.
    """
    if not isinstance(value, Mapping):
        raise BadInput(f"A value is a JSON object (a dict), not a {type(value).__name__}.")
    copy = _object(value, "value", 0)
    try:
        json.dumps(copy)
    except ValueError as error:  # an integer of more digits than Python writes
        raise BadInput(f"A value must be JSON: {error}.") from error
    return copy


def clean(text: str) -> str:
    """The text with U+FFFD for what cannot be stored."""
    return _UNSTORABLE.sub("\ufffd", text)


def is_storable(text: object) -> bool:
    """Whether it is a text without NUL and lone surrogates."""
    return isinstance(text, str) and not _UNSTORABLE.search(text)


def texts(value: Mapping[str, Any], paths: Sequence[str]) -> list[str]:
    """What of a value is searched, long texts in pieces: "$" is all of it, else a path such as `notes[*].text`."""
    whole = [
        text
        for field in paths
        for text in (["\n".join(value_lines(value))] if field == "$" else get_text_at_path(dict(value), field))
    ]
    return [piece for text in dict.fromkeys(whole) for piece in _pieces(text)]


def _as_json(value: object) -> object:
    """What orjson, by which LangGraph's own stores write values, makes of the types that it knows beside those of JSON."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, date | time):  # a datetime is a date
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: getattr(value, one.name) for one in fields(value) if not one.name.startswith("_")}
    return value


def _plain(value: object, place: str, depth: int) -> Any:
    value = _as_json(value)
    if depth > _DEEPEST:
        raise BadInput(f"A value must be nested no deeper than {_DEEPEST} levels; {place[:60]}… is.")
    if isinstance(value, str):
        return clean(value)
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, Mapping):
        return _object(value, place, depth)
    if isinstance(value, list | tuple):
        return [_plain(element, f"{place}[{at}]", depth + 1) for at, element in enumerate(value)]
    raise BadInput(f"A value must be JSON; {place} is {value!r:.60} ({type(value).__name__}).")


def _object(value: Mapping[Any, object], place: str, depth: int) -> dict[str, Any]:
    copy = {}
    for key, element in value.items():
        if not isinstance(key, str):
            raise BadInput(f"A value must be JSON, whose keys are texts; {place} has the key {key!r:.60}.")
        if clean(key) in copy:
            raise BadInput(f"Two keys of {place} are the same once they can be stored: {clean(key)!r:.60}.")
        copy[clean(key)] = _plain(element, f"{place}.{key:.60}", depth + 1)
    return copy


def _pieces(text: str) -> Iterator[str]:
    start = 0
    while start < len(text):
        end = start + _LONGEST
        if end < len(text):
            end = max(text.rfind(" ", start, end), text.rfind("\n", start, end), start + _LONGEST // 2)
        if piece := text[start:end].strip():
            yield piece
        start = end


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
    return all(_holds(value.get(key), _as_json(wanted)) for key, wanted in (conditions or {}).items())


def _holds(held: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        if any(str(key).startswith("$") for key in wanted):
            return all(_apply_operator(held, key, _as_json(operand)) for key, operand in wanted.items())
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
