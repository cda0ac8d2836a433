"""What a statement in English says otherwise than its quotes, though the words are the same."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ..stores.analyzer import STOP_WORDS, english_stem

_TOKEN = re.compile(r"\d+(?:[.,:]\d+)*|[A-Za-z]+(?:['’][a-z]+)?|[%€$£]")
_CLAUSE = re.compile(r"[.;:!?,\n]+(?=\s|$)|\b(?:but|although)\b")
_DENIES = re.compile(r"\b(?:not|never|no longer|nobody|no one|cannot|without|(?:fail|refus)\w* to)\b|n['’]t\b", re.I)
_NO_DENIAL = re.compile(r"\b(?:until|till|only|just|sure|doubt|forget|mind|wait|believe)\b|\?", re.I)
_FILLERS = STOP_WORDS | {"ever", "yet", "even", "realli", "seem", "actual", "still", "get", "got"}
_SYMMETRIC = re.compile(r"met|meet|marr|know|knew|date|match|equal|and|with|relat|friend|differ")
_MODAL = (
    r"(?:\b(?:may|might|would|could|will)|['’]d|['’]ll|\b(?:plan|want|hope|intend|wish|like|go)(?:s|ed|ing|ning)? to)"
)
_NUMBERS = {
    word: str(at)
    for at, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
        " eighteen nineteen twenty".split()
    )
} | {word: str(at * 10) for at, word in enumerate("thirty forty fifty sixty seventy eighty ninety".split(), 3)}
_UNITS = {
    english_stem(name): names.split()[0]
    for names in (
        "kilogram kg kilo,centimetre cm centimeter,kilometre km kilometer,mile,litre l liter,gallon,percent %,pound lb,gb,mb"
        ",second,minute min,hour h,day,week,month,year,euro eur €,dollar usd $,pound-sterling £"
    ).split(",")
    for name in names.split()
}
_UNIT_NAMES = frozenset(_UNITS.values())
_EXCLUSIVE = [
    [side.split() for side in one.split("/")]
    for one in (
        "like love enjoy adore prefer/dislike hate detest",
        "open/close closed shut",
        "before/after",
        "rise rose grow grew increase/fall fell drop decrease",
        "spring/summer/autumn fall/winter",
        "january/february/march/april/june/july/august/september/october/november/december",
        "monday/tuesday/wednesday/thursday/friday/saturday/sunday",
        "am/pm",
        "north/south/east/west",
        "accept agree/reject refuse",
    )
]


def contradiction(statement: str, quotes: Sequence[str]) -> str:
    """What of a statement every quote says otherwise: its "number", "unit", "word", "roles", "speaker", "negation" or
    "mood"; "" where one quote says the same."""
    found = [_compare(statement, quote) for quote in quotes]
    return found[0] if found and all(found) else ""


def _compare(statement: str, quote: str) -> str:
    said, there = _tokens(statement), _tokens(quote)
    if one := _wrong_amount(said, there):
        return one
    for sides in _EXCLUSIVE:
        first, second = ([bool({*map(english_stem, side)} & {*words}) for side in sides] for words in (said, there))
        if any(first) and any(second) and not any(map(min, first, second)):
            return "word"
    if set(_triples(statement)) & {triple[::-1] for triple in _triples(quote)}:
        return "roles"
    if _is_of_another_speaker(statement, quote):
        return "speaker"
    if _denies_it(statement, said, quote):
        return "negation"
    for word in re.findall(r"\b[a-z]+ed\b", statement):
        stem = english_stem(word)
        would = [verb for verb in re.findall(rf"{_MODAL}\s+([a-z]+)", quote) if english_stem(verb) == stem]
        if would and word not in quote and not re.search(_MODAL, statement):
            return "mood"
    return ""


def _tokens(text: str) -> list[str]:
    """Stems, with numbers as digits."""
    words = [word.lower().replace(",", "") for word in _TOKEN.findall(text)]
    return [_NUMBERS.get(word, english_stem(word)) for word in words]


def _wrong_amount(said: Sequence[str], there: Sequence[str]) -> str:
    counted, held = set(_amounts(said)), set(_amounts(there))
    for number, unit in counted - held:
        if any(other == unit and (number, one) not in held for one, other in held) and number not in there:
            return "number"
        if unit in _UNIT_NAMES and any(one == number and other in _UNIT_NAMES for one, other in held):
            return "unit"
    return ""


def _amounts(tokens: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each number with what it counts."""
    for before, number, after in zip(["", *tokens], tokens, [*tokens[1:], ""], strict=False):
        if number[0].isdigit():
            unit = before if before in ("€", "$", "£") else after
            if unit not in STOP_WORDS and not unit[:1].isdigit():
                yield number, _UNITS.get(unit, unit)


def _triples(text: str) -> Iterator[tuple[str, str, str]]:
    """Who does what to whom: each three words in a row that are no stop words."""
    for clause in _CLAUSE.split(text):
        words = [word.lower() for word in _TOKEN.findall(clause)]
        kept = [english_stem(word) for word in words if word not in STOP_WORDS]
        for first, verb, last in zip(kept, kept[1:], kept[2:], strict=False):
            if not _SYMMETRIC.match(verb) and not {"and", "or", "with"} & {*words}:
                yield (last, verb, first) if "by" in words else (first, verb, last)


def _is_of_another_speaker(statement: str, quote: str) -> bool:
    """Whether a quote in the first person is told of somebody else than its speaker."""
    speaker, colon, said = quote.partition(":")
    subject = re.match(r"([A-Z][a-z]+)(?:['’]s)? (?:[a-z]+ ){0,2}?", statement)
    if not colon or not subject or len(speaker.split()) > 3 or not re.search(r"\b(?:I|my)\b", said, re.I):
        return False
    name = subject[1]
    if (
        name.lower() in STOP_WORDS | {"someone", "somebody", "people", "everyone"}
        or name in quote
        or any(word in statement for word in speaker.split())
    ):
        return False
    return statement.startswith(f"{name}'s") or english_stem(name.lower()) not in _tokens(quote)


def _denies_it(statement: str, said: Sequence[str], quote: str) -> bool:
    """Whether the clause of the quote that holds most of the statement's words denies it, and the statement does not."""
    if _DENIES.search(statement) or re.search(r"\b(?:no|none|nothing|neither|nor|stop\w*|quit)\b", statement, re.I):
        return bool(re.search(r"\bstopped\b", statement)) and bool(
            re.search(r"(?:n['’]t|not|never)\b[^.,]* stop", quote)
        )
    own = {word for word in said if word not in STOP_WORDS}
    speech = re.sub(r"^[A-Z][\w .]{0,30}:", "", quote)
    clauses = [(len(own & {*_tokens(clause)}), clause) for clause in _CLAUSE.split(speech) if clause]
    most = max((count for count, _ in clauses), default=0)
    best = [clause for count, clause in clauses if count == most]
    return most > 0 and all(_is_denied(own, clause) for clause in best) and "?" not in quote


def _is_denied(own: set[str], clause: str) -> bool:
    """Whether the first word that a negation stands before is one of a statement's."""
    denial = _DENIES.search(clause)
    if denial is None or _NO_DENIAL.search(clause):
        return False
    after = [word for word in _tokens(clause[denial.end() :]) if word not in _FILLERS]
    return bool(after) and after[0] in own
