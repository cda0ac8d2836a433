"""Org mode: an entry for each heading with a date, as journals and captures write them, or the whole file."""

from __future__ import annotations

import re
from datetime import datetime

from ..stores.records import Session
from .file_dates import date_in_name, date_in_text
from .source_file import SourceFile

_HEADING = re.compile(r"(\*+)\s+(.*)$")
_STAMP = re.compile(r"[<\[](\d{4}-\d\d-\d\d)(?: [^\W\d]+\.?)?(?: (\d{1,2}:\d\d))?[^>\]]*[>\]]")
_KEYWORD = re.compile(r"#\+(\w+):\s*(.*)$")
_DRAWER = re.compile(r"\s*:(PROPERTIES|LOGBOOK):\s*$", re.I)
_PROPERTY = re.compile(r"\s*:(CREATED|DATE|CAPTURED):\s*(.*)$", re.I)

_PLANNED = re.compile(r"\s*(?:SCHEDULED|DEADLINE|CLOSED):")
_CLOSED = re.compile(r"CLOSED:\s*(\[[^\]]*\])")


def recognise(file: SourceFile) -> bool:
    """By its ending and a heading or keyword, or by an Org keyword at its top."""
    first = next((line for line in file.lines if line.strip()), "")
    if file.suffix == ".org":
        return True
    return (
        file.suffix in ("", ".txt") and re.match(r"#\+(?:TITLE|STARTUP|DATE|AUTHOR|FILETAGS):", first, re.I) is not None
    )


def read_file_sessions(file: SourceFile) -> list[Session]:
    """A session a dated heading with what is below it; what has no date stays with the entry before, or is one of its own."""
    fields = {match[1].lower(): match[2] for line in file.lines[:60] if (match := _KEYWORD.match(line))}
    whole = _time(fields.get("date", "")) or date_in_name(file)
    entries: list[tuple[datetime | None, int, list[str]]] = [(whole, 0, [])]
    lines = file.lines
    for number, line in enumerate(lines):
        heading = _HEADING.match(line)
        time = _heading_time(heading[2], lines[number + 1 : number + 8]) if heading else None
        level = len(heading[1]) if heading else 0
        same = entries[-1][0] == time and level > entries[-1][1]
        beside = time is None and 0 < level <= entries[-1][1]  # no part of the entry before, whose date it has not
        if beside or (time is not None and not same):
            entries.append((time, level, []))
        entries[-1][2].append(line)
    title = fields.get("title", "")
    sessions = []
    seen: dict[str, int] = {}
    for time, level, found in entries:
        text = "\n".join(_without_drawers(found)).strip("\n")
        if not re.sub(r"(?m)^(?:#\+.*|\*+\s+\d{4}(?:-\d\d.*)?)$", "", text).strip():
            continue  # keywords alone, or the years and months of a date tree
        name = None
        if level and file.stem:
            day = f"{time:%Y-%m-%d}" if time else text.partition("\n")[0].strip("* ")[:80]
            seen[day] = seen.get(day, 0) + 1
            name = f"{file.stem}/{day}" + (f"-{seen[day]}" if seen[day] > 1 else "")
        sessions.append(
            Session(text=text, id=name or file.stem or None, time=time, metadata={"title": title} if title else {})
        )
    return sessions


def _heading_time(heading: str, below: list[str]) -> datetime | None:
    """In the heading, in its properties, or as a stamp alone on the next line."""
    if found := _time(heading):
        return found
    closed = None
    for line in below:
        if _HEADING.match(line):
            break
        if match := _PROPERTY.match(line):
            return _time(match[2])
        if _STAMP.fullmatch(line.strip()):
            return _time(line)
        if _PLANNED.match(line):
            done = _CLOSED.search(line)
            closed = _time(done[1]) if done else closed
        elif line.strip() and not line.strip().startswith(":"):
            break
    return closed


def _time(text: str) -> datetime | None:
    if match := _STAMP.search(text):
        return date_in_text(f"{match[1]} {match[2].zfill(5)}" if match[2] else match[1])
    return date_in_text(text)


def _without_drawers(lines: list[str]) -> list[str]:
    """Properties and logs are the program's."""
    kept, inside = [], False
    for line in lines:
        if _DRAWER.match(line):
            inside = True
        if not inside:
            kept.append(line)
        inside = inside and line.strip().upper() != ":END:"
    return kept
