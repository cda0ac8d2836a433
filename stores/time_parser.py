"""Times as people write them: dates, times of day, and zones by offset or by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from dateutil import parser as dateutil_parser

from .errors import BadInput
from .times import MonthTime, YearTime, order_key

_LONGEST = 200  # characters of a time
_FORMS = "'2023-05-08 13:56', '1:56 pm on 8 May, 2023', or with its zone '2023-05-08 13:56 +02:00'"
# A day or a month that is not written takes the default's: what two defaults agree on was written.
_DEFAULTS = (datetime(1, 1, 1), datetime(2, 2, 2))
_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d|\d{4}-?W\d\d-?\d")
_OTHER_NUMBERS = re.compile(r"\d{1,2}\.\s?\d{1,2}\.\s?\d{4}|\d{4}\.\s\d")  # 20.05.2025, 2025. 5. 20.
_TWO_DAYS = re.compile(r"(\d{1,2})([/-])(\d{1,2})\2\d{2,4}(?!\d)|\d{1,2}\.\d{1,2}\.\d{1,2}(?!\d)")
_NAMED_ZONE = re.compile(r"\s*[\[(]?\b([A-Za-z_]+(?:/[A-Za-z0-9_+-]+)+)[\])]?$")
_FROM_UTC = re.compile(
    r"\s*[\[(]?(?<![A-Za-z_/])(?:UTC|GMT)\s*([+-])\s*(\d{1,2})(?::?([0-5]\d))?[\])]?(?:\s*\([^()]*\))?$", re.I
)
_NAME_WITH_OFFSET = re.compile(r":\d\d\s*(?:[AP]M\s*)?(?![AP]M)([A-Z]{1,5})\s*[+-]\s*\d", re.I)


def read_time(value: str | datetime | date) -> datetime:
    """See `times.parse_time`."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day)
    try:
        time = value if isinstance(value, datetime) else _parse(value)
        order_key(time)  # asks for the offset: dateutil makes zones of any, datetime takes those of less than a day
        return time
    except BadInput:
        raise
    except (ValueError, ArithmeticError, TypeError, RecursionError) as error:
        raise BadInput(f"{str(value)[:60]!r} is not a time; write it like {_FORMS}.") from error


def _parse(text: str) -> datetime:
    if not isinstance(text, str) or len(text) > _LONGEST:
        raise ValueError("no text, or a long one")
    if _ISO.fullmatch(text):
        with suppress(ValueError):
            return datetime.fromisoformat(text)
    text = re.sub(r"[−–±](?=\d)", lambda sign: "+" if sign[0] == "±" else "-", text.strip())
    if re.fullmatch(r"1\d{9}(?:\d{3}|\.\d+)?", text):  # seconds or milliseconds since 1970
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(
            milliseconds=float(text) * (1 if len(text) == 13 and "." not in text else 1000)
        )
    if (two := _TWO_DAYS.match(text)) and (not two[1] or (max(int(two[1]), int(two[3])) <= 12 and two[1] != two[3])):
        raise BadInput(f"{text[:60]!r} may be of two days; write it like {_FORMS}.")
    text = re.sub(r"\b(?:utc|gmt)$", lambda name: name[0].upper(), text)
    rest, zone = _split_zone(
        re.sub(r"(\d)\.(\d\d)(?=\s?[ap]m\b)", r"\1:\2", re.sub(r"\s?г\.?$|^the\s| à(?=\s\d)", "", text))
    )
    if not rest.isascii() or _OTHER_NUMBERS.match(rest):
        one, other = _with_defaults(_in_english(rest))
    else:
        try:
            one, other = _with_defaults(rest)
        except ValueError:
            one, other = _with_defaults(_in_english(rest))
    if one.year != other.year:
        raise ValueError("no year")
    if one.day != other.day:
        if (one.hour, one.minute) != (0, 0) or one.tzinfo or zone:
            raise ValueError("a time of day without a day")
        return MonthTime(one.year, one.month, 1) if one.month == other.month else YearTime(one.year, 1, 1)
    if one.month != other.month:
        raise ValueError("no month")
    return one if zone is None or one.tzinfo else one.replace(tzinfo=zone)


def _with_defaults(text: str) -> list[datetime]:
    return [dateutil_parser.parse(text, default=default, tzinfos=_zone_of) for default in _DEFAULTS]


def _in_english(text: str) -> str:
    from .local_dates import clocks_in_english, in_english

    return in_english(clocks_in_english(text))


def _split_zone(text: str) -> tuple[str, tzinfo | None]:
    """The text without `UTC+05:30`, `GMT+3` or `Europe/Lisbon` at its end, which dateutil reads with the other sign, or
    not at all; and that zone."""
    if found := _FROM_UTC.search(text):
        sign = 1 if found[1] == "+" else -1
        return text[: found.start()], timezone(sign * timedelta(hours=int(found[2]), minutes=int(found[3] or 0)))
    if found := _NAME_WITH_OFFSET.search(text):  # EST+5 is five hours behind, if the name is to be believed
        raise _unknown_zone(found[1])
    if found := _NAMED_ZONE.search(text):
        try:
            return text[: found.start()], ZoneInfo(_zones().get(found[1].lower(), found[1]))
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise _unknown_zone(found[1]) from error
    return text, None


@cache
def _zones() -> Mapping[str, str]:
    """The names of the zones that this machine knows, by the same in small letters."""
    return {name.lower(): name for name in available_timezones()}


def _zone_of(name: str | None, offset: int | None) -> tzinfo | None:
    """For dateutil, which otherwise takes the zone of the machine for a name that this has, and drops all other names."""
    if offset is not None:
        return timezone(timedelta(seconds=offset))
    if name is not None and name.upper() not in ("UTC", "GMT", "Z"):
        raise _unknown_zone(name)
    return UTC if name else None


def _unknown_zone(name: str) -> BadInput:
    forms = "by its offset ('2023-05-08 13:56 +02:00') or its full name ('2023-05-08 13:56 Europe/Lisbon')"
    return BadInput(f"The zone {name[:40]!r} is not known, or means several; write it {forms}.")
