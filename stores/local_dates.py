"""Dates as they are written in many languages: which days they mean, and how English says them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from typing import NamedTuple

_DAY = r"(?<![\d.,])(?P<day>\d{1,2})"
_YEAR = r"(?P<year>(?:19|20|24|25)\d\d)(?!\d)"
_SPACED = r"\.?\s?"
_JOIN = r"(?:\s(?:de|del|do|of|năm)\s|\s?พ\.ศ\.\s?|,?\s|\.\s?)"
_MARK = "[\u0300-\u036f\u0591-\u05c7\u064b-\u0652\u0900-\u0903\u093a-\u094f\u0e31-\u0e3a\u0e47-\u0e4e]"
_MONTH = rf"(?<![^\W\d_])(?P<month>[^\W\d_](?:[^\W\d_]|{_MARK}){{0,20}}(?:\.[^\W\d_]\.)?)"
_FORMS = [
    rf"(?<![\d./-]){_YEAR}-(?P<m>\d\d?)-(?P<d>\d\d?)(?![\d-])",
    r"(?<!\d)(?P<year>(?:19|20)\d\d)\s?[年년]\s?(?P<m>\d{1,2})\s?[月월](?:\s?(?P<d>\d{1,2})\s?[日일号號])?",
    r"(?<![\d./-])(?P<year>(?:19|20)\d\d)(?P<sep>[./])\s?(?P<m>\d{1,2})(?P=sep)\s?(?P<d>\d{1,2})(?![\d/])\.?",
    rf"(?<![\d./-])(?P<d>\d{{1,2}})\.\s?(?P<m>\d{{1,2}})\.\s?{_YEAR}(?![.\d])",
    rf"(?<![\d./-])(?P<first>\d{{1,2}})/(?P<second>\d{{1,2}})/{_YEAR}(?![/\d])",
    rf"(?:ngày\s)?{_DAY}\s?(?:tháng|/)\s?(?P<m>\d{{1,2}})\s?(?:,?\snăm\s|/){_YEAR}",
    rf"tháng\s(?P<m>\d{{1,2}})(?:,?\snăm\s|/){_YEAR}",
    rf"{_DAY}(?:st|nd|rd|th|er|º|ª|ος|η|-го|-е)?{_SPACED}(?:de\s|del\s|of\s|d['’])?{_MONTH}\.?{_JOIN}{_YEAR}",
    rf"{_MONTH}\.?\s(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?\s{_YEAR}",
    rf"(?<!\d){_YEAR}\.?\s{_MONTH}\.?\s(?P<day>\d{{1,2}})(?!\d)\.?",
    rf"{_MONTH}\.?{_JOIN}{_YEAR}",
    r"(?<!\d)(?P<year>(?:19|20)\d\d)\s?[年년]",
    r"(?<![\w.-])(?P<year>(?:19|20)\d\d)(?![\w-])",
]
_PATTERNS = [re.compile(form, re.I) for form in _FORMS]
_BUDDHIST = 543
_MONTHS_IN_ENGLISH = "January February March April May June July August September October November December".split()


class LocalDate(NamedTuple):
    """A date in a text. `days` are the ISO days that it may mean: none for a month, two for 4/5/2025."""

    start: int
    end: int
    year: int
    month: int
    day: int
    days: Sequence[str]

    def in_english(self) -> str:
        """`20 May 2025`, `May 2025` or `2025`."""
        parts = [str(self.day)] * (self.day > 0) + [_MONTHS_IN_ENGLISH[self.month - 1]] * (self.month > 0)
        return " ".join([*parts, str(self.year)])


def dates(text: str) -> list[LocalDate]:
    """Every date with a year, in order; of two that overlap the one that says more."""
    if not re.search(r"(?:19|20|24|25)\d\d", text):
        return []
    taken = bytearray(len(text))
    found = []
    for pattern in _PATTERNS:
        for match in pattern.finditer(text):
            one = _local_date(match)
            if one is not None and not any(taken[one.start : one.end]):
                taken[one.start : one.end] = b"\1" * (one.end - one.start)
                found.append(one)
    return sorted(found)


def _local_date(match: re.Match[str]) -> LocalDate | None:
    got = match.groupdict()
    year, start = int(got["year"]), match.start()
    day = int(got.get("day") or got.get("d") or 0)
    if got.get("first"):
        return _read_slashes(match, int(got["first"]), int(got["second"]), year)
    month = int(got.get("m") or 0)
    if got.get("month"):
        name = got["month"].casefold().replace("i\u0307", "i")
        month = _months().get(name) or _months().get(name.rstrip("."), 0)
        if not month:
            return None
        if not day:
            start = match.start("month")
        if year > 2400:
            year -= _BUDDHIST
    if month > 12 or year > 2100 or (day and not _exists(year, month, day)):
        return None
    days = [f"{year}-{month:02}-{day:02}"] if day else []
    return LocalDate(start, match.end(), year, month, day, days)


def _read_slashes(match: re.Match[str], first: int, second: int, year: int) -> LocalDate | None:
    """Day first, as most of the world writes it; both ways where both exist."""
    ways = [(d, m) for d, m in dict.fromkeys(((first, second), (second, first))) if _exists(year, m, d)]
    if not ways:
        return None
    day, month = ways[0]
    return LocalDate(match.start(), match.end(), year, month, day, [f"{year}-{m:02}-{d:02}" for d, m in ways])


def _exists(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


@cache
def _months() -> Mapping[str, int]:
    """By name of a month, whole or short, in any language of `languages.json`."""
    from .scripts import language_table

    found: dict[str, int] = {}
    for one in language_table().values():
        for number, names in enumerate(one.get("months", "").split(), start=1):
            for name in names.split("|"):
                found.setdefault(name, number)
                if name.isascii() and len(name) > 5:
                    found.setdefault(name[:3], number)
    return found


_CLOCK = re.compile(
    r"(?:(?P<am>오전|午前|上午)|(?P<pm>오후|午後|下午|晚上))?\s?(?P<h>\d{1,2})\s?(?::|시|時|时|点|點)\s?(?P<m>\d{2}(?=분|分)|(?<=:)\d{2}(?!\d))?"
    r"(?P<s>:\d{2})?(?:분|分)?(?:\s?(?:Uhr|น\.|h)(?!\w))?"
)


def clocks_in_english(text: str) -> str:
    """`오후 3:15` and `15時15分` as `15:15`."""

    def write(match: re.Match[str]) -> str:
        hour = int(match["h"])
        hour = hour % 12 + 12 if match["pm"] else hour % 12 if match["am"] else hour
        return f" {hour}:{match['m'] or '00'}{match['s'] or ''}"

    return _CLOCK.sub(write, text)


_AFTERWARDS = {
    "before": "以前|之前|より前|の前|前に|이전|전에|전까지|से पहले|ก่อน|dan önce|den önce|tan önce|ten önce|önce",
    "until": "まで|까지|为止|तक",
    "after": "之后|以後|以后|より後|の後|後に|이후|후에|के बाद|หลัง|dan sonra|den sonra|tan sonra|ten sonra|sonra",
    "since": "以降|以来|以來|から|부터|से",
}
"""What stands behind a date, by the English word before it."""


def in_english(text: str) -> str:
    """The text with its dates, and the words that say from when and until when, in English."""
    parts: list[str] = []
    at = 0
    for one in dates(text):
        if len(one.days) > 1 or re.fullmatch(r"[\d-]+", text[one.start : one.end]):
            continue  # 4/5/2025 may be two days; what is written as 2025-05-20 stays
        before = text[at : one.start]
        parts += [_translate_side(before), one.in_english()]
        at = one.end
        for word, pattern in _AFTERWARDS.items():
            if behind := re.compile(rf"['’]?\s?(?:{pattern})").match(text, at):
                parts[-1] = f"{word} {parts[-1]}"
                at = behind.end()
                break
        if parts[-1] and text[at : at + 1].isalpha():
            parts.append(" ")
    return "".join([*parts, text[at:]])


def _translate_side(before: str) -> str:
    """What stands before a date, its last word in English where it says from when or until when."""
    for english, pattern in _sides().items():
        if match := pattern.search(before):
            return f"{before[: match.start('word')]}{english} "
    return before if not before or before[-1].isspace() or not before[-1].isalnum() else f"{before} "


@cache
def _sides() -> Mapping[str, re.Pattern[str]]:
    from .scripts import language_table

    found: dict[str, dict[str, None]] = {}
    for one in language_table().values():
        for english, words in one.get("sides", {}).items():
            found.setdefault(english, {}).update(dict.fromkeys(words))
    article = r"(?:\s(?:dem|den|der|el|le|la|il|o|l'|ngày|ngay))?"
    return {
        english: re.compile(
            rf"(?<!\w)(?P<word>{'|'.join(map(re.escape, sorted(words, key=len, reverse=True)))}){article}\s$", re.I
        )
        for english, words in found.items()
    }
