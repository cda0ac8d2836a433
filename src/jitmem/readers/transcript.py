"""Transcripts with a clock beside each name: Otter, Teams, Fireflies, Rev, and the chat of a Zoom meeting."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from ..stores.records import Session
from .chat_turns import Chat, ChatTurn, chat_sessions, merge_turns
from .file_dates import date_in_name, date_in_text
from .source_file import SourceFile

_CLOCK = r"(?:(?P<hours>\d{1,2}):)?(?P<minutes>\d{1,3}):(?P<seconds>\d\d)(?:\.\d+)?"
_NAME = r"(?P<speaker>[^\W_][^\n:\t\[\]()]{0,60}?)"
# `Ana  0:03`, `Ana Pereira   0:03`, `Ana (00:03):`, `Ana [00:00:03]`, `[Ana] 00:03`, `Ana - 00:03`, each alone on its line.
_AFTER = re.compile(rf"\[?{_NAME}(?:\s{{2,}}|\t+|\]\s|\s[-–]\s|\s?(?=[(\[]))[(\[]?{_CLOCK}[)\]]?:?\s*$")
# `[00:00:03] Ana: hi`, `00:03 Ana: hi`, `00:03:00 From Ana to Everyone: hi`.
_BEFORE = re.compile(
    rf"[(\[]?{_CLOCK}[)\]]?[\s:–-]+(?:From\s+)?{_NAME}(?:\s+to\s+[^:\n]{{1,60}}?)?(?:\s?\((?:Privately|Direct Message)\))?\s?:\s*(?P<text>.*)"
)
# Teams and others put the clock on a line of its own, under the name.
_ALONE = re.compile(r"\s*[(\[]?(?:\d{1,2}:)?\d{1,3}:\d\d[)\]]?\s*")
_SECTIONS = re.compile(r"(?:SUMMARY KEYWORDS|KEYWORDS|SPEAKERS|SUMMARY|TRANSCRIPT|OUTLINE)\s*:?$", re.I)
_CREDIT = re.compile(
    r"\s*(?:Transcribed by https?://\S+|Meeting ended after [\d:]+|This editable transcript was computer generated.*"
    r"|[^\n:]{1,60} (?:started|stopped) transcription)\s*(?:👋)?\s*$"
)
_MEET_CLOCK = re.compile(r"\s*\d\d:\d\d:\d\d\s*")
_HEAD_OF_MEET = re.compile(r"(?:.* - )?Transcript\s*")
_SAYS = re.compile(rf"{_NAME}: \S")


def recognise(file: SourceFile) -> bool:
    """A name with a clock that runs on, in at least two places, the first near the top."""
    full = [line for line in _join_clocks(_carry_clocks(file.lines[:300])) if line.strip()]
    if full != [line for line in file.lines[:300] if line.strip()] and any(map(_BEFORE.match, full)):
        return sum(bool(_BEFORE.match(line)) for line in full) >= 2
    for pattern, top in ((_AFTER, 12), (_BEFORE, 1)):
        found = [(number, match) for number, line in enumerate(full) if (match := pattern.match(line))]
        offsets = [_offset(match) for _, match in found]
        alone = len(found) == 1 and bool(_CREDIT.match(full[-1]))
        if found and found[0][0] < top and (len(found) >= 2 or alone) and offsets == sorted(offsets):
            return True
    return False


def read_file_sessions(file: SourceFile) -> list[Session]:
    """One session. Its time is in the name of the file or above the first turn; without one there are no times."""
    head, turns = _parts(_join_clocks(_carry_clocks(file.lines)))
    start = next((found for line in head if (found := date_in_text(line))), None) or date_in_name(file)
    clock = bool(turns) and turns[0][0] >= timedelta(hours=6)  # the clock of the day, not of the recording
    timed = [ChatTurn(speaker, text, _time(start, offset, clock)) for offset, speaker, text in turns]
    return chat_sessions(Chat(turns=merge_turns(timed), id=file.stem, title=_title(file, head), time=start, whole=True))


def _carry_clocks(lines: list[str]) -> list[str]:
    """Google Meet gives a clock every few minutes, alone on its line: it goes before each name that follows."""
    if sum(bool(_MEET_CLOCK.fullmatch(line)) for line in lines) == 0:
        return lines
    carried, clock = list[str](), ""
    for number, line in enumerate(lines):
        after = next((one for one in lines[number + 1 : number + 4] if one.strip()), "")
        if _MEET_CLOCK.fullmatch(line) and _SAYS.match(after):
            clock = line.strip()
        elif _HEAD_OF_MEET.fullmatch(line):
            clock = "00:00:00"
            carried.append(line)
        elif clock and _SAYS.match(line):
            carried.append(f"{clock} {line}")
        else:
            carried.append(line)
    return carried if clock else lines


def _join_clocks(lines: list[str]) -> list[str]:
    """A name and the clock below it as one line."""
    joined: list[str] = []
    for number, line in enumerate(lines):
        before = lines[number - 1] if number else ""
        begins = number < 2 or not lines[number - 2].strip()
        if _ALONE.fullmatch(line) and begins and re.fullmatch(r"[^\W_][^\n:\t]{0,60}", before):
            joined[-1] = f"{before.strip()}  {line.strip()}"
        else:
            joined.append(line)
    return joined


def _parts(lines: list[str]) -> tuple[list[str], list[tuple[timedelta, str, str]]]:
    """What stands above the first turn, and the turns."""
    pattern = _AFTER if any(_AFTER.match(line) for line in lines[:60]) else _BEFORE
    head: list[str] = []
    turns: list[tuple[timedelta, str, str]] = []
    for line in lines:
        if match := pattern.match(line):
            words = match["text"] if pattern is _BEFORE else ""
            turns.append((_offset(match), match["speaker"].strip(), words))
        elif not turns:
            head.append(line)
        elif not _CREDIT.match(line):
            offset, speaker, text = turns[-1]
            turns[-1] = offset, speaker, f"{text}\n{line.strip(chr(9))}"
    return head, [(offset, speaker, text.strip()) for offset, speaker, text in turns]


def _offset(match: re.Match[str]) -> timedelta:
    return timedelta(hours=int(match["hours"] or 0), minutes=int(match["minutes"]), seconds=int(match["seconds"]))


def _time(start: datetime | None, offset: timedelta, clock: bool) -> datetime | None:
    if start is None:
        return None
    return start.replace(hour=0, minute=0, second=0) + offset if clock else start + offset


def _title(file: SourceFile, head: list[str]) -> str:
    first = next((line.strip() for line in head if line.strip()), "")
    return first[:200] if first and not _SECTIONS.match(first) and not date_in_text(first) else file.title
