"""Of two passages that say different things of one subject, the newer one takes the better place: for questions on how things are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from ..stores.analyzer import stems
from ..stores.index.fusion import with_scores
from ..stores.index.snapshot import Snapshot
from ..stores.records import Hit
from ..stores.times import event_time, is_before
from .own_statements import own_sentences
from .slots import ends_only, find_slot, says_change

_LOOKED_AT = 12
_LEAST_SHARED = 2  # stems; one where the newer says that something has changed
_ALIKE = 0.5  # of the stems of the shorter one, those that both have
_ALIKE_CHANGED = 0.3
_PRESENT = re.compile(
    r"\b(?:is|are|am|do|does|has|have|now|current\w*|latest|still|these days|nowadays|today)\b|['’]s\b", re.I
)
_PAST = re.compile(
    r"\b(?:was|were|did|had|first|before|after|original\w*|earlier|initial\w*|ago|used to|when(?! (?:is|are|do|does)\b)|once|ever"
    r"|history|chang\w+|how long|previous\w*|former\w*|(?:19|20)\d\d)\b",
    re.I,
)
_UNSURE = re.compile(  # of something that is asked, wished or said by others
    r"\?\s*$|\b(?:if|maybe|perhaps|might|would|wish\w*|could|said|says|told|heard|dream\w*|imagin\w*|pretend\w*)\b",
    re.I,
)
_NAMING = frozenset(stems("call called name named number"))  # "My dog is called Rex." "We renamed the dog to Max."
_WHOSE = re.compile(
    r"\b(?!(?:it|that|there|here|what|who|where|how|let|he|she)['’])(\w+)['’]s\b"
    r"|\b(mother|mom|mum|father|dad|sister|brother|son|daughter|wife|husband|partner|girlfriend|boyfriend|friend|aunt|uncle|cousin"
    r"|grand\w+|neighbou?r|colleague|roommate|flatmate|boss|team)\b",
    re.I,
)
_ASKED_SLOTS = {
    "home": r"liv(?:e|es|ing)|resid\w+|home|flat|apartment|house|address|city|town|country",
    "work": r"works?|working|jobs?|employ\w+|company|profession|occupation|for a living",
    "diet": r"vegan|vegetarian|diet|eats?|meat",
    "status": r"single|married|engaged|divorced|relationship|partner|dating",
}
_TRADE = re.compile(  # "I am a nurse."
    r"\bI(?:'m| am) (?:now )?an? (?!(?:bit|little|lot|fan|vegan|vegetarian|mess|wreck|man|woman|girl|boy|person|member)\b)[a-z]+(?: now)?[.!]?$"
)
_asked = {slot: re.compile(rf"\b(?:{words})\b", re.I) for slot, words in _ASKED_SLOTS.items()}


def newest_first(snapshot: Snapshot, question: str, hits: Sequence[Hit]) -> list[Hit]:
    """The hits, of which among the first twelve a newer one has changed places with an older one before it: where the same
    speaker says much the same with another detail, and holds as many words of the question, or fills the slot (home, work,
    …) that is asked for. By the time of the event, where a passage names one. Questions on the past keep their order."""
    ranked = list(hits)
    if not _PRESENT.search(question) or _PAST.search(question):
        return ranked
    wanted = set(stems(question)) - snapshot.speaker_stems
    asked_slots = [slot for slot, words in _asked.items() if words.search(question)]
    count = sum(1 for hit in ranked[:_LOOKED_AT] if hit.score > 0)
    times = [event_time(hit.text, hit.time) for hit in ranked[:count]]
    for at in range(count):
        for later in range(at + 1, count):
            old, new = times[at], times[later]
            if old is None or new is None or not is_before(old, new) or _speaker(ranked[at]) != _speaker(ranked[later]):
                continue
            if _fills_slot(ranked[at], ranked[later], asked_slots) or _is_other_version(
                snapshot, ranked[at], ranked[later], wanted
            ):
                ranked[at], ranked[later] = _exchange_scores(ranked[later], ranked[at])
                times[at], times[later] = new, old
    return ranked


def _speaker(hit: Hit) -> str | None:
    """An item by rules begins with the speaker's name."""
    if hit.speaker is not None or hit.page_id:
        return hit.speaker
    name, colon, _ = hit.text.partition(": ")
    return name if colon else None


def _is_other_version(snapshot: Snapshot, older: Hit, newer: Hit, wanted: set[str]) -> bool:
    own, others = (set(stems(hit.text)) - snapshot.speaker_stems for hit in (older, newer))
    shared = own & others
    if not shared or own == others:  # of nearly all pairs, which need no look at their texts
        return False
    changed = not shared.isdisjoint(wanted) and says_change(newer.text)
    least, alike = (1, _ALIKE_CHANGED) if changed else (_LEAST_SHARED, _ALIKE)
    if len(shared) < max(least, alike * min(len(own), len(others))):
        return False
    answers = own & wanted - (_NAMING if changed else set()) <= others & wanted
    return answers and not _UNSURE.search(newer.text) and _whose(older.text) == _whose(newer.text)


def _whose(text: str) -> set[str]:
    """Of whom a text speaks beside its speaker."""
    return {(found[1] or found[2]).lower() for found in _WHOSE.finditer(text)}


def _fills_slot(older: Hit, newer: Hit, asked_slots: Sequence[str]) -> bool:
    """Whether both fill a slot that is asked for."""
    if not asked_slots:
        return False
    filled = _slots(newer.text, newer.speaker)
    return any(slot in filled for slot in _slots(older.text, older.speaker) if slot in asked_slots)


@lru_cache(maxsize=1 << 12)
def _slots(text: str, speaker: str | None) -> frozenset[str]:
    speakers = [speaker] if speaker else []
    own = [sentence for _, sentence, is_own in own_sentences(text, speakers) if is_own]
    found = [
        find_slot(sentence) or ("work" if _TRADE.search(sentence) else None)
        for sentence in own
        if not ends_only(sentence, None)
    ]
    return frozenset(slot for slot in found if slot)


def _exchange_scores(first: Hit, second: Hit) -> tuple[Hit, Hit]:
    return with_scores(first, second.score, first.scores), with_scores(second, first.score, second.scores)
