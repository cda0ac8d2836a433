"""Identifiers, amounts and dates as a whole, beside the words of which they are made."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from .analyzer import LONGEST_WORD, STOP_WORDS, TYPOGRAPHY, Term, english_stem
from .times import DATE_TERM

# Thai, Lao, Burmese, Khmer, Japanese and Chinese: written without blanks, they go on where an identifier begins and ends.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_LETTER = rf"[^\W_{_UNSPACED}]"
_BEFORE = rf"(?<![^\W{_UNSPACED}])(?<![.,])"
_AFTER = rf"(?![^\W{_UNSPACED}])"
_ACRONYM = re.compile(r"(?<![^\W_])(?:[^\W\d_]\.){2,}(?:[^\W\d_](?![^\W_]))?")
_AMOUNT = re.compile(
    rf"{_BEFORE}"
    r"(?P<whole>\d{1,3}(?:(?P<blank>[ '])\d{3})(?:(?P=blank)\d{3})*|\d{1,3}(?:,\d{3})+|\d{1,3}(?:\.\d{3})+|\d+)"
    r"(?:[.,](?P<part>\d{1,2}))?(?![\d]|[.,:]\d)(?:(?P<unit>[km]|[ ]?(?:thousand|tsd|mill?e?|mio|mn|millions?|millionen"
    r"|mill?ones|milhões|bn|mrd|milliarden?|milliards?|billions?|milyon|milyar|тыс(?:яч[аи]?)?|млн|миллион(?:а|ов)?"
    r"|млрд|миллиард(?:а|ов)?|lakhs?|crores?|लाख))(?![^\W_])"
    r"|(?P<myriad>[万만萬억億亿])(?:[ ]?(?P<more>\d{1,4})(?P<small>[百백千천万만萬])|(?P<rest>\d{3,4})(?!\d))?)?",
    re.I,
)
_UNITS = {
    **dict.fromkeys(("milliard", "milyar", "миллиард", "млрд", "mrd", "b"), 9),
    **dict.fromkeys(("m", "м"), 6),
    **dict.fromkeys(("k", "t", "т"), 3),
    "lakh": 5,
    "लाख": 5,
    "crore": 7,
    "百": 2,
    "백": 2,
    "千": 3,
    "천": 3,
    "만": 4,
    "万": 4,
    "萬": 4,
    "억": 8,
    "億": 8,
    "亿": 8,
}
"""How a unit begins, the first that fits, and its power of ten."""
_YEAR = re.compile(r"(?:19|20|24|25)\d\d")
_PHONE = re.compile(rf"{_BEFORE}\+?\(?\d(?:[ ()./-]{{0,2}}\d){{7,18}}{_AFTER}(?![.,]\d)")
_VERSION = re.compile(rf"{_BEFORE}[vV]?(\d+(?:\.\d+){{1,4}}(?:-?[a-z]+\.?\d*)?){_AFTER}(?!\.\d)")
_CLOCK = re.compile(rf"{_BEFORE}(?<!:)(\d{{1,2}}):(\d\d)(?::\d\d)?(?:\s?([ap])\.?m\b\.?)?{_AFTER}(?!:)", re.I)
_COMPOUND = re.compile(
    rf"{_LETTER}+(?:[-_./:@\\#'+]{{1,3}}{_LETTER}+)+(?:_+{_LETTER}+)*|{_LETTER}+(?:_+{_LETTER}+)+|{_LETTER}{{2,}}"
)
_CONNECTORS = re.compile(r"[-_./:@\\#'+]+")
_JOINED = re.compile(
    r"[_/\\@.:+#]|-.*\d|\d.*-|^[^\W\d_]{1,2}-"
)  # what makes a compound one word when it is written as one
_CASED = [chr(code) for code in range(0x41, 0x590)]  # Latin, Greek, Cyrillic, Armenian
_UPPER, _LOWER = ("".join(filter(is_cased, _CASED)) for is_cased in (str.isupper, str.islower))
_CAMEL = re.compile(rf"[{_UPPER}]+(?![{_LOWER}])|[{_UPPER}]?[{_LOWER}]+|\d+|[^\W\d{_UPPER}{_LOWER}_]+")
_HASH = re.compile(r"(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{7,64}")
_HASH_PREFIX = 7  # characters, as git shortens one
_ORDINAL = re.compile(r"\d+(?:st|nd|rd|th)", re.I)
_SUFFIXES = 4  # of a path, from its last part up
_LOCAL_DIGITS = 8  # of a telephone number, from the right: with and without the code of country or town


class Identifier(NamedTuple):
    """A stretch of a text, and what it is called beside its words."""

    start: int
    end: int
    forms: Sequence[str]
    exact: int = 1
    """So many of the first forms are its own alone; by the others it is found, too."""


def whole_forms(text: str) -> list[str]:
    """The terms of the identifiers of a paragraph, in order."""
    return [form for found in identifiers(_plain(text)) for form in found.forms]


def terms_around(text: str, word_terms: Callable[[str], list[Term]]) -> list[Term]:
    """The terms of a paragraph, an identifier as one: by its whole, or by all words that it is made of."""
    text = _plain(text)
    found: list[Term] = []
    at = 0
    for one in identifiers(text):
        if one.start < at:
            continue
        found += word_terms(text[at : one.start])
        written = text[one.start : one.end]
        words = frozenset(next(iter(part.forms[0])) for part in word_terms(written))
        parts = frozenset(_parts(written)).intersection(one.forms)
        wholes = [frozenset((form,)) for form in one.forms[: one.exact] if form not in words | parts]
        forms = [*wholes, *(one for one in dict.fromkeys((words, parts)) if one)]
        found += [Term(written, tuple(forms))] if forms else []
        at = one.end
    return [*found, *word_terms(text[at:])]


def identifiers(text: str) -> list[Identifier]:
    """By their place; of two that overlap, dates come before numbers, and numbers before compounds."""
    taken = bytearray(len(text))
    found: list[Identifier] = []

    def add(candidates: Iterator[Identifier]) -> None:
        for one in candidates:
            if one.forms and not any(taken[one.start : one.end]):
                taken[one.start : one.end] = b"\1" * (one.end - one.start)
                found.append(one)

    add(_dates(text))
    add(_acronyms(text))
    add(_clocks(text))
    add(_versions(text))
    add(_phones(text))
    add(_amounts(text))
    add(_compounds(text))
    return sorted(found)


def _plain(text: str) -> str:
    if (text := text.translate(TYPOGRAPHY).replace("·", " ")).isascii():
        return text
    from .scripts import plain_text

    return plain_text(text)


def _dates(text: str) -> Iterator[Identifier]:
    """3 November 2025 as @2025-11-03."""
    if not _YEAR.search(text):
        return
    from .date_phrases import dated_places, has_other_dates

    if not has_other_dates(text):
        for start, end, term in dated_places(text):
            if "/" not in term:  # of a month or a year each word says something
                yield Identifier(start, end, [term])
        return
    from .local_dates import dates

    for one in dates(text):
        yield Identifier(one.start, one.end, [DATE_TERM + day for day in one.days], len(one.days))


def _acronyms(text: str) -> Iterator[Identifier]:
    """U.S.A. as usa."""
    for match in _ACRONYM.finditer(text):
        word = match.group().replace(".", "").lower()
        yield Identifier(match.start(), match.end(), [word] if word not in STOP_WORDS else [])


def _clocks(text: str) -> Iterator[Identifier]:
    """2:05 pm as 14:05."""
    for match in _CLOCK.finditer(text):
        hour, half = int(match[1]), (match[3] or "").lower()
        hour = hour % 12 + 12 * (half == "p") if half and hour <= 12 else hour
        yield Identifier(match.start(), match.end(), [f"{hour}:{match[2]}"] if hour < 24 else [])


def _versions(text: str) -> Iterator[Identifier]:
    """v1.5.9 as 1.5.9, which 1.5 finds too. Two numbers alone are an amount."""
    for match in _VERSION.finditer(text):
        parts = match[1].lower().split(".")
        if (len(parts) > 2 and not all(len(part) == 3 for part in parts[1:])) or match.group()[0] in "vV":
            forms = [match[1].lower(), *([".".join(parts[:2])] if len(parts) > 2 else [])]
            yield Identifier(match.start(), match.end(), forms)


def _phones(text: str) -> Iterator[Identifier]:
    """Digits in groups, as one number."""
    for match in _PHONE.finditer(text):
        groups = re.findall(r"\d+", match.group())
        digits = "".join(groups)
        if len(groups) > 1 and all(len(group) > 1 or group == groups[0] for group in groups):
            yield Identifier(match.start(), match.end(), [digits, *_local(digits)])
        elif len(groups) == 1:
            yield Identifier(match.start(), match.end(), _local(digits))


def _local(digits: str) -> list[str]:
    return [f"{digits[-_LOCAL_DIGITS:]}~"]


def _amounts(text: str) -> Iterator[Identifier]:
    """1.234,56 € as 1234 and 1234.56; 1.5 million as 1500000."""
    for match in _AMOUNT.finditer(text):
        whole, part = re.sub(r"\D", "", match["whole"]), match["part"]
        unit = (match["unit"] or match["myriad"] or "").strip().lower()
        if unit:
            number = int(whole + (part or "").ljust(_power(unit), "0")) + int(match["rest"] or 0)
            if match["more"]:  # 8万5千, 1億2000万
                number += int(match["more"]) * 10 ** _power(match["small"])
            yield Identifier(match.start(), match.end(), [str(number)])
        elif whole != match["whole"] or part:
            exact = [f"{whole}.{part.ljust(2, '0')}"] if part and int(part) else []
            yield Identifier(match.start(), match.end(), [*exact, whole])


def _power(unit: str) -> int:
    if unit in ("mil", "mille"):
        return 3
    return next(power for begin, power in _UNITS.items() if unit.startswith(begin))


def _compounds(text: str) -> Iterator[Identifier]:
    """getUserProfileById and its words; user_id, user-id-7, src/app/main.py and the ends of that path; a git hash and
    its first characters."""
    for match in _COMPOUND.finditer(text):
        written = match.group()
        forms: dict[str, None] = {}
        pieces = _CONNECTORS.split(written)
        if len(pieces) > 1 and _JOINED.search(written) and not written.endswith("'s"):
            forms["".join(pieces).lower()[:LONGEST_WORD]] = None
            if "/" in written or "\\" in written:
                ends = [piece.lower() for piece in re.split(r"[/\\]+", written)]
                for at in range(max(0, len(ends) - _SUFFIXES), len(ends)):
                    forms[re.sub(r"\W|_", "", "".join(ends[at:]))[:LONGEST_WORD]] = None
        for piece in pieces:
            low = piece.lower()
            if _HASH.fullmatch(low):
                forms[low[:_HASH_PREFIX]] = None
        forms |= dict.fromkeys(_parts(written))
        if forms:
            yield Identifier(match.start(), match.end(), list(forms))


def _parts(written: str) -> list[str]:
    """The stems of the words of a compound that is written without anything between them."""
    found = []
    for piece in _CONNECTORS.split(written):
        low = piece.lower()
        parts = _CAMEL.findall(piece) if not _HASH.fullmatch(low) else []
        if _ORDINAL.fullmatch(piece):
            parts = parts[:1]
        if 1 < len(parts) <= 12 or _ORDINAL.fullmatch(piece):
            found += [english_stem(fold_part(part)) for part in parts if part.lower() not in STOP_WORDS]
    return found


def fold_part(part: str) -> str:
    if part.isascii():
        return part.lower()
    from .scripts import fold

    return fold(part.casefold())
