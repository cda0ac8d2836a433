"""What the rules see in a text: names, and the terms that a question turns on."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import datetime

from ...stores.analyzer import STOP_WORDS, Term, is_english, stems, terms
from ...stores.index.snapshot import Snapshot
from ...stores.times import format_day

_CAPITAL = (
    r"[A-ZÀ-ÖØ-ÞĀ-\u052f\u0531-\u0556\u1e00-\u1fff][\w'’-]*[\w]"  # two characters or more; small ones are sorted out
)
_NAME = re.compile(rf"{_CAPITAL}(?:(?:\s+(?:of|the|de|da|do|von|van|and)){{0,2}}\s+{_CAPITAL})*")
_HONORIFIC = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|Prof|Sr|Sra)\.")
_ISO_DAY = re.compile(r"\b((?:19|20)\d\d)-(\d\d?)-(\d\d?)\b")
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
    year month week day date today when yesterday aren couldn didn doesn hadn hasn haven isn shouldn wasn weren wouldn
    """.split()
    for stem in stems(word)
)


def names(text: str) -> list[str]:
    """Capitalised words and runs of them, in order, without repetition; no weekdays, months and pronouns.

    A single word that only ever begins a sentence is no name: it has its capital from its place.
    """
    found: dict[str, None] = {}
    text = _HONORIFIC.sub(lambda match: " " * len(match.group()), text)
    if not text.isascii():
        from .uncased_names import uncased_names

        found |= dict.fromkeys(uncased_names(text))
    for match in _NAME.finditer(text):
        if match.group()[0].islower():
            continue
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


def question_terms(snapshot: Snapshot, question: str) -> list[Term]:
    """What the question turns on: no stop words, no question words, no speakers, no ids of pages; each once."""
    if "[" in question:
        from ...stores.date_phrases import drop_explained

        question = drop_explained(question)
    question = _ISO_DAY.sub(_write_day, question)
    known = snapshot.speaker_stems | _GENERIC
    if not is_english(question):
        from ...stores.scripts import generic_stems

        known |= generic_stems(question)
    return [
        term
        for term in terms(question)
        if not any(form <= known for form in term.forms) and not snapshot.has(term.text.lower())
    ]


def weigh_terms(snapshot: Snapshot, terms: Iterable[Term]) -> dict[Term, float]:
    """How much each term tells: the idf of the form that is in memory most often; of a term made of several parts, of the
    rarest of them. A term that never occurs counts as one that occurs once."""
    terms = list(terms)
    known = snapshot.frequencies(stem for term in terms for form in term.forms for stem in form)
    counts = {term: max(min(known[stem] for stem in form) for form in term.forms) for term in terms}
    return {term: math.log((total + 1) / max(1, documents)) for term, (documents, total) in counts.items()}


def _write_day(found: re.Match[str]) -> str:
    """As headers and the notes of relative dates write it, so that what tells of that day covers it."""
    try:
        return format_day(datetime(int(found[1]), int(found[2]), int(found[3])))
    except ValueError:
        return found[0]


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
