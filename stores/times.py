"""The time of a session: an instant where its zone is known, else what its own clock read; and spans of time."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

Span = tuple[datetime, datetime]
"""Half open: `start <= time < end`. A bound with a zone is an instant, one without is compared with own clocks."""

BEGINNING, END = datetime.min, datetime.max


class PartialTime(datetime):
    """A year or a month that was given alone: its first moment, but written and shown as what was given."""


class YearTime(PartialTime):
    """A year."""

    def isoformat(self, sep: str = "T", timespec: str = "auto") -> str:
        return f"{self.year:04d}"


class MonthTime(PartialTime):
    """A month of a year."""

    def isoformat(self, sep: str = "T", timespec: str = "auto") -> str:
        return f"{self.year:04d}-{self.month:02d}"


def parse_time(value: str | datetime | date | None) -> datetime | None:
    """The time of a session; without a zone it stays without. `BadInput` for what is no date, and for an unknown zone."""
    if value is None:
        return None
    from .time_parser import read_time

    return read_time(value)


def local_clock(time: datetime) -> datetime:
    """The same moment without a zone, as its own clock read it."""
    return time.replace(tzinfo=None)


def is_before(time: datetime, other: datetime) -> bool:
    """By instant where both have a zone; else as their own clocks read."""
    if time.tzinfo is None or other.tzinfo is None:
        return local_clock(time) < local_clock(other)
    return time < other


def is_within(time: datetime | None, span: Span) -> bool:
    """Whether a time begins in a span; no time is in none."""
    return time is not None and not is_before(time, span[0]) and is_before(time, span[1])


def order_key(time: datetime | None) -> float:
    """Seconds since 1970 for sorting; a naive time counts as UTC, no time sorts last."""
    if time is None:
        return float("inf")
    aware = time if time.tzinfo else time.replace(tzinfo=UTC)
    return (aware - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()


def format_day(time: datetime | None) -> str:
    """`8 May 2023`, as its own clock read; a year stays a year."""
    if time is None:
        return ""
    day = "" if isinstance(time, PartialTime) else f"{time.day} "
    return f"{time.year:04d}" if isinstance(time, YearTime) else f"{day}{time:%B} {time.year:04d}"


def format_time(time: datetime | None) -> str:
    """`8 May 2023 13:56`; midnight sharp is a date without a time."""
    clock = f" {time:%H:%M}" if time and (time.hour, time.minute) != (0, 0) else ""
    return format_day(time) + clock


@lru_cache(maxsize=4096)
def parse_iso_time(stamp: str | None) -> datetime | None:
    """A time as the truth stores it, by `isoformat`; None for none."""
    if not stamp:
        return None
    if len(stamp) > len("2023-05"):
        return datetime.fromisoformat(stamp)
    year, dash, month = stamp.partition("-")
    return MonthTime(int(year), int(month), 1) if dash else YearTime(int(year), 1, 1)


def format_iso_time(stamp: str | None) -> str:
    """The same, formatted; `""` for none."""
    return format_time(parse_iso_time(stamp))


Now = str | datetime | Callable[[], datetime] | None
"""The moment from which a question looks back: given, or read from a clock; None for the clock of the machine."""

# What a text must hold to name a date; the grammar is loaded and asked only then.
_DATE_WORD = re.compile(
    r"(?:19|20|24|25)\d\d|\d(?:st|nd|rd|th)\b|day\b|tonight|tomorrow|\bago\b|\b(?:last|next|this|past)\s"
    r"|christmas|halloween|\bin\s+the\s+(?:spring|summer|autumn|fall|winter)\b|\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)|\b(?:day|week|month|year)s?\b",
    re.I,
)
# One of these or a digit is in whatever `_DATE_WORD` finds, and is found in a tenth of the time.
_DIGIT = re.compile(r"\d")
_DATE_MARKS = "day week month year ago night morrow last next this past spring summer autumn fall winter christmas halloween jan feb mar apr may jun jul aug sep oct nov dec".split()


def _may_name_date(text: str) -> bool:
    low = text.lower()
    for mark in _DATE_MARKS:  # any() takes three times as long
        if mark in low:
            return _DATE_WORD.search(text) is not None
    return _DIGIT.search(text) is not None and _DATE_WORD.search(text) is not None


def moment(now: Now) -> datetime:
    """The moment itself, with the zone of the machine where it is read from its clock."""
    return parse_time(now() if callable(now) else now) or datetime.now().astimezone()


def spans(text: str, now: datetime | None = None) -> list[Span]:
    """The spans of time that a text names: `in May 2023`, `before 2024`, `between 1 May 2023 and 4 June 2023`; with
    `now` also `last week`, `in May`, `since yesterday`.

    In the order of the text, at most one for each date. Days without a zone are those of the sessions' own clocks.
    """
    if not _may_name_date(text):
        return []
    from .date_phrases import find_spans

    return find_spans(text, now)


def event_time(sentence: str, said: datetime | None) -> datetime | None:
    """When what a sentence says has begun: the one past date that it names, else when it was said."""
    found = spans(sentence, said)
    if len(found) != 1 or found[0][0].year == 1 or not (said is None or is_before(found[0][0], said)):
        return said
    from .date_phrases import start_of

    return start_of(found[0])


def add_dates(text: str, said: datetime | None) -> str:
    """`yesterday [7 May 2023]`: relative dates with what they mean."""
    if said is None or not _may_name_date(text):
        return text
    from .date_phrases import add_dates

    return add_dates(text, said)


def explain_dates(text: str, said: datetime | None) -> str:
    """` (yesterday [7 May 2023])`: what the relative dates of a text mean, to stand behind it; "" for none."""
    if said is None:
        return ""
    key = hash(text), type(said), said.tzinfo, said  # equal instants of two zones may be two days
    if (note := _notes.get(key)) is None:
        note = ""
        if _may_name_date(text):
            from .date_phrases import explain_dates

            note = explain_dates(text, said)
        if len(_notes) >= _MOST_NOTES:
            _notes.clear()
        _notes[key] = note
    return note


_MOST_NOTES = 20_000
_notes: dict[tuple[Any, ...], str] = {}  # by the hash of a text: a question asks for those of hundreds of passages


DATE_TERM = "@"
"""Begins an index term of a date, and no term of a word."""


def date_terms(text: str, said: datetime | None) -> list[str]:
    """`@2023-05-07`, or `@2023-05-01/2023-05-08` with the day after: an index term for each date that a text names."""
    if not _may_name_date(text):
        return []
    from .date_phrases import span_terms

    return span_terms(text, said)
