"""Find a quote whose case, white space or quote marks differ from the text's."""

from __future__ import annotations

import re
from itertools import islice

_QUOTE_MARKS = str.maketrans("’‘“”", "''\"\"")


def find_loosely(text: str, quote: str) -> tuple[int, int] | None:
    """The span of the text that says it, or None."""
    loose, sought = _normalize_quote(text), _normalize_quote(quote)
    at = loose.find(sought)
    if at < 0:
        return None
    before, inside = (len(part.replace(" ", "")) for part in (loose[:at], sought))
    place = [match.start() for match in islice(re.finditer(r"\S", text), before, before + inside)]
    return place[0], place[-1] + 1


def _normalize_quote(text: str) -> str:
    """Without case, runs of white space and styles of quote marks. Character by character otherwise, so that places can
    be counted: in a pattern of all this, what repeats itself would be compared with itself from every place on."""
    lower = text.lower() if text.isascii() else "".join(map(_lower, text))
    return " ".join(lower.translate(_QUOTE_MARKS).split())


def _lower(character: str) -> str:
    lower = character.lower()
    return lower if len(lower) == 1 else character
