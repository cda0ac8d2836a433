"""What the rules see in a text: names, and the terms that a question turns on."""

from __future__ import annotations

import math
import re

from ...stores.analyzer import STOP_WORDS, stems
from ...stores.index.snapshot import Snapshot

_CAPITAL = r"[^\W\d_a-zß-öø-ÿ][\w'’-]*[\w]"  # a word that begins with a capital letter, of two characters or more
_NAME = re.compile(rf"{_CAPITAL}(?:(?:\s+(?:of|the|de|da|do|von|van|and)){{0,2}}\s+{_CAPITAL})*")
_HONORIFIC = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|Prof|Sr|Sra)\.")
_WORD = re.compile(r"[\w'’]+")
_SENTENCE_START = re.compile(r"(?:^|[.!?:;\n\"“]\s*)$")

_CALENDAR = frozenset(
    """monday tuesday wednesday thursday friday saturday sunday january february march april may june july august
    september october november december christmas easter""".split()
)

# Words that a question is made of, but that the answer need not repeat.
_GENERIC = frozenset(
    stem
    for word in """
    ask begin call come different everyone everything find first get give go happen happened kind know last learn like
    list long look lot main make many mention much name need new number often old part people person place plan
    possible recent say something sort start take tell thing time type use want way word work
    year month week day date today when yesterday
    """.split()
    for stem in stems(word)
)


def names(text: str) -> list[str]:
    """Capitalised words and runs of them, in order, without repetition; no weekdays, months and pronouns.

    A single word that only ever begins a sentence is no name: it has its capital from its place.
    """
    found: dict[str, None] = {}
    text = _HONORIFIC.sub(lambda match: " " * len(match.group()), text)
    for match in _NAME.finditer(text):
        initial = _SENTENCE_START.search(text, max(0, match.start() - 3), match.start()) is not None
        parts = match.group().split()
        while parts and (_plain(parts[0]) or parts[0][0].islower()):
            parts.pop(0)
            initial = False
        while parts and _plain(parts[-1]):
            parts.pop()
        if parts and not (initial and len(parts) == 1) and not any(map(_pronoun, parts)):
            found.setdefault(re.sub(r"['’]s$", "", " ".join(parts)))
    return list(found)


def _plain(word: str) -> bool:
    """Whether a capitalised word is no name by itself."""
    low = word.lower()
    return low in STOP_WORDS or low.removesuffix("s") in _CALENDAR


def _pronoun(word: str) -> bool:
    """I'm, We'll, It’s."""
    return re.split(r"['’]", word.lower())[0] in ("i", "he", "she", "it", "we", "you", "they", "that", "there", "what")


def terms(snapshot: Snapshot, question: str) -> dict[str, str]:
    """Stem → word for what the question turns on: no stop words, no question words, none of the speakers."""
    found: dict[str, str] = {}
    if "[" in question:
        from ...stores.date_phrases import drop_explained

        question = drop_explained(question)
    for word in _WORD.findall(question):
        for stem in stems(re.sub(r"['’]s$", "", word)):
            if stem not in _GENERIC and stem not in snapshot.speaker_stems:
                found.setdefault(stem, word)
    return found


def rarity(snapshot: Snapshot, name: str, share: float = 0.05) -> float:
    """How much a name tells, from 0 to 1: the idf of its rarest word against that of a word that occurs once; 0 for a name
    with a word that is not in memory, and for one that occurs in more than `share` of the passages."""
    counts = list(snapshot.frequencies(stems(name)).values())
    if not counts or min(counts)[0] == 0:
        return 0.0
    rarest, total = min(counts)
    if rarest > max(3, share * total):
        return 0.0
    return math.log((total + 1) / rarest) / math.log(total + 1)
