"""Diaries: text or Markdown in which each entry begins with a line that is its date."""

from __future__ import annotations

import re
from datetime import datetime
from itertools import pairwise

from ..stores.records import Session
from .source_file import SourceFile
from .written_times import AmbiguousDates, NumericDate, numeric_date, read_times, try_time

_MARKED = re.compile(r"^(?:#{1,6}\s+|\*\*|__|=+\s*|-{2,}\s*)?(.+?)(?:\*\*|__|\s*=+|\s*-{2,}|\s*#+)?:?$")
_DAYS = (
    r"(?:mon(?:day)?|tues?(?:day)?|wed(?:nesday)?|thu(?:rs?)?(?:day)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?"
    r"|montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonnabend|sonntag|mo|di|mi|do|fr|sa|so"
    r"|lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche|lunes|martes|mi[eé]rcoles|jueves|viernes|s[aá]bado|domingo"
    r"|(?:segunda|ter[cç]a|quarta|quinta|sexta)(?:-feira)?|luned[iì]|marted[iì]|mercoled[iì]|gioved[iì]|venerd[iì]|sabato"
    r"|domenica|maandag|dinsdag|woensdag|donderdag|vrijdag|zaterdag|zondag|понедельник|вторник|среда|четверг|пятница"
    r"|суббота|воскресенье|пн|вт|ср|чт|пт|сб|вс|[월화수목금토일](?:요일)?|[月火水木金土日](?:曜日)?|星期.|[週周].)"
)
_DAY_BEFORE = re.compile(rf"{_DAYS}\.?[,،]?\s+", re.I)
_DAY_BEHIND = re.compile(rf"[\s,]*[(（]?{_DAYS}[)）]?\.?$", re.I)
# As jrnl and others write it: the time in brackets, and the words on the same line.
_BRACKETS = re.compile(r"\[(\d{4}-\d\d-\d\d,? \d{1,2}:\d\d(?::\d\d)?(?: [AP]M)?)\] \S")
_YEAR = re.compile(r"(?:19|20)\d\d|\d[./-]\d{1,2}[./-]\d\d")
_LONGEST = 60  # characters of a line that is a date


def recognise(file: SourceFile) -> bool:
    """At least two lines are dates and nothing else, with words below each, and the first line with words is one; a title
    may stand above them in Markdown."""
    full = [line for line in file.lines if line.strip()]
    if not full or file.suffix in (".csv", ".tsv"):
        return False
    if not any(is_date_line(line) for line in full[:60]):
        return False
    dated = [number for number, line in enumerate(full) if is_date_line(line)]
    bare = [number for number in dated if not _BRACKETS.match(full[number])]
    if len(dated) < 2 or any(after - before < 2 for before, after in pairwise(bare)):
        return False
    return dated[0] == 0 or (dated[0] <= 2 and full[0].startswith("# ")) or _under_front_matter(file, full, dated[0])


def read_file_sessions(file: SourceFile) -> list[Session]:
    """A session an entry, with its date line, word for word; ids are `file/day`."""
    entries: list[tuple[str, list[str]]] = []
    head: list[str] = []
    for line in file.lines:
        if is_date_line(line):
            entries.append((date_of_line(line), []))
        (entries[-1][1] if entries else head).append(line)
    times = read_times([date for date, _ in entries], file.label, file.day_first, in_order=True)
    seen: dict[str, int] = {}
    sessions = []
    for (_, lines), time in zip(entries, times, strict=True):
        if time is None or not ("\n".join(lines[1:]).strip() or _BRACKETS.match(lines[0])):
            continue
        day = f"{time:%Y-%m-%d}"
        seen[day] = seen.get(day, 0) + 1
        name = "/".join(part for part in (file.stem, day) if part) + (f"-{seen[day]}" if seen[day] > 1 else "")
        sessions.append(Session(text="\n".join(lines).rstrip(), id=name, time=time))
    title = "\n".join(head).strip()
    if title and not title.startswith("# ") and not _is_front_matter(title):
        sessions.insert(0, Session(text=title, id=file.stem or None))
    return sessions


def is_date_line(line: str) -> bool:
    """A line that is a whole date: `Saturday, 01 March 2025`, `## 2025-03-01`, `**3/1/2025**`, `2025년 3월 1일 토요일`."""
    return bool(date_of_line(line))


def date_of_line(line: str) -> str:
    plain = line.strip()
    if bracketed := _BRACKETS.match(plain):
        return bracketed[1]
    if len(plain) > _LONGEST or not _YEAR.search(plain):
        return ""
    match = _MARKED.match(plain)
    text = match[1].strip() if match else plain
    if before := _DAY_BEFORE.match(text):
        text = text[before.end() :]
    text = _DAY_BEHIND.sub("", text)
    return text if _is_date(text) else ""


def _is_date(text: str) -> bool:
    """A day with its year, and no other words."""
    found = numeric_date(text)
    if isinstance(found, NumericDate):
        return not found.rest.strip() or re.fullmatch(r"[, ]*\d{1,2}[:.]\d\d.{0,6}", found.rest) is not None
    words, numbers = re.findall(r"[^\W\d_]+", text), re.findall(r"\d+", text)
    if not re.search(r"(?:19|20)\d\d", text) or len(words) > 3 or not 2 <= len(numbers) <= 6:
        return False
    try:
        time: datetime | None = try_time(text)
    except AmbiguousDates:
        return False
    return time is not None


def _under_front_matter(file: SourceFile, full: list[str], first: int) -> bool:
    return full[0].strip() == "---" and _is_front_matter("\n".join(full[:first]).strip())


def _is_front_matter(text: str) -> bool:
    return text.startswith("---") and text.rstrip().endswith("---")
