"""Read the times of a file: ISO, epoch numbers, names of months, and numeric dates in one notation for the whole file."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import NamedTuple

from ..stores.errors import BadInput
from ..stores.times import parse_time

_FIRST_EPOCH, _LAST_EPOCH = 86_400 * 365, 32_503_680_000  # 1971 to the year 3000, in seconds
_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
_MORNING = "am|a m|오전|上午|午前|凌晨|早上|清晨|ص|पूर्वाह्न|π μ|πμ|de|öö|sa|dop|rano|fm|pg"
_EVENING = "pm|p m|오후|下午|午後|晚上|中午|傍晚|م|अपराह्न|μ μ|μμ|du|ös|ch|odp|em|ptg"
_HALVES = {word: half for words, half in ((_MORNING, "AM"), (_EVENING, "PM")) for word in words.split("|")}
_DATE = re.compile(
    r"(?P<first>\d{1,4})(?P<sep>\. ?|/|-)(?P<second>\d{1,2})(?P=sep)(?P<third>\d{2,4})(?!\d)\.?(?:\s?г\.?)?(?P<rest>.*)"
)
_EAST = re.compile(
    r"(\d{4})\s?[年년]\s?(\d{1,2})\s?[月월]\s?(\d{1,2})\s?[日일](?:\s?[月火水木金土日월화수목금토일]요일|\([^)]{1,4}\))?"
)
_CLOCK = re.compile(
    r"(?:at|à|um|klo|kl\.?|alle|o|om|às|в|a las)?\s*(?P<before>[^\W\d_][^\d:]{0,12}?)?\s*"
    r"(?P<hour>\d{1,2})(?:[:.]|\s?[hH]\s?)(?P<minute>\d\d)(?:[:.](?P<second>\d\d)(?:[.,](?P<part>\d{1,9}))?)?"
    r"\s*(?P<after>(?!UTC|GMT)[^\W\d_][^\d:+]{0,12}?)?\s*(?P<zone>Z|(?:UTC|GMT)?[+-]\d\d?(?::?\d\d)?|UTC|GMT)?",
    re.I,
)
_ZONE = re.compile(r"([+-])(\d\d?)(?::?(\d\d))?")


class AmbiguousDates(BadInput):
    """Numeric dates of a file may be day first or month first, and nothing in it says which."""


class NumericDate(NamedTuple):
    """`11/04/2025 18:40` before it is known which is the day: two numbers, the year, and what follows."""

    first: int
    second: int
    year: int
    rest: str
    written: str


def read_times(
    values: Sequence[object], shown: str, day_first: bool | None = None, *, in_order: bool = False
) -> list[datetime | None]:
    """The times of a file, None for what is empty; `BadInput` for what is no time.

    Numbers are seconds since 1970, or milli-, micro- or nanoseconds. One notation is inferred from all numeric dates: a
    number above 12 decides, else, where the values come `in_order`, the notation in which time never runs back. If both
    remain, `AmbiguousDates` asks; `day_first` answers.
    """
    found = [_first_look(value, shown) for value in values]
    numeric = [one for one in found if isinstance(one, NumericDate)]
    if numeric:
        day_first = infer_day_first(numeric, shown, day_first, in_order=in_order)
    return [_resolve(one, bool(day_first), shown) if isinstance(one, NumericDate) else one for one in found]


def read_time(value: object, shown: str, day_first: bool | None = None) -> datetime | None:
    """One time on its own."""
    return read_times([value], shown, day_first)[0]


def try_time(value: object) -> datetime | None:
    """The time, or None for what is no time or may be two."""
    try:
        return read_time(value, "")
    except BadInput:
        return None


def infer_day_first(
    dates: Sequence[NumericDate], shown: str, day_first: bool | None = None, *, in_order: bool = False
) -> bool:
    """Whether the day comes first in all of them; `BadInput` where no notation fits, `AmbiguousDates` where both do."""
    day = next((one for one in dates if one.first > 12), None)
    month = next((one for one in dates if one.second > 12), None)
    if day and month:
        raise BadInput(
            f"{shown}: the dates are of two notations: {day.written!r} has the day first, {month.written!r} the month;"
            " write them like 2025-04-11"
        )
    wrong = (month if day_first else day) if day_first is not None else None
    if wrong:
        option = "--day-first" if day_first else "--month-first"
        raise BadInput(f"{shown}: {wrong.written!r} is no date with {option}; leave the option out")
    if day_first is not None or day or month:
        return bool(day) if day_first is None else day_first
    if all(one.first == one.second for one in dates):
        return True
    if in_order:
        by_day = [(one.year, one.second, one.first) for one in dates]
        by_month = [(one.year, one.first, one.second) for one in dates]
        if (sorted(by_day) == by_day) != (sorted(by_month) == by_month):
            return sorted(by_day) == by_day
    example = next(one for one in dates if one.first != one.second)
    raise AmbiguousDates(
        f"{shown}: {example.written!r} may be {example.first} {_MONTHS[example.second - 1]} or {example.second}"
        f" {_MONTHS[example.first - 1]}, and no date of the file decides; say --day-first or --month-first"
        " (in Python day_first=True or False)"
    )


_MONTHS = "January February March April May June July August September October November December".split()


def numeric_date(text: str) -> NumericDate | None:
    """The parts of a date in which day and month are numbers and the year is last; None for any other."""
    match = _DATE.match(_plain(text))
    if match is None or len(match["first"]) > 2:
        return None
    first, second, year = int(match["first"]), int(match["second"]), _year(match["third"])
    if not (min(first, second) >= 1 and max(first, second) <= 31) or min(first, second) > 12 or year is None:
        return None
    if match["sep"].startswith(".") and second <= 12:
        return None  # with dots the day comes first everywhere
    return NumericDate(first, second, year, match["rest"], text.strip()[:40])


@lru_cache(maxsize=65_536)
def _of_text(text: str) -> datetime | NumericDate | None:
    """None for no time."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    plain = re.sub(r"(?<=\d{4})\s?г\.", "", _EAST.sub(r"\1-\2-\3", _plain(text)))
    if re.fullmatch(r"\d{9,19}(?:\.\d+)?", plain):
        return from_epoch(float(plain))
    if numeric := numeric_date(plain):
        return numeric._replace(written=text.strip()[:40])
    match = _DATE.match(plain)
    if match:
        if len(match["first"]) == 4:  # 2025/03/01, 2025. 3. 1.
            return _at(int(match["first"]), int(match["second"]), int(match["third"]), match["rest"])
        year = _year(match["third"])
        if year and match["sep"].startswith("."):
            return _at(year, int(match["second"]), int(match["first"]), match["rest"])
        return None
    try:
        return parse_time(plain)
    except BadInput:
        pass
    # `March 1, 2025 at 10:00 AM`, `Sat, 1 Mar 2025, 10.00`: the clock apart from the date.
    for match in re.finditer(r"(?<=\d{4})[, ]+(.*)$", plain):
        try:
            day = parse_time(plain[: match.start()])
        except BadInput:
            continue
        return _at(day.year, day.month, day.day, match[1]) if day else None
    return None


def from_epoch(number: float) -> datetime | None:
    """Seconds since 1970, or milli-, micro- or nanoseconds, in UTC; None for a number of another kind."""
    for unit in (1, 1e3, 1e6, 1e9):
        if _FIRST_EPOCH <= number / unit < _LAST_EPOCH:
            return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=round(number / unit * 1e6))
    return None


def _first_look(value: object, shown: str) -> datetime | NumericDate | None:
    found: datetime | NumericDate | None = None
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, datetime):
        return value
    if isinstance(value, dict) and len(value) <= 2:  # {"$date": …}, {"seconds": …, "nanos": …}
        return _first_look(next((value[key] for key in ("$date", "seconds", "_seconds") if key in value), None), shown)
    if isinstance(value, int | float) and not isinstance(value, bool):
        found = from_epoch(value)
    elif isinstance(value, str) and len(value) <= 120:
        found = _of_text(value.strip())
    if found is None:
        raise BadInput(f"{shown}: {str(value)[:60]!r} is not a time; write it like '2025-04-11 18:40'")
    return found


def _resolve(date: NumericDate, day_first: bool, shown: str) -> datetime:
    day, month = (date.first, date.second) if day_first else (date.second, date.first)
    time = _at(date.year, month, day, date.rest)
    if time is None:
        raise BadInput(f"{shown}: {date.written!r} is not a time; write it like '2025-04-11 18:40'")
    return time


def _at(year: int, month: int, day: int, clock: str) -> datetime | None:
    """A day with the clock that follows it in the text: `, 10:00 AM`, ` 오전 10:00`, `T10:00:00Z`, or nothing."""
    year = year - 543 if year > 2400 else year  # the Buddhist calendar of Thailand
    clock = re.sub(r"^[,،T\s]+|^\([^)]{1,4}\)\s*", "", clock).strip()
    try:
        if not clock:
            return datetime(year, month, day)
        match = _CLOCK.fullmatch(clock)
        if match is None:
            return parse_time(f"{year:04d}-{month:02d}-{day:02d} {clock}")
        half = _half(match["before"]) or _half(match["after"])
        if half is None and (match["before"] or match["after"]):
            return None
        hour = int(match["hour"])
        if half and hour <= 12:
            hour = hour % 12 + (12 if half == "PM" else 0)
        zone = _zone(match["zone"])
        micro = int((match["part"] or "0").ljust(6, "0")[:6])
        return datetime(year, month, day, hour, int(match["minute"]), int(match["second"] or 0), micro, tzinfo=zone)
    except ValueError:  # BadInput is one
        return None


def _half(word: str | None) -> str | None:
    return _HALVES.get(re.sub(r"[.\s]+", " ", word.casefold()).strip()) if word else None


def _zone(text: str | None) -> timezone | None:
    if not text:
        return None
    match = _ZONE.search(text)
    if match is None:
        return UTC
    offset = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
    return timezone(-offset if match[1] == "-" else offset)


def _year(text: str) -> int | None:
    if len(text) == 3:
        return None
    year = int(text)
    return year if len(text) == 4 else 2000 + year if year < 70 else 1900 + year


def _plain(text: str) -> str:
    """Without invisible marks, with ASCII digits and plain spaces."""
    text = _INVISIBLE.sub("", text)
    if not text.isascii():
        text = "".join(str(unicodedata.digit(one)) if one.isdigit() and not one.isascii() else one for one in text)
        text = re.sub(r"[\u00a0\u202f\u2009]", " ", text)
    return text.strip()


def order_of(time: datetime | None) -> float:
    """For sorting; no time comes first, and a stable sort leaves it where it is."""
    if time is None:
        return float("-inf")
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
