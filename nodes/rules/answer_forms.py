"""What the form of a passage says of whether it answers: who tells, and whether the date or the number is there that is asked for."""

from __future__ import annotations

import re

from ...stores.analyzer import is_english
from ...stores.records import Hit

_FIRST_PERSON = re.compile(r"\b(?:I|we|my|our|me|us)\b", re.I)
_SECOND_PERSON = re.compile(r"\byou(?:rs?)?\b", re.I)
_WHEN = re.compile(r"when\b|how long\b|(?:in |on )?(?:what|which) (?:date|day|year|month)\b", re.I)
_HOW_MANY = re.compile(r"how (?:many|much|old|often)\b", re.I)
_NUMBER = re.compile(r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|twice|once|dozen|couple)\b", re.I)


def telling_share(hit: Hit) -> float:
    """1 for what a speaker tells of himself, 0.5 for what he tells of others or asks with words about himself, 0 for other
    questions; 1 for text in other languages than English, and for what nobody said."""
    said = hit.text.removeprefix(f"{hit.speaker}: ")
    if hit.speaker is None or not is_english(said):
        return 1.0
    tells = not said.rstrip().endswith("?")
    return (tells + (len(_FIRST_PERSON.findall(said)) > len(_SECOND_PERSON.findall(said)))) / 2


def holds_kind(question: str, hit: Hit) -> float:
    """0.5 for a passage with the date or the number that is asked for, -0.5 for one without, 0 where neither is asked for."""
    if _WHEN.match(question):
        return 0.5 if hit.dated_text != hit.text else -0.5
    if _HOW_MANY.match(question):
        return 0.5 if _NUMBER.search(hit.text) else -0.5
    return 0.0
