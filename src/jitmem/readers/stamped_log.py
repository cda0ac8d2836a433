"""Chat logs with a time before each line: IRC clients, and the many programs that write `time name: words`."""

from __future__ import annotations

import re

from ..stores.records import Session
from .chat_turns import Chat, ChatTurn, chat_sessions
from .day_sections import find_messages_by_day
from .file_dates import date_in_name
from .source_file import SourceFile
from .stamped_lines import LONGEST_SPEAKER, MARKS, StampedLine, is_stamp, timed_turns
from .written_times import read_times

_NUMBERS = r"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}|\d{1,2}[- ][A-Z][a-z]{2}[- ]\d{2,4})"
_MONTH = r"(?:[A-Z][a-z]{2,8}\.? \d{1,2},? \d{4}|\d{1,2} [A-Z][a-z]{2,8}\.? \d{4})"
_CLOCK = r"\d{1,2}:\d\d(?::\d\d(?:[.,]\d+)?)?(?:\s?[AaPp]\.?[Mm]\.?)?(?:\s?(?:Z|UTC|[+-]\d\d:?\d\d))?"
_STAMP = rf"(?P<stamp>(?:{_NUMBERS}|{_MONTH})[T,]?\s?(?:at )?{_CLOCK})"
_NAME = r"[^\s<>\[\]():|*][^<>\n:|\t]{0,60}?"
_SPEAKS = rf"(?:<[@+%~&! ]?(?P<n1>[^<>\n]{{1,{LONGEST_SPEAKER}}})> ?|(?P<n2>{_NAME})\t|\[(?P<n3>{_NAME})\]:? |(?P<n4>{_NAME}) ?[:|] )"
_LINE = re.compile(rf"{MARKS}[\[(]?{_STAMP}[\])]?(?:\s*[-–|:])?[\s,]{{1,4}}(?:{_SPEAKS})?(?P<words>.*)")
_IRC_CLOCK = r"[\[(]?(?P<stamp>\d{1,2}:\d\d(?::\d\d)?)[\])]?"
_IRC = re.compile(rf"{_IRC_CLOCK}\s+(?:<[@+%~&! ]?(?P<speaker>[^<>\n]{{1,60}})>\s?)?(?P<text>.*)")
_OPENED = re.compile(
    r"(?:---+ (?:Log opened|Day changed)|\*{2,4} (?:BEGIN|ENDING) LOGGING AT|Session (?:Start|Time|Ident):|={2,} ?)\s*(.*?)[ =]*$"
)
_WEEKDAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? "
_UNIX = re.compile(rf"{_WEEKDAY}([A-Z][a-z]{{2}})\s+(\d{{1,2}})(?: [\d:]+)? (?:[A-Z]{{3,4}} )?(\d{{4}})")


def recognise(file: SourceFile) -> bool:
    """A time with its day before each message, and names in most of them; or the head of an IRC client's log."""
    lines = [line for line in file.lines[:200] if line.strip()]
    if not lines:
        return False
    if _day(lines[0]) and sum(bool((found := _IRC.match(line)) and found["speaker"]) for line in lines) >= 1:
        return True
    if sum(bool((found := _IRC.match(line)) and found["speaker"]) for line in lines) >= max(2, len(lines) // 2):
        return _IRC.match(lines[0]) is not None  # `[10:00] <ana> hi`, whose day may be in the name of the file
    first = _LINE.match(lines[0])
    if first is None or not is_stamp(first["stamp"]):
        return False
    matches = [match for line in lines if (match := _LINE.match(line))]
    named = [match for match in matches if _name(match)]
    return bool(named) and 2 * len(named) >= len(matches) and len(named) >= min(2, len(lines))


def read_file_sessions(file: SourceFile) -> list[Session]:
    """A session a day; joins, quits and other lines without a name are left out."""
    if any(_day(line) for line in file.lines[:5]):
        messages = find_messages_by_day(file.lines, _day, _IRC, _NOISE)
    else:
        messages = _messages(file.lines)
    if not messages:
        return _read_clocks(file)
    turns = timed_turns(messages, file.label, file.day_first)
    return chat_sessions(Chat(turns=turns, id=file.stem, dated=True, title=file.title))


def _read_clocks(file: SourceFile) -> list[Session]:
    """Lines with a clock alone: the day is that of the file's name, else there are no times."""
    day = date_in_name(file)
    found = find_messages_by_day(["day", *file.lines], lambda line: "x" if line == "day" else None, _IRC, _NOISE)
    times = read_times([f"{day:%Y-%m-%d} {one.stamp[2:]}" for one in found], file.label) if day else [None] * len(found)
    turns = [ChatTurn(one.speaker, one.text, time) for one, time in zip(found, times, strict=True) if one.speaker]
    return chat_sessions(Chat(turns=turns, id=file.stem, title=file.title))


_NOISE = re.compile(r"---|\*{3}|\s*$")


_LEVELS = frozenset("TRACE DEBUG INFO NOTICE WARN WARNING ERROR SEVERE CRITICAL FATAL".split())
"""A log of a program, in which nobody speaks."""


def _messages(lines: list[str]) -> list[StampedLine]:
    found: list[StampedLine] = []
    for line in lines:
        if match := _LINE.match(line):
            found.append(StampedLine(match["stamp"], _name(match), match["words"]))
        elif found:
            found[-1] = found[-1]._replace(text=f"{found[-1].text}\n{line}")
    return [one._replace(text=one.text.rstrip()) for one in found]


def _name(match: re.Match[str]) -> str:
    name = next((match[key] for key in ("n1", "n2", "n3", "n4") if match[key]), "").strip()
    name = name.lstrip("@%~&")  # the rank of a user of a channel
    return "" if name.startswith(("-", "*", "=")) or name.upper() in _LEVELS else name


def _day(line: str) -> str | None:
    match = _OPENED.match(line.strip())
    if match is None:
        return None
    if unix := _UNIX.search(match[1]):
        return f"{unix[2]} {unix[1]} {unix[3]}"
    return match[1] if match[1] and is_stamp(match[1]) else None
