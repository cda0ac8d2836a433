"""Chats in text where each message begins with its time: find the messages, then read all times in one notation."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from ..stores.errors import BadInput
from .chat_turns import ChatTurn
from .written_times import read_times, try_time

MARKS = "[\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]*"
LONGEST_SPEAKER = 80


class StampedLine(NamedTuple):
    """A line that begins a message: the time as it is written, the speaker ("" for none), and the words."""

    stamp: str
    speaker: str
    text: str


def find_messages(lines: Iterable[str], pattern: re.Pattern[str]) -> Iterator[StampedLine]:
    """The messages of lines that `pattern` matches (groups stamp, speaker, text), with the lines that follow each."""
    found: StampedLine | None = None
    more: list[str] = []
    for line in lines:
        match = pattern.match(line)
        if match is None:
            more.append(line)
            continue
        if found is not None:
            yield _join(found, more)
        found, more = StampedLine(match["stamp"], (match["speaker"] or "").strip(), match["text"]), []
    if found is not None:
        yield _join(found, more)


def timed_turns(
    messages: Sequence[StampedLine],
    shown: str,
    day_first: bool | None,
    clean: Callable[[StampedLine], str] = lambda one: one.text,
) -> list[ChatTurn]:
    """Turns with their times, which are in order in a chat; messages without a speaker are the program's own."""
    times = read_times([one.stamp for one in messages], shown, day_first, in_order=True)
    return [ChatTurn(one.speaker, clean(one), time) for one, time in zip(messages, times, strict=True) if one.speaker]


def begins_with(lines: Sequence[str], pattern: re.Pattern[str], least: int = 1) -> bool:
    """Whether the first line with words is a message with a real time, and `least` of the first 200 lines are."""
    full = [line for line in lines[:200] if line.strip()]
    first = pattern.match(full[0]) if full else None
    if first is None or not is_stamp(first["stamp"]):
        return False
    matches = [match for line in full if (match := pattern.match(line))]
    return len(matches) >= least and any((match["speaker"] or "").strip() for match in matches)


def is_stamp(text: str) -> bool:
    """Whether it is a time, in whichever notation."""
    if try_time(text) is not None:
        return True
    try:
        return read_times([text], "", True) != [None]
    except BadInput:
        return False


def _join(found: StampedLine, more: list[str]) -> StampedLine:
    while more and not more[-1].strip():
        more.pop()
    return found._replace(text="\n".join([found.text, *more])) if more else found
