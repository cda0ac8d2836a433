"""Slots: of each (home, work, …) a speaker has one at a time, and what is said of it later takes the place of the earlier."""

from __future__ import annotations

import re

_CLAUSE = (  # where a clause begins, after a word or a date that opens it
    r"(?:^|[,;–—]\s+|\b(?:and|but|so|because|since)\s+)"
    r"(?:(?:[Yy]es|[Nn]ow|[Ww]ell|[Aa]ctually|[Aa]lso|[Hh]i|[Hh]ello|[Oo]h|and|so)[,.!]?\s+)*"
    r"(?:(?:[Ii]n|[Oo]n|[Ss]ince|[Ff]rom)\s(?:(?:last|next|this|the|of|early|late|[A-Z]\w*(?:day|ber|ary|ch|il|ay|ne|ly|ust)"
    r"|\d+(?:st|nd|rd|th)?),?\s)+|(?:[Ll]ast|[Tt]his)\s\w+,?\s+)?"
)
_DENIED = re.compile(r"\b(?:not|never|no longer|nobody|neither|nor|said|says|say)\b|n['’]t\b", re.I)
_SLOTS = {
    "home": r"I(?:'ve| have)? (?:just )?(?:live|moved|am moving|'m moving)(?: back)?(?: from [\w ]{1,40}?)? (?:in|to)\b"
    r"|[Ww]e(?:'ve| have)? (?:just |now )?(?:live in|moved (?:back )?to) [A-Z]"
    r"|(?:[Mm]y|[Oo]ur) (?:new )?(?:flat|apartment|house|home|address) is (?:now )?(?:in|at|on) [A-Z\d]",
    "work": r"I (?:now )?(?:work|teach|bake|nurse) (?:at|for|in|as)\b|I(?:'m| am) (?:now )?(?:working|employed) (?:at|for|as)\b"
    r"|I(?:'ve| have)? (?:just )?(?:started|got|took|accepted|have) (?:a |my )?(?:new )?(?:job|position) (?:at|with|as)\b"
    r"|I(?:'ve| have)? (?:just )?started at [A-Z]",
    "name": r"[Mm]y (?:full )?name is\b",
    "birthday": r"[Mm]y birthday is\b|I was born (?:on|in)\b",
    "allergy": r"I(?:'m| am) allergic to\b",
    "diet": r"I(?:'m| am) (?:now )?(?:a )?(?:vegan|vegetarian)\b",
    "status": r"I(?:'m| am| got)(?: now)? (?:single|married|engaged|divorced|widowed)\b",
    "phone": r"[Mm]y (?:new )?(?:phone |mobile |telephone )?number is (?:now )?\+?\d[\d ()/-]{4,}",
    "boss": r"[Mm]y (?:new )?boss(?:'s name)? is (?:now )?(?:called )?[A-Z]",
    "partner": r"[Mm]y (?:wife|husband|partner)(?:'s name)? is (?:called )?[A-Z]",
    "dog": r"[Mm]y (?:new )?dog(?:'s name)? is (?:now )?(?:called )?[A-Z]|(?:I|[Ww]e)(?:'ve| have)? renamed (?:my|our|the) dog\b",
    "cat": r"[Mm]y (?:new )?cat(?:'s name)? is (?:now )?(?:called )?[A-Z]|(?:I|[Ww]e)(?:'ve| have)? renamed (?:my|our|the) cat\b",
}
SEVERAL = frozenset(
    ("dog", "cat")
)  # of which a speaker may have several: another one is no change where nothing says so
_CHANGED = re.compile(
    r"\b(?:now|new|no longer|any ?more|these days|nowadays|instead|meanwhile|by now|as of|again"
    r"|(?:re)?(?:moved|named|scheduled)|changed|switched|replaced|sold|postponed|brought forward|raised|lowered|went (?:up|down))\b",
    re.I,
)
_FIRST_PERSON = re.compile(r"\b(?:I|[Mm]y|[Ww]e|[Oo]ur)\b")  # is in whatever fills a slot
_patterns = {slot: re.compile(f"{_CLAUSE}(?:{pattern})") for slot, pattern in _SLOTS.items()}


def find_slot(sentence: str) -> str | None:
    """What a sentence says of its speaker: only where a clause begins with it, and nothing before denies it."""
    if not _FIRST_PERSON.search(sentence):
        return None
    for slot, pattern in _patterns.items():
        found = pattern.search(sentence)
        if found and not _DENIED.search(sentence, 0, found.end()):
            return slot
    return None


def says_change(text: str) -> bool:
    """Whether it says that something is not what it was."""
    return _CHANGED.search(text) is not None
