"""Chats in text where a line gives the day and each message its clock: find the messages with their full times."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from .stamped_lines import StampedLine


def find_messages_by_day(
    lines: Sequence[str],
    day_of: Callable[[str], str | None],
    pattern: re.Pattern[str],
    ignore: re.Pattern[str] | None = None,
) -> list[StampedLine]:
    """Messages whose stamp is the day of the section and the clock of the line; a line of neither continues a message,
    unless `ignore` matches it."""
    day, found = "", list[StampedLine]()
    for line in lines:
        if (named := day_of(line)) is not None:
            day = named
        elif day and (match := pattern.match(line)):
            found.append(StampedLine(f"{day} {match['stamp']}", (match["speaker"] or "").strip(), match["text"]))
        elif found and not (ignore and ignore.match(line)):
            found[-1] = found[-1]._replace(text=f"{found[-1].text}\n{line}")
    return [one._replace(text=one.text.rstrip()) for one in found]
