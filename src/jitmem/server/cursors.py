"""Cursors: where a list goes on. Opaque to clients, and no secret: they hold a place, and open no namespace."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from ..stores.errors import BadInput


def write_cursor(place: Any) -> str | None:
    """None at the end of a list."""
    return None if place is None else base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def read_page_cursor(cursor: str | None) -> tuple[float | None, int] | None:
    place = _decode(cursor)
    if place is None:
        return None
    match place:
        case [float() | int() | None as time_key, int(seq)] if not isinstance(seq, bool) and abs(seq) < 2**62:
            if time_key is None or abs(time_key) < 2**62:  # no number that is infinite or none
                return (None if time_key is None else float(time_key)), seq
    raise _invalid()


def read_number_cursor(cursor: str | None) -> int | None:
    place = _decode(cursor)
    if place is not None and (type(place) is not int or abs(place) >= 2**62):
        raise _invalid()
    return place


def _decode(cursor: str | None) -> Any:
    if not cursor:
        return None
    try:
        return json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise _invalid() from error


def _invalid() -> BadInput:
    return BadInput("This is no cursor of this list; send `next` of the part before, or none.")
