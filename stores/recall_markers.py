"""Mark text that was taken out of the memory, so that it is known when it comes back in a transcript.

A mark carries a hash of what it encloses. Only what was marked here is taken for recalled: the same words in brackets that
somebody else wrote hide nothing.
"""

from __future__ import annotations

import hashlib
import re

from .records import RECORD_ID

RECALLED_OPEN = "<recalled-memory"
RECALLED_CLOSE = "</recalled-memory>"
# Models and tools that repeat a mark do not always do so exactly.
_MARK = re.compile(
    r"<\s{0,9}(?:/\s{0,9}recalled-memory|recalled-memory\s{1,9}id\s{0,9}=\s{0,9}\\{0,2}[\"']?(?P<id>[0-9a-f]{16})\\{0,2}[\"']?)"
    r"\s{0,9}>",
    re.I,
)


def wrap_recalled(text: str) -> str:
    """The text between the marks, on lines of its own if it has several. Marks inside it become `[recalled-memory]`."""
    from .delimiters import escape_delimiters

    inside = escape_delimiters(text, "recalled-memory", brackets="[]")
    around = "\n" if "\n" in inside else ""
    return f"{_open_mark(inside)}{around}{inside}{around}{RECALLED_CLOSE}"


def recalled_spans(text: str) -> list[tuple[int, int]]:
    """Every stretch that `wrap_recalled` made as `(start, end)`, marks included, in order and apart."""
    found: list[tuple[int, int]] = []
    opening: re.Match[str] | None = None
    for mark in _MARK.finditer(text):
        if mark["id"]:
            opening = mark  # marks inside were escaped: the nearest is the one that the next end closes
        elif opening is not None:
            if _hash(text[opening.end() : mark.start()]) == opening["id"].lower():
                found.append((opening.start(), mark.end()))
            opening = None
    return found


def without_recalled(text: str) -> str:
    """The text with a short note in place of every marked stretch."""
    left, at = [], 0
    for start, end in recalled_spans(text):
        left += [text[at:start], "[recalled from memory]"]
        at = end
    return "".join(left) + text[at:]


def _open_mark(inside: str) -> str:
    return f'{RECALLED_OPEN} id="{_hash(inside)}">'


def _hash(text: str) -> str:
    """Of the letters and digits alone, without ids: white space and escapes change on the way, and ids from run to run."""
    plain = RECORD_ID.sub("", re.sub(r"\\[nrt]", " ", text))
    return hashlib.sha256("".join(filter(str.isalnum, plain)).encode(errors="replace")).hexdigest()[:16]
