"""Dates as people write them: the time of a session, and the spans of time that a question names."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from dateutil import parser as dateutil_parser
from dateutil.relativedelta import relativedelta

from .errors import BadInput

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_DAY = r"\d{1,2}(?:st|nd|rd|th)?"
_YEAR = r"(?:19|20)\d\d"
_DATE = (
    rf"(?:{_YEAR}-\d\d?-\d\d?|{_DAY}\s+(?:of\s+)?{_MONTH},?\s+{_YEAR}|{_MONTH}\s+{_DAY},?\s+{_YEAR}"
    rf"|{_YEAR}-\d\d(?!\d)|{_MONTH},?\s+(?:of\s+)?{_YEAR}|{_YEAR})"
)
_BETWEEN = re.compile(rf"\b(?:between|from)\s+({_DATE})\s+(?:and|to|until|till)\s+({_DATE})\b", re.I)
_SIDED = re.compile(rf"\b(before|until|till|after|since)\s+({_DATE})\b", re.I)
_PLAIN = re.compile(rf"(?<![\w-])({_DATE})(?![\w-])", re.I)

_ENGLISH_TIME = re.compile(
    rf"(?:[\d:/T+\sZ-]|(?<!\d)\.|\d\.(?=\d{{3}})|,|{_MONTH}|st|nd|rd|th|[ap]m|UTC|GMT|of|on|at|mon|tue|wed|thu|fri|sat|sun)+",
    re.I,
)
_DIGITS = re.compile(r"\d{4}")

_LONGEST = 200  # characters of a time

Span = tuple[datetime, datetime]
"""Half open: `start <= time < end`, naive, as the sessions' own clocks read."""

BEGINNING, END = datetime.min, datetime.max


def parse_time(value: str | datetime | date | None) -> datetime | None:
    """The time of a session; naive stays naive. `BadInput` for what is no date, and for a zone that is none."""
    if value is None:
        return None
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day)
    try:
        time = value if isinstance(value, datetime) else _parse(value)
        order_key(time)  # asks for the offset: dateutil makes zones of any, datetime takes those of less than a day
        return time
    except (ValueError, ArithmeticError, TypeError, RecursionError) as error:
        raise BadInput(
            f"{str(value)[:60]!r} is not a time; write it like '2023-05-08 13:56' or '1:56 pm on 8 May, 2023'."
        ) from error


def _parse(text: str) -> datetime:
    if not isinstance(text, str) or len(text) > _LONGEST:
        raise ValueError("no text, or a long one")
    if not _ENGLISH_TIME.fullmatch(text):
        from .local_dates import in_english

        text = in_english(text)
    time, other = (dateutil_parser.parse(text, default=datetime(year, 1, 1)) for year in (1, 2))
    if time.year != other.year:
        raise ValueError("no year")
    return time


def local_clock(time: datetime) -> datetime:
    """The same moment without a zone, as its own clock read it: what spans are compared with."""
    return time.replace(tzinfo=None)


def order_key(time: datetime | None) -> float:
    """Seconds since 1970 for sorting; a naive time counts as UTC, no time sorts last."""
    if time is None:
        return float("inf")
    aware = time if time.tzinfo else time.replace(tzinfo=UTC)
    return (aware - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()


def format_time(time: datetime | None) -> str:
    """`8 May 2023 13:56`; midnight sharp is taken for a date without a time."""
    if time is None:
        return ""
    day = f"{time.day} {time:%B} {time.year:04d}"
    return day if (time.hour, time.minute) == (0, 0) else f"{day} {time:%H:%M}"


def parse_iso_time(stamp: str | None) -> datetime | None:
    """A time as the truth stores it; None for none."""
    return datetime.fromisoformat(stamp) if stamp else None


def format_iso_time(stamp: str | None) -> str:
    """The same, formatted; `""` for none."""
    return format_time(parse_iso_time(stamp))


def spans(text: str) -> list[Span]:
    """The spans of time that a text names: `in May 2023`, `before 2024`, `between 1 May 2023 and 4 June 2023`.

    In the order of the text, at most one for each date; relative words such as "yesterday" give none. Dates of other
    languages and notations are read where English gives no day or month.
    """
    found = _english_spans(text)
    if _DIGITS.search(text) and not (found and all(end - start < timedelta(days=365) for start, end in found)):
        from .local_dates import in_english

        return _english_spans(in_english(text))
    return found


def _english_spans(text: str) -> list[Span]:
    found: dict[int, Span] = {}
    taken = bytearray(len(text))
    for pattern in (_BETWEEN, _SIDED, _PLAIN):
        for match in pattern.finditer(text):
            span = None if any(taken[match.start() : match.end()]) else _span(match)
            if span is not None:
                found[match.start()] = span
                taken[match.start() : match.end()] = b"\1" * len(match[0])
    return [found[at] for at in sorted(found)]


def _span(match: re.Match[str]) -> Span | None:
    """What a match of one of the three patterns names."""
    extent = _extent(match[match.re.groups])
    if extent is None or match.re is _PLAIN:
        return extent
    if match.re is _BETWEEN:
        first = _extent(match[1])
        return (first[0], extent[1]) if first and first[0] < extent[1] else None
    word = match[1].lower()
    if word in ("before", "until", "till"):
        return BEGINNING, extent[0]
    return (extent[0] if word == "since" else extent[1]), END


def _extent(text: str) -> Span | None:
    """The day, month or year that a date covers; None for a date that does not exist (31 February)."""
    text = re.sub(r"(?<=\d)(?:st|nd|rd|th)\b", "", text.strip(), flags=re.I)
    if re.fullmatch(_YEAR, text):
        start = datetime(int(text), 1, 1)
        return start, start + relativedelta(years=1)
    try:
        start = dateutil_parser.parse(text, default=datetime(1, 1, 1))
        whole_month = re.fullmatch(rf"{_YEAR}-\d\d|{_MONTH},?\s+(?:of\s+)?{_YEAR}", text, re.I)
        return start, start + (relativedelta(months=1) if whole_month else timedelta(days=1))
    except (ValueError, ArithmeticError):
        return None
