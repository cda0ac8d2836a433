"""Dates in running English text: written out, or relative to the day on which something was said.

A grammar of our own, as `dateparser`, `parsedatetime` and `timefhuman` give moments where words mean spans ("last week",
"this summer"), and take "we", "may", "a second" and "dinner" for dates.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache

from .analyzer import stems
from .times import BEGINNING, DATE_TERM, END, MonthTime, PartialTime, Span, YearTime, is_before, is_within, local_clock

_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_WEEKDAYS = "mon tue wed thu fri sat sun".split()
_WORDS_TOO = frozenset(("may", "march", "mar", "sat", "sun", "wed"))  # where they are written small
_SEASONS = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}  # first month, on the northern half
_NUMBERS = {"a": 1, "an": 1, "couple": 2} | {
    word: number
    for number, word in enumerate(
        "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen"
        " nineteen twenty".split(),
        start=1,
    )
}
_HOLIDAYS = {  # by how their names begin and end
    "c.*eve": (12, 24),
    "n.*eve": (12, 31),
    "n.*day": (1, 1),
    "c": (12, 25),
    "b": (12, 26),
    "v": (2, 14),
    "h": (10, 31),
}

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b(?:\.(?=,?\s*\d))?"
)
_YEAR = r"(?:19|20)\d\d"
_DAY = r"\d{1,2}(?:st|nd|rd|th)?"
_FULL_DAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_SHORT_DAY = r"(?:mon|tues?|wed|thurs?|fri|sat|sun)"
_COUNT = (
    rf"(?:\d{{1,3}}|a\s+couple\s+of|a\s+couple|{'|'.join(sorted(set(_NUMBERS) - {'couple'}, key=len, reverse=True))})"
)
_CLOCK = r"[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:\s?(?:Z|[+-]\d\d:?\d\d))?"

# Each is a way to name a span; the first that fits at a place is taken, so longer forms come first.
_ABSOLUTE = {
    "moment": rf"{_YEAR}-\d\d-\d\d{_CLOCK}",
    "iso": rf"{_YEAR}-\d\d?-\d\d?",
    "around": rf"around\s+\d{{1,2}}\s+{_MONTH}\s+{_YEAR}",
    "day_to": rf"{_DAY}(?:\s+{_MONTH})?(?:\s+{_YEAR})?\s+to\s+{_DAY}\s+{_MONTH}\s+{_YEAR}",
    "month_to": rf"{_MONTH}(?:\s+{_YEAR})?\s+to\s+{_MONTH}\s+{_YEAR}",
    "day": rf"{_DAY}\s+(?:of\s+)?{_MONTH},?\s+{_YEAR}|{_MONTH}\s+{_DAY},?\s+{_YEAR}",
    "month": rf"{_YEAR}-\d\d(?!\d)|{_MONTH},?\s+(?:of\s+)?{_YEAR}",
    "year": _YEAR,
}
_RELATIVE = {
    "before_last": r"(?:the\s+)?(?:day|night)\s+before\s+yesterday|(?:the\s+)?day\s+after\s+tomorrow"
    r"|the\s+(?:(?:night|week|weekend|month|year)\s+before\s+last|(?:week|weekend|month|year)\s+after\s+next)",
    "of_week": rf"{_FULL_DAY}\s+(?:of\s+)?(?:last|this|next)\s+week|(?:last|this|next)\s+week\s+(?:on\s+)?{_FULL_DAY}",
    "weekdays_ago": rf"{_COUNT}\s+{_FULL_DAY}s\s+ago|(?:the\s+)?{_FULL_DAY}\s+before\s+last",
    "holiday": r"(?:last|next|this|on|at|over)\s+(?:christmas(?:\s+(?:eve|day))?|new\s+year['’]s\s+(?:eve|day)|boxing\s+day"
    r"|valentine['’]s\s+day|halloween)(?!\s+(?:part|tree|card|song|market|island|dinner|movie|film))",
    "in_season": r"in\s+the\s+(?:spring|summer|autumn|fall|winter)(?!\s+of\b)",
    "near": r"yesterday|last\s+night|today|tonight|tomorrow|this\s+(?:morning|afternoon|evening)",
    "ago": rf"(?<!not )(?<!or )(?<!half ){_COUNT}\s+(?:day|night|weekend|week|fortnight|month|year|yr|decade)s?\s+(?:ago|back)"
    rf"(?!\s+(?:{_FULL_DAY}|tomorrow|yesterday|(?:in|to|at|on)\s+the\b))",
    "ahead": rf"{_COUNT}\s+(?:day|week|month|year)s?\s+from\s+(?:now|today)|in\s+{_COUNT}\s+(?:day|week|month|year)s?\b",
    "lately": rf"(?:in|over|during|within|for)\s+the\s+(?:last|past)\s+(?:{_COUNT}\s+)?(?:day|week|month|year)s?(?!\s+of\b)",
    "which": r"(?<!the )(?:last|this\s+past|past|this\s+coming|this|next)\s+(?:weekend|week|month|year|spring|summer"
    rf"|autumn|fall|winter|(?:{_FULL_DAY}|{_SHORT_DAY})\b|{_MONTH}(?!\s+\d))",
    "of_month": r"(?:on\s+)?the\s+\d{1,2}(?:st|nd|rd|th)(?:\s+of\s+(?:this|last|next)\s+month)?"
    rf"(?!\s+(?:of\s+)?{_MONTH})",
    "yearless": rf"{_DAY}\s+(?:of\s+)?{_MONTH}|{_MONTH}\s+{_DAY}(?!\s*(?:%|percent|people|of\b))",
    "in_month": rf"(?:in|since|until|till|by|during|before|after|early|late|mid|(?:end|beginning|start|middle)\s+of)[\s-]+{_MONTH}"
    r"(?!,?\s+(?:of\s+)?\d)",
    "weekday": rf"(?<!every )(?<!each )(?<!black )(?<!good )(?<!ash )(?<!blue )(?<!super )(?<!cyber )(?<!giving )(?<!palm )(?<!easter )"
    rf"(?<!any )(?<!most )(?<!other )(?<!\ba )(?<!\bto ){_FULL_DAY}(?!s)(?!\s+(?:to|through|times|best|week|after next)\b)(?!,?\s+(?:the\s+)?(?:\d|{_MONTH}))",
}
_ALL = re.compile(
    rf"(?<![\w-])(?<!week from )(?<!weeks from )(?<!week ago )(?<!month ago )(?<!year ago )(?:{'|'.join(f'(?P<{name}>{form})' for name, form in (_ABSOLUTE | _RELATIVE).items())})(?![\w-])",
    re.I,
)
_DATED = re.compile(
    rf"(?<![\w-])(?:{'|'.join(f'(?P<{name}>{form})' for name, form in _ABSOLUTE.items())})(?![\w-])", re.I
)
_PAST = re.compile(
    r"\b(?:\w+ed|was|were|had|did|went|came|saw|met|got|ate|took|made|said|told|bought|sold|left|found|gave|ran|won|lost"
    r"|began|felt|thought|knew|heard|sat|slept|spoke|wrote|drove|flew|swam|sent|spent|built|brought|caught|taught|kept"
    r"|held|paid|read|broke|became|fell|forgot|grew|rode|rose|sang|stood|wore|woke|hit|put|set|cut)\b(?!:)",
    re.I,
)
_ZONE = re.compile(r"\s+UTC([+-]\d{4})\b")
_EXPLAINED = re.compile(rf"\b(?:{'|'.join(_RELATIVE.values())})(?:['’]s)?\s+\[(?P<date>[^\[\]]+)\]", re.I)
_NEAR, _FAR = 40, 400  # characters that are looked at: of a word before a date, of its sentence
_RARELY = timedelta(days=270)  # back; of a longer time ago the year is said
_DOUBT = timedelta(days=3)  # two weeks ago, more or less
_AHEAD = re.compile(
    r"\b(?:will|won't|gonna|going to|shall|upcoming|plan(?:s|ning)?|looking forward|can't wait|tomorrow|soon|scheduled"
    r"|due|deadline|see you|next|let's|want to|hope to|coming up)\b|['’]ll\b",
    re.I,
)
_SOON = re.compile(
    r"\b(?:is|are|am|leaves?|starts?|goe?s?|fly|flies|moves?|ends?|begins?|arrives?|turns?|opens?|expires?|meet|retires?)\b|['’](?:m|s|re)\b",
    re.I,
)
_BEHIND = re.compile(r"\b(?:did|was|were|happened)\b", re.I)
_AFTER_ORDINAL = re.compile(
    r"\s*(?:$|[.,;:!?)\]–—-]|(?:of\s+(?:this|last|next)|and|at|in|we|i|he|she|they|you|with|after|before|for|because|to"
    r"|by|from|when|so|but|or|it|my|our|is|was|around|as|until|between)\b)",
    re.I,
)
_OTHER_NUMBERS = re.compile(  # 20.05.2025, 2025. 5. 20., 3. November 2025
    r"\d\s?[./]\s?\d{1,2}\s?[./]\s?\d{4}|\d{4}\.\s?\d{1,2}\.|(?<!\d)\d{1,2}\.\s?[^\W\d_]{3,10}\.?\s\d{4}"
)
_OTHER_LETTER = re.compile(r"[^\W\x00-\x7f]")
_WORD_OF_YEAR = re.compile(rf"([A-Za-z]+)\.?,?\s(?:(?:de|del|do)\s)?{_YEAR}(?!\d)")
_ENGLISH_BEFORE = re.compile(
    rf"(?:in|since|until|till|by|during|of|from|before|after|year|early|late|around|to|and|the|for)|{_MONTH}", re.I
)
_BEFORE_YEAR = re.compile(r"\b(?:in|since|until|till|by|during|of|from|before|after|year|early|late|around)\s+$", re.I)
_SIDE = re.compile(r"\b(before|until|till|after|since)\s+(?:the\s+)?$", re.I)
_REASON = re.compile(r"\s+(?:is|will)\b|['’]", re.I)  # since Monday is a holiday
_FROM = re.compile(r"\b(?:between|from)\s+(?:the\s+)?$", re.I)
_TO = re.compile(r"\s+(?:and|to|until|till)\s+(?:the\s+)?$", re.I)


@dataclass(frozen=True, slots=True)
class DatePhrase:
    """A span of time that `text[start:end]` names. `relative`: one must know when it was said to understand it;
    `vague`: the day in the middle is meant, more or less."""

    start: int
    end: int
    span: Span
    relative: bool
    vague: bool = False

    @property
    def date(self) -> str:
        """What `find_spans` reads again."""
        words = f"around {format_span(_days(self.span[0] + _DOUBT, 1))}" if self.vague else format_span(self.span)
        of_a_day = self.span[1] - self.span[0] <= timedelta(hours=25)  # a zone matters little to a week or a year
        return words + (f" UTC{self.span[0]:%z}" if self.span[0].tzinfo and of_a_day else "")


def find_phrases(text: str, said: datetime | None, *, bare_years: bool = False) -> list[DatePhrase]:
    """In the order of the text. Without `said` only dates with their year; of a year or a month only what is as coarse.
    `bare_years`: a number like 2023 is a year wherever it stands."""
    return [
        phrase
        for match in (_DATED if said is None else _ALL).finditer(text)
        if (phrase := _phrase(match, text, said, bare_years))
    ]


def _phrase(match: re.Match[str], text: str, said: datetime | None, bare_years: bool) -> DatePhrase | None:
    kind = match.lastgroup or ""
    words = re.sub(r"(?<=\d)(?:st|nd|rd|th)\b", "", " ".join(match[0].lower().replace(".", "").split()))
    words = re.sub(r"\byr", "year", re.sub(r"(?:an?|one) fortnight", "2 weeks", words))
    try:
        if kind in _ABSOLUTE:
            if kind == "year" and not (
                bare_years or _BEFORE_YEAR.search(text, max(0, match.start() - _NEAR), match.start())
            ):
                return None
            if kind == "moment":
                start = datetime.fromisoformat(re.sub(r"(?<=\d)\s(?=[Z+-])", "", match[0].upper().replace(" ", "T", 1)))
                return DatePhrase(*match.span(), (start, start + timedelta(minutes=1)), False)
            start, end = _absolute(kind, words.replace(",", ""))
            if found := _ZONE.match(text, match.end()):
                zone = datetime.strptime(found[1], "%z").tzinfo
                start, end = start.replace(tzinfo=zone), end.replace(tzinfo=zone)
                return DatePhrase(match.start(), found.end(), (start, end), False)
            return DatePhrase(*match.span(), (start, end), False)
        assert said is not None, "relative forms are only looked for where it is known when they were said"
        span = _relative(kind, words, match, text, said)
        if span is None or span[0] >= span[1]:
            return None
        zoned = span[0].replace(tzinfo=said.tzinfo), span[1].replace(tzinfo=said.tzinfo)
        return DatePhrase(*match.span(), zoned, True, vague=kind == "ago" and _unit_of(kind, words) == "week")
    except (ValueError, ArithmeticError):  # 31 February; a year that there is not
        return None


def _absolute(kind: str, words: str) -> Span:
    if kind in ("day_to", "month_to"):
        first, last = words.split(" to ")
        end = _absolute(kind.removesuffix("_to"), last)
        parts = last.split()
        missing = parts[len(first.split()) :] if kind == "day_to" else parts[1:]
        start = _absolute(kind.removesuffix("_to"), first if _year_in(first) else " ".join([first, *missing]))[0]
        if start >= end[1]:
            raise ValueError("ends before it begins")
        return start, end[1]
    if kind == "around":
        return _around(_absolute("day", words)[0])
    year = _year_in(words)
    if kind == "year":
        return _months(year, 1, 12)
    if kind == "iso":
        _, month, day = map(int, words.split("-"))
        return _days(datetime(year, month, day), 1)
    if kind == "month":
        month = int(words[5:]) if words[0].isdigit() else _month_in(words)
        return _months(datetime(year, month, 1).year, month, 1)
    return _days(datetime(year, _month_in(words), _day_in(words)), 1)


def _year_in(words: str) -> int:
    found = re.search(rf"\b{_YEAR}\b", words)
    return int(found[0]) if found else 0


def _month_in(words: str) -> int:
    return next(_MONTHS.index(word[:3]) + 1 for word in re.findall(r"[a-z]+", words) if word[:3] in _MONTHS)


def _day_in(words: str) -> int:
    return int(re.findall(r"\b\d{1,2}\b", words)[0])


def _days(first: datetime, count: int) -> Span:
    return first, first + timedelta(days=count)


def _around(day: datetime) -> Span:
    return day - _DOUBT, day + _DOUBT + timedelta(days=1)


def _months(year: int, month: int, count: int) -> Span:
    """`month` counts on beyond 12 and below 1."""
    return _first_of(year, month), _first_of(year, month + count)


def _first_of(year: int, month: int) -> datetime:
    return datetime(year + (month - 1) // 12, (month - 1) % 12 + 1, 1)


def _relative(kind: str, words: str, match: re.Match[str], text: str, said: datetime) -> Span | None:
    """Without a zone."""
    base = local_clock(said)
    day = datetime(base.year, base.month, base.day)
    unit = _unit_of(kind, words)
    if isinstance(said, PartialTime) and not (unit == "year" or (unit == "month" and isinstance(said, MonthTime))):
        return None
    parts = words.split()
    sentence = _sentence(text, *match.span())
    before = _SIDE.search(f"{parts[0]} " if kind == "in_month" else text[max(0, match.start() - _NEAR) : match.start()])
    side = before[1].lower() if before else ""
    began = side == "since" and not _REASON.match(text, match.end())
    past = bool(_PAST.search(sentence))
    ahead = bool(_AHEAD.search(sentence)) and not _BEHIND.search(sentence)
    ahead = not began and (ahead or ((kind == "weekday" or side in ("until", "till")) and not past))  # on Monday
    unlikely = timedelta(0) if ahead else timedelta.max if began else _RARELY if past else None
    match kind:
        case "before_last":
            return _shift(day, unit, -2 if "before" in parts else 2)
        case "of_week":
            name = next(word for word in parts if word.endswith("day"))
            monday = _shift(
                day, "week", {"last": -1, "next": 1}.get(next(w for w in parts if w in ("last", "this", "next")), 0)
            )[0]
            return _days(monday + timedelta(days=_WEEKDAYS.index(name[:3])), 1)
        case "weekdays_ago":
            count = _count(parts) if parts[-1] == "ago" else 2
            name = parts[-2] if parts[-1] == "ago" else parts[-3]
            return _days(_weekday(day, name, False) - timedelta(weeks=count - 1), 1)
        case "holiday":
            name = " ".join(parts[1:])
            at = next(at for form, at in _HOLIDAYS.items() if re.match(form, name))
            shift = {"last": -1, "next": 1}.get(parts[0])
            days = [_days(datetime(year, *at), 1) for year in range(day.year - 1, day.year + 2)]
            return (
                _nearest(day, unlikely, lambda year: _days(datetime(year, *at), 1))
                if shift is None
                else _pick(days, shift, day)
            )
        case "in_season":
            if not (past or ahead):
                return None
            return _nearest(day, unlikely, lambda year: _months(year, _SEASONS[parts[-1]], 3))
        case "near":
            shift = {"yesterday": -1, "night": -1, "tomorrow": 1}.get(parts[-1], 0)
            return _days(day + timedelta(days=shift), 1)
        case "ago" if unit == "week":
            return _around(day - timedelta(weeks=_count(parts[:-2])))
        case "ago":
            return _shift(day, unit, -_count(parts[:-2]))
        case "ahead":
            return (
                _shift(day, unit, _count(parts))
                if "from" in parts or ahead or (not past and _SOON.search(sentence))
                else None
            )
        case "lately":
            return _back(day, unit, _count([*parts[3:-1], "one"][:1])), day + timedelta(days=1)
        case "which" if not (parts[-1] in _WORDS_TOO and match[0].split()[-1].islower() and parts[0] == "this"):
            return _which(parts[0] if parts[1] not in ("past", "coming") else parts[1], parts[-1], day)
        case "of_month":
            return _of_month(words, match, text, day, ahead)
        case "yearless" if match[0] != words or not _WORDS_TOO.intersection(parts):
            return _nearest(day, unlikely, lambda year: _days(datetime(year, _month_in(words), _day_in(words)), 1))
        case "in_month":
            return _nearest(day, unlikely, lambda year: _months(year, _month_in(parts[-1]), 1))
        case "weekday":
            return _days(_weekday(day, parts[-1], ahead), 1)
    return None


def _unit_of(kind: str, words: str) -> str:
    if kind == "in_month":
        return "month"
    found = re.search(r"\b(day|night|weekend|week|month|year|decade)s?\b", words)
    if found and kind != "of_month":
        return "day" if found[1] == "night" else found[1]
    return "month" if kind == "which" and words.split()[-1][:3] not in _WEEKDAYS else "day"


def _count(parts: list[str]) -> int:
    return next(
        int(word) if word.isdigit() else _NUMBERS[word]
        for word in reversed(parts)
        if word.isdigit() or word in _NUMBERS
    )


def _shift(day: datetime, unit: str, count: int) -> Span:
    """The day, calendar week, weekend, month or year that lies so many away."""
    if unit == "day":
        return _days(day + timedelta(days=count), 1)
    if unit == "month":
        return _months(day.year, day.month + count, 1)
    if unit == "year":
        return _months(day.year + count, 1, 12)
    if unit == "decade":
        return _months(day.year + 10 * count, 1, 12)
    monday = day - timedelta(days=day.weekday()) + timedelta(weeks=count)
    return _days(monday + timedelta(days=5), 2) if unit == "weekend" else _days(monday, 7)


def _back(day: datetime, unit: str, count: int) -> datetime:
    if unit in ("day", "week"):
        return day - timedelta(days=count * (7 if unit == "week" else 1))
    months = count * (12 if unit == "year" else 1)
    first = _first_of(day.year, day.month - months)
    return first + timedelta(days=min(day.day, 28) - 1)


def _which(word: str, unit: str, day: datetime) -> Span | None:
    """`last`, `this` or `next`, of a unit, a season, a month or a weekday."""
    shift = {"last": -1, "past": -1, "next": 1}.get(word, 0)
    if unit in ("week", "weekend", "month", "year"):
        if unit == "weekend" and shift == -1 and day.weekday() == 6:
            return _shift(day, unit, -1)
        return _shift(day, unit, shift)
    if unit in _SEASONS:
        spans = [_months(year, _SEASONS[unit], 3) for year in range(day.year - 2, day.year + 3)]
        return _pick(spans, shift, day)
    if unit[:3] in _WEEKDAYS:
        if shift == 0 and word == "this":
            return _days(day + timedelta(days=_WEEKDAYS.index(unit[:3]) - day.weekday()), 1)
        return _days(_weekday(day, unit, shift >= 0), 1)
    return _pick([_months(year, _month_in(unit), 1) for year in range(day.year - 2, day.year + 3)], shift, day)


def _pick(spans: list[Span], shift: int, day: datetime) -> Span | None:
    """Of spans that come back every year the last that is over, the first that has not begun, or this year's."""
    if shift < 0:
        return max((span for span in spans if span[1] <= day), default=None)
    if shift > 0:
        return min((span for span in spans if span[0] > day), default=None)
    here = [span for span in spans if span[0] <= day < span[1]]
    return here[0] if here else next(span for span in spans if span[0].year == day.year)


def _weekday(day: datetime, name: str, ahead: bool) -> datetime:
    """The nearest before the day, or after it."""
    distance = (_WEEKDAYS.index(name[:3]) - day.weekday()) % 7
    return day + timedelta(days=(distance or 7) if ahead else distance - 7)


def _nearest(day: datetime, unlikely: timedelta | None, of_year: Callable[[int], Span]) -> Span | None:
    """Of what comes every year the newest that has begun, if that is less than `unlikely` ago, else the next; without
    such a limit the one that is nearer."""
    spans = []
    for year in range(day.year - 1, day.year + 2):
        with suppress(ValueError):  # no 29 February
            spans.append(of_year(year))
    before = max((span for span in spans if span[0] <= day), default=None)
    after = min((span for span in spans if span[1] > day), default=None)
    if before is None or after is None or before == after:
        return before or after
    limit = after[0] - day if unlikely is None else unlikely
    return before if day - before[1] < limit else after


def _of_month(words: str, match: re.Match[str], text: str, day: datetime, ahead: bool) -> Span | None:
    """`on the 7th`; not `the 7th floor`."""
    number = _day_in(words)
    for word, shift in (("this", 0), ("last", -1), ("next", 1)):
        if f"of {word} month" in words:
            return _days(_first_of(day.year, day.month + shift).replace(day=number), 1)
    if not _AFTER_ORDINAL.match(text, match.end()):
        return None
    shifts = (0, 1, 2) if ahead else (0, -1, -2)
    for shift in shifts:
        first = _first_of(day.year, day.month + shift)
        try:
            found = first.replace(day=number)
        except ValueError:  # no 31st in this month
            continue
        if found == day or (found > day) == ahead:
            return _days(found, 1)
    return None


def _sentence(text: str, start: int, end: int) -> str:
    """About the sentence around a place."""
    least, most = max(0, start - _FAR), min(len(text), end + _FAR)
    first = max(text.rfind(mark, least, start) for mark in ".!?\n") + 1 or least
    last = min((at for mark in ".!?\n" if (at := text.find(mark, end, most)) >= 0), default=most)
    return text[first:last]


def find_spans(text: str, now: datetime | None) -> list[Span]:
    """See `times.spans`."""
    text = _in_english(_EXPLAINED.sub(r"\g<date>", text))
    phrases = find_phrases(text, now, bare_years=True)
    found: list[Span] = []
    at = 0
    while at < len(phrases):
        phrase = phrases[at]
        at += 1
        before = text[max(0, phrase.start - _NEAR) : phrase.start]
        if at < len(phrases) and _FROM.search(before) and _TO.fullmatch(text, phrase.end, phrases[at].start):
            whole = phrase.span[0], phrases[at].span[1]
            if is_before(*whole):
                found.append(whole)
                at += 1
                continue
        side = _SIDE.search(before)
        found.append(_beside(side[1].lower(), phrase.span) if side else phrase.span)
    return found


def _in_english(text: str) -> str:
    """The text with its dates of other languages and notations as English writes them."""
    if not has_other_dates(text):
        return text
    from .local_dates import in_english

    return in_english(text)


def _beside(side: str, span: Span) -> Span:
    if side in ("before", "until", "till"):
        return BEGINNING, span[0]
    return (span[0] if side == "since" else span[1]), END


def add_dates(text: str, said: datetime) -> str:
    """`yesterday [7 May 2023]`: each relative date followed by what it means."""
    parts, at = [], 0
    for phrase in _phrases_to_explain(text, said):
        end = phrase.end + 2 * text.startswith(("'s", "’s"), phrase.end)
        parts += [text[at:end], f" [{phrase.date}]"]
        at = end
    return "".join([*parts, text[at:]])


def explain_dates(text: str, said: datetime) -> str:
    """` (yesterday [7 May 2023], next week [15 to 21 May 2023])`: what the relative dates of a text mean, to stand behind
    it; "" where there are none."""
    meant = {text[one.start : one.end].lower(): one for one in reversed(_phrases_to_explain(text, said))}
    notes = [f"{text[one.start : one.end]} [{one.date}]" for one in reversed(meant.values())]
    return f" ({', '.join(notes)})" if notes else ""


def _phrases_to_explain(text: str, said: datetime) -> list[DatePhrase]:
    """Without those that mean the day itself, or a span around it: it stands beside the text."""
    own_day = said if not isinstance(said, PartialTime) else None
    return [one for one in find_phrases(text, said) if one.relative and not is_within(own_day, one.span)]


_NOTE = re.compile(r" ?\((?:[^()\[\]]+ \[[^\[\]]*\d{4}\](?:, )?)+\)")


def without_notes(text: str) -> str:
    """Without what `explain_dates` has put behind its lines."""
    return _NOTE.sub("", text)


def drop_explained(text: str) -> str:
    """`yesterday [7 May 2023]` → `7 May 2023`: a day in the words of a calendar alone. A longer span has no words that
    stand beside all that lies in it."""
    return _EXPLAINED.sub(lambda match: found[0] if (found := _ONE_DAY.match(match["date"])) else "", text)


_ONE_DAY = re.compile(r"\d+ [A-Z]\w+ \d{4}")


def format_span(span: Span) -> str:
    """`7 May 2023`, `1 to 7 May 2023`, `May 2023`, `June to August 2023`, `year 2023`."""
    start, last = span[0], span[1] - timedelta(days=1)
    if (start.day, span[1].day) == (1, 1):
        if (start.month, span[1].month) == (1, 1) and start.year == last.year:
            return f"year {start.year}"
        if (start.year, start.month) == (last.year, last.month):
            return f"{start:%B} {start.year}"
        return f"{start:%B}{'' if start.year == last.year else f' {start.year}'} to {last:%B} {last.year}"
    end = f"{last.day} {last:%B} {last.year}"
    if start.date() == last.date():
        return end
    year = "" if start.year == last.year else f" {start.year}"
    month = "" if not year and start.month == last.month else f" {start:%B}"
    return f"{start.day}{month}{year} to {end}"


_MOST_TERMS = 8  # of a passage; a table of dates is found by its words


def span_terms(text: str, said: datetime | None) -> list[str]:
    """See `times.date_terms`."""
    spans = dict.fromkeys(phrase.span for phrase in find_phrases(text, said and local_clock(said)))
    return [_term(span) for span in spans][:_MOST_TERMS]


def dated_places(text: str) -> list[tuple[int, int, str]]:
    """`(start, end, index term)` of each date that English writes out, for text without others."""
    return [(one.start, one.end, _term(one.span)) for one in find_phrases(text, None)]


def has_other_dates(text: str) -> bool:
    """Whether a text may have dates of another language or notation."""
    return bool(
        _OTHER_LETTER.search(text)
        or _OTHER_NUMBERS.search(text)
        or not all(map(_ENGLISH_BEFORE.fullmatch, _WORD_OF_YEAR.findall(text)))
    )


def _term(span: Span) -> str:
    start, end = (bound.date().isoformat() for bound in span)
    return DATE_TERM + (start if span[1] - span[0] <= timedelta(days=1) else f"{start}/{end}")


@lru_cache(maxsize=8192)
def read_date_term(term: str) -> tuple[int, int]:
    """The first day of an index term and the day after its last, as ordinals."""
    first, _, end = term.removeprefix(DATE_TERM).partition("/")
    day = date.fromisoformat(first).toordinal()
    return day, date.fromisoformat(end).toordinal() if end else day + 1


def date_stems(terms: Iterable[str]) -> list[str]:
    """The stems of what index terms of dates mean in words."""
    days = [read_date_term(term) for term in terms if term[0] == DATE_TERM]
    spans = [(datetime.fromordinal(first), datetime.fromordinal(end)) for first, end in days]
    return stems(" ".join(map(format_span, spans)))


def end_of(time: datetime) -> datetime:
    """When a year or a month is over; a time of day is its own end."""
    if not isinstance(time, PartialTime):
        return time
    years, month = divmod(time.month, 12) if isinstance(time, MonthTime) else (1, 0)
    return END if time.year + years > END.year else datetime(time.year + years, month + 1, 1)


def start_of(span: Span) -> datetime:
    """Its beginning; of a whole month or year that month or year."""
    start, end = span
    if (start.day, end.day) == (1, 1) and (end - start).days > 27:
        months = (end.year - start.year) * 12 + end.month - start.month
        whole = {1: MonthTime, 12: YearTime if start.month == 1 else datetime}.get(months, datetime)
        return whole(start.year, start.month, 1)
    return start
