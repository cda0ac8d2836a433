"""Mark text that was taken out of the memory, so that it is known when it comes back in a transcript."""

from __future__ import annotations

import re

RECALLED_OPEN = "<recalled-memory>"
RECALLED_CLOSE = "</recalled-memory>"
_MARK = re.compile(r"<\s*(/?)\s*recalled-memory\s*>", re.I)  # models that repeat a mark do not always do so exactly


def wrap_recalled(text: str) -> str:
    """The text between the marks, on lines of its own if it has several. Marks inside it become `[recalled-memory]`."""
    from .delimiters import escape_delimiters

    inside = escape_delimiters(text, "recalled-memory", brackets="[]")
    around = "\n" if "\n" in inside else ""
    return f"{RECALLED_OPEN}{around}{inside}{around}{RECALLED_CLOSE}"


def recalled_spans(text: str) -> list[tuple[int, int]]:
    """Every marked stretch as `(start, end)`, marks included, in order and apart; one that is not closed ends with the
    text."""
    found: list[tuple[int, int]] = []
    start: int | None = None
    for at in _MARK.finditer(text):
        if at[1] and start is not None:
            found.append((start, at.end()))
            start = None
        elif not at[1] and start is None:
            start = at.start()
    if start is not None:
        found.append((start, len(text)))
    return found


def without_recalled(text: str) -> str:
    """The text with a short note in place of every marked stretch."""
    left, at = [], 0
    for start, end in recalled_spans(text):
        left += [text[at:start], "[recalled from memory]"]
        at = end
    return "".join(left) + text[at:]
