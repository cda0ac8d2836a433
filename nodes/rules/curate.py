"""Memories without a model: lasting facts that speakers state of themselves, and events with a date. Few, verbatim."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from ...stores.index.snapshot import Snapshot
from ...stores.records import MemoryItem
from ...stores.times import is_before, order_key, parse_iso_time, spans
from ..curate import CORE_SHOWN, Call, CurateQuestion, Curation
from ..own_statements import MACHINES, event_time, general_kind, own_sentences

_MOST = 6  # of a kind, from one page
_CHARS_PER_TOKEN = 4
_TURN = re.compile(r"^(?P<speaker>[^\W\d_][\w .'’-]{0,30}?): (?P<said>.*)$")
_MONTH = re.compile(r"\b(?:Jan|Feb|Mar|Apr|May|June?|July?|Aug|Sep|Oct|Nov|Dec)[a-z]*\b|\d{4}-\d\d-\d\d")

_CLAUSE = (  # where a clause begins, after a word or a date that opens it
    r"(?:^|[,;–—]\s+|\b(?:and|but|so|because|since)\s+)"
    r"(?:(?:[Yy]es|[Nn]ow|[Ww]ell|[Aa]ctually|[Aa]lso|[Hh]i|[Hh]ello|[Oo]h|and|so)[,.!]?\s+)*"
    r"(?:(?:[Ii]n|[Oo]n|[Ss]ince|[Ff]rom)\s(?:(?:last|next|this|the|of|early|late|[A-Z]\w*(?:day|ber|ary|ch|il|ay|ne|ly|ust)"
    r"|\d+(?:st|nd|rd|th)?),?\s)+|(?:[Ll]ast|[Tt]his)\s\w+,?\s+)?"
)
_DENIED = re.compile(r"\b(?:not|never|no longer|nobody|neither|nor|said|says|say)\b|n['’]t\b", re.I)

# Slots: of each, a speaker has one at a time, and a new one takes the place of the old one.
_SLOTS = {
    "home": r"I(?:'ve| have)? (?:just )?(?:live|moved|am moving|'m moving)(?: back)?(?: from [\w ]{1,40}?)? (?:in|to)\b",
    "work": r"I (?:now )?(?:work|teach|bake|nurse) (?:at|for|in)\b|I(?:'m| am) (?:now )?(?:working|employed) (?:at|for)\b",
    "name": r"[Mm]y (?:full )?name is\b",
    "birthday": r"[Mm]y birthday is\b|I was born (?:on|in)\b",
    "allergy": r"I(?:'m| am) allergic to\b",
    "diet": r"I(?:'m| am) (?:a )?(?:vegan|vegetarian)\b",
}
_SLOT_CLAUSES = {slot: re.compile(f"{_CLAUSE}(?:{pattern})") for slot, pattern in _SLOTS.items()}
_FIRST_PERSON = re.compile(r"\b(?:I|[Mm]y)\b")  # is in whatever fills a slot
# Facts and preferences of which there may be many.
_LASTING = re.compile(
    r"[Mm]y (?:favou?rite|usual) [\w ]{1,40} (?:is|are)\b"
    r"|I (?:prefer|can't stand|love|like|hate) (?!that\b|how\b|it\b|this\b|you\b|your\b|to\b|all\b|the\b|when\b|being\b)\w+"
    r"|[Mm]y (?:wife|husband|partner|son|daughter|mother|father|sister|brother|dog|cat|boss)(?:'s name)? is (?:called )?[A-Z]"
)


class OwnStatement(NamedTuple):
    """A sentence that is worth an item, under the name of its speaker; `slot` is the one that it fills, if any."""

    speaker: str
    content: str
    kind: str
    time: datetime | None
    slot: str | None = None


def curate(snapshot: Snapshot, question: CurateQuestion) -> Curation:
    """At most six facts and six events: a sentence of one speaker, under the speaker's name, word for word.

    A fact that fills a slot (home, work, …) takes the place of what the same speaker said of it before; slots make up
    the core paragraph. An event is a sentence that holds a date; its time is the beginning of that.
    """
    facts: dict[str, Call] = {}
    events: list[Call] = []
    core: dict[tuple[str, str], str] | None = None
    stamp = question.page.time.isoformat() if question.page.time else None
    for speaker, content, kind, time, slot in find_statements(
        question.text, snapshot.speakers_of(question.page.id), stamp
    ):
        if kind == "episodic":
            events.append(_insert(kind, content, time))
        elif slot is None:
            facts.setdefault(content, _edit(None, content, time))  # not in core, which is nobody's order
        else:
            core = _lines(question.core) if core is None else core
            old = _holder(question.items, speaker, slot)
            if old is not None and old.time is not None and (time is None or is_before(time, old.time)):
                continue  # what is known is newer, whenever it was filed
            facts[f"{speaker} {slot}"] = _edit(old, content, time)
            core[(speaker, slot)] = content
    calls = [*list(facts.values())[:_MOST], *events]
    paragraph = "\n".join((core or {}).values())
    if core and paragraph != question.core and len(paragraph) <= CORE_SHOWN * _CHARS_PER_TOKEN:
        name = "memory_update" if question.core else "memory_insert"
        calls.append(Call(name=name, args={"kind": "core", "content": paragraph}))
    return Curation(calls=calls)


@lru_cache(maxsize=16)  # asked before a page is filed, and after
def find_statements(text: str, speakers: tuple[str, ...], stamp: str | None) -> Sequence[OwnStatement]:
    """What a page of a time says that is worth an item, in its order, whatever is known already."""
    said = parse_iso_time(stamp)
    addressed = len(speakers) < 2 or any(speaker.lower() in MACHINES for speaker in speakers)
    found: list[OwnStatement] = []
    for speaker, sentence, is_own in own_sentences(text, speakers):
        slot = _slot(sentence) if is_own else None
        content = f"{speaker}: {sentence}"
        if slot is not None:
            found.append(OwnStatement(speaker, content, "semantic", event_time(sentence, said), slot))
            continue
        general, when = general_kind(sentence) if is_own else "", _single_date(sentence)
        if (
            (general == "instruction" and addressed)
            or general == "preference"
            or (is_own and when is None and _LASTING.search(sentence))
        ):
            found.append(OwnStatement(speaker, content, "semantic", said))
        elif when is not None and sum(one.kind == "episodic" for one in found) < _MOST:
            found.append(OwnStatement(speaker, content, "episodic", when))
    return found


def _slot(sentence: str) -> str | None:
    """What a sentence says of its speaker: only where a clause begins with it, and nothing before denies it."""
    if not _FIRST_PERSON.search(sentence):
        return None
    for slot, pattern in _SLOT_CLAUSES.items():
        found = pattern.search(sentence)
        if found and not _DENIED.search(sentence, 0, found.end()):
            return slot
    return None


def _single_date(sentence: str) -> datetime | None:
    """The beginning of the one day or month that the sentence names; None for none, and for several."""
    found = spans(sentence)
    if len(found) != 1 or not _MONTH.search(sentence):
        return None
    from ...stores.date_phrases import start_of

    return start_of(found[0]) if found[0][1] - found[0][0] <= timedelta(days=31) else None


def _holder(items: Sequence[MemoryItem], speaker: str, slot: str) -> MemoryItem | None:
    """What is known of it, the newest."""
    begin = f"{speaker}: "
    said = [item for item in items if item.kind == "semantic" and item.content.startswith(begin)]
    known = [item for item in said if _slot(item.content.removeprefix(begin)) == slot]
    return max(known, key=lambda item: order_key(item.time) if item.time else 0.0, default=None)


def _lines(core: str) -> dict[tuple[str, str], str]:
    """The core paragraph as these rules write it: a line for each speaker and slot; other lines stay as they are."""
    lines: dict[tuple[str, str], str] = {}
    for line in core.splitlines():
        turn = _TURN.match(line)
        slot = _slot(turn["said"]) if turn else None
        lines[(turn["speaker"], slot) if turn and slot else (line, "")] = line
    return lines


def _edit(old: MemoryItem | None, content: str, time: datetime | None) -> Call:
    if old is None:
        return _insert("semantic", content, time)
    stamp = {"time": time.isoformat()} if time else {}
    return Call(name="memory_update", args={"kind": "semantic", "id": old.id, "content": content, **stamp})


def _insert(kind: str, content: str, time: datetime | None) -> Call:
    stamp = {"time": time.isoformat()} if time else {}
    return Call(name="memory_insert", args={"kind": kind, "content": content, **stamp})
