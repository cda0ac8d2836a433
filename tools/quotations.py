"""What an error quotes was written by a model or a stranger: in a tool's answer it is marked as recalled text is."""

from __future__ import annotations

import re
from typing import Any

from ..stores.invisible import escape_invisible
from ..stores.recall_markers import wrap_recalled

_LONGEST = 60  # characters of a quotation
# As `repr` writes a text; cut in its middle, it has no end.
_QUOTATION = re.compile(r"(?<!\w)(?:'(?:[^'\\]|\\.)*(?:'|\\?$)|\"(?:[^\"\\]|\\.)*(?:\"|\\?$))", re.S)
_PLAIN = re.compile(r"['\"][\w.:/-]{1,24}['\"]")


def mark_quotations(message: str) -> str:
    """A message for a model: each quotation that is more than one plain word is cut and marked."""
    return escape_invisible(_QUOTATION.sub(_mark, message))


def _mark(found: re.Match[str]) -> str:
    text = found[0]
    if _PLAIN.fullmatch(text):
        return text
    return wrap_recalled(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…")


def explain_validation(error: Any) -> str:
    """Which arguments do not fit, and why."""
    problems = []
    for one in error.errors():
        name = ".".join(map(str, one["loc"]))
        unknown = one["type"] == "extra_forbidden"
        problems.append(f"there is no argument {name!r}" if unknown else f"{name}: {one['msg']}")
    return mark_quotations(f"The arguments do not fit: {'; '.join(problems)}.")
