"""The date of a file that says it outside of its words: in its name, or in a line near its top."""

from __future__ import annotations

import re
from datetime import datetime

from ..stores.times import parse_time
from .source_file import SourceFile
from .written_times import try_time

_ZOOM = re.compile(r"GMT(\d{8})-(\d{6})")
_STAMP = re.compile(
    r"(?<!\d)((?:19|20)\d\d)[-_.年]?\s?(0?[1-9]|1[0-2])[-_.月]?\s?(0?[1-9]|[12]\d|3[01])日?(?!\d)"
    r"(?:[T _-]+(?:at\s)?([01]\d|2[0-3])[-_.:h]?([0-5]\d)(?:[-_.:]?([0-5]\d))?(?!\d))?"
)
_NUMBERS = re.compile(r"(?<!\d)(\d\d?)([-._])(\d\d?)\2((?:19|20)\d\d)(?!\d)")
_KOREAN = re.compile(r"((?:19|20)\d\d)년\s?(\d{1,2})월\s?(\d{1,2})일")
_MONTH = r"(?:[A-Z][a-z]{2,8}\.? \d{1,2}(?:st|nd|rd|th)?,? (?:19|20)\d\d|\d{1,2}(?:st|nd|rd|th)?\.? [A-Z][a-z]{2,8}\.?,? (?:19|20)\d\d)"
_WORDS = re.compile(rf"{_MONTH}(?:[ ,•|at]+\d{{1,2}}:\d\d(?::\d\d)? ?(?:[AaPp][Mm])?)?")


def date_in_name(file: SourceFile) -> datetime | None:
    """`2025-05-20.md`, `20250520 Van.txt`, `GMT20250520-091500_Recording.vtt`, `Meeting 20 May 2025.txt`, `20-05-2025.md` where
    the numbers or the caller say which is the day; else the folder's name, where it is a date."""
    for name in (file.title, file.path.parent.name, "-".join(file.path.with_suffix("").parts[-3:])):
        if zoom := _ZOOM.search(name):
            return try_time(
                f"{zoom[1][:4]}-{zoom[1][4:6]}-{zoom[1][6:]} {zoom[2][:2]}:{zoom[2][2:4]}:{zoom[2][4:]}+00:00"
            )
        if stamp := re.match(r"((?:19|20)\d{6})([0-2]\d)([0-5]\d)(?:[0-5]\d)?(?!\d)", name):  # of a Zettelkasten
            name = f"{stamp[1]} {stamp[2]}:{stamp[3]}"
        if found := date_in_text(name):
            return found
        if (numbers := _NUMBERS.search(name)) and (found := _of_numbers(numbers, file.day_first)):
            return found
    return parse_time(file.title) if re.fullmatch(r"(?:19|20)\d\d-(?:0[1-9]|1[0-2])", file.title) else None


def _of_numbers(match: re.Match[str], day_first: bool | None) -> datetime | None:
    first, second, year = int(match[1]), int(match[3]), int(match[4])
    if match[2] == "." or first > 12 or first == second:
        day_first = True
    elif second > 12:
        day_first = False
    if day_first is None:
        return None
    return try_time(f"{year}-{second:02d}-{first:02d}" if day_first else f"{year}-{first:02d}-{second:02d}")


def date_in_text(text: str) -> datetime | None:
    """The first date of a short text whose notation leaves nothing open."""
    if match := _STAMP.search(text) or _KOREAN.search(text):
        year, month, day, hour, minute, second = [*(int(one or 0) for one in match.groups()), 0, 0, 0][:6]
        try:
            return datetime(year, month, day, hour, minute, second)
        except ValueError:
            return None
    if match := _WORDS.search(text):
        return try_time(re.sub(r"[•|]| at ", " ", match[0]).strip(" ,"))
    return None


def date_in_heading(text: str) -> datetime | None:
    """The date that the first line is, as a heading or alone: `# Saturday, 1 March 2025`."""
    from .diary import date_of_line

    first = next((line for line in text[:2000].split("\n") if line.strip()), "")
    return try_time(date_of_line(first)) if date_of_line(first) else None
