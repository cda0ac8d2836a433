"""Parse JSON so that all of it can be kept: no key lost, no number or string that cannot be written again."""

from __future__ import annotations

import json
import math
import re
from collections import Counter

from .errors import BadInput

DEEPEST = 100  # levels; what reads the value later recurses, and Python allows about 1,000 frames in all

_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)"
)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def parse_json(source: str, *, name: str, right: str, line: int | None = None, deepest: int = DEEPEST) -> object:
    """The value; `BadInput` names the file, the line where it is known, and what would be `right`.

    `line` is the number of the only line in `source`; without it lines are counted in `source`. `deepest` is how many
    levels may be nested.
    """
    place = name if line is None else f"{name}, line {line}"
    try:
        value: object = _DECODER.decode(source)
    except json.JSONDecodeError as error:
        place = f"{name}, line {line or error.lineno}"
        raise BadInput(f"{place}: not valid JSON ({error.msg}, column {error.colno}); {right}") from error
    except RecursionError as error:
        raise BadInput(f"{place}: nested deeper than {deepest} levels; {right}") from error
    except ValueError as error:
        # Python's message on a number of 4,301 digits goes on with advice for programmers.
        reason = str(error).partition(" for integer string")[0]
        raise BadInput(f"{place}: not valid JSON ({reason}); {right}") from error
    if (half := _half_of_a_pair(source)) is not None:
        at, escape = half
        place = f"{name}, line {line or source.count(chr(10), 0, at) + 1}"
        column = at - source.rfind("\n", 0, at)
        raise BadInput(
            f"{place}: not a character ({escape} is half of a surrogate pair, column {column}); "
            "write the whole pair, or the character itself"
        )
    if _is_deep(value, deepest):
        raise BadInput(f"{place}: nested deeper than {deepest} levels; {right}")
    return value


def _half_of_a_pair(source: str) -> tuple[int, str] | None:
    """Offset and text of the first escape that stands for half a character, which no UTF-8 can hold."""
    if not _SURROGATE.search(source):
        return None
    return next(((found.start(), found[0]) for found in _ESCAPE.finditer(source) if found[1]), None)


def _is_deep(value: object, deepest: int) -> bool:
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(deepest):
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"the key {twice[:80]!r} comes twice in one object")
    return found


def _finite(number: str) -> float:
    value = float(number)
    if math.isinf(value):
        raise ValueError(f"{number[:80]} is too large a number")
    return value


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not a JSON number")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=_finite, parse_constant=_refuse_constant)
