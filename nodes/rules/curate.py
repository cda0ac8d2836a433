"""Memories without a model: lasting facts that speakers state of themselves, and events with a date. Few, verbatim."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from ...stores.index.snapshot import Snapshot
from ...stores.records import MemoryItem
from ...stores.times import local_clock, spans
from ..curate import CORE_SHOWN, Call, CurateQuestion, Curation
from .question_terms import SENTENCE

_MOST = 6  # of a kind, from one page
_LONGEST = 240  # characters of a sentence that is worth an item
_CHARS_PER_TOKEN = 4
_TURN = re.compile(r"^(?P<speaker>[^\W\d_][\w .'’-]{0,30}?)(?:: |：\s*)(?P<said>.*)$")
_QUESTION = re.compile(r"[?？؟][\"'”’)]*$")
_MONTH = re.compile(r"\b(?:Jan|Feb|Mar|Apr|May|June?|July?|Aug|Sep|Oct|Nov|Dec)[a-z]*\b|\d{4}-\d\d-\d\d")
_HEDGED = re.compile(r"\b(?:if|maybe|perhaps|might|would|wish|could|used to|pretend\w*|joking)\b", re.I)

# Slots: of each, a speaker has one at a time, and a new one takes the place of the old one.
_SLOTS = {
    "home": r"I(?:'ve| have)? (?:just )?(?:live|moved|am moving|'m moving)(?: back)?(?: from [\w ]{1,40}?)? (?:in|to)\b",
    "work": r"I (?:now )?(?:work|teach|bake|nurse) (?:at|for|in)\b|I(?:'m| am) (?:now )?(?:working|employed) (?:at|for)\b",
    "name": r"[Mm]y (?:full )?name is\b",
    "birthday": r"[Mm]y birthday is\b|I was born (?:on|in)\b",
    "allergy": r"I(?:'m| am) allergic to\b",
    "diet": r"I(?:'m| am) (?:a )?(?:vegan|vegetarian)\b",
}
# Facts and preferences of which there may be many.
_LASTING = (
    r"[Mm]y (?:favou?rite|usual) [\w ]{1,40} (?:is|are)\b",
    r"I (?:prefer|can't stand|love|like|hate) (?!that\b|how\b|it\b|this\b|you\b|your\b|to\b|all\b|the\b|when\b|being\b)\w+",
    r"[Mm]y (?:wife|husband|partner|son|daughter|mother|father|sister|brother|dog|cat|boss)(?:'s name)? is (?:called )?[A-Z]",
)
_IN_CORE = ("name", "home", "work", "allergy", "diet", "birthday")


def curate(snapshot: Snapshot, question: CurateQuestion) -> Curation:
    """At most six facts and six events: a sentence of one speaker, under the speaker's name, word for word.

    A fact that fills a slot (home, work, …) takes the place of what the same speaker said of it before; slots make up
    the core paragraph. An event is a sentence that holds a date; its time is the beginning of that.
    """
    facts: dict[str, Call] = {}
    events: list[Call] = []
    core = _lines(question.core)
    for speaker, sentence in _sentences(question.text):
        slot = _slot(sentence)
        content = f"{speaker}: {sentence}"
        when = _single_date(sentence)
        if slot is not None:
            old = _holder(question.items, speaker, slot)
            if _is_older(question.page.time, old):
                continue
            facts[f"{speaker} {slot}"] = _edit(old, content, question.page.time)
            if slot in _IN_CORE:
                core[(speaker, slot)] = content
        elif any(re.search(pattern, sentence) for pattern in _LASTING) and when is None:
            facts.setdefault(content, _edit(None, content, question.page.time))
        elif when is not None and len(events) < _MOST:
            events.append(_insert("episodic", content, when))
    calls = [*list(facts.values())[:_MOST], *events]
    paragraph = "\n".join(core.values())
    if paragraph != question.core and len(paragraph) <= CORE_SHOWN * _CHARS_PER_TOKEN:
        name = "memory_update" if question.core else "memory_insert"
        calls.append(Call(name=name, args={"kind": "core", "content": paragraph}))
    return Curation(calls=calls)


def _sentences(text: str) -> Iterator[tuple[str, str]]:
    """`(speaker, sentence)` of every speaker, without questions and hedges."""
    speaker = ""
    for line in text.splitlines():
        turn = _TURN.match(line.strip())
        speaker, said = (turn["speaker"], turn["said"]) if turn else (speaker, line)
        for match in SENTENCE.finditer(said):
            sentence = match.group().strip()
            whole = len(sentence.split()) >= 3 and len(sentence) <= _LONGEST
            if speaker and whole and not _QUESTION.search(sentence) and not _HEDGED.search(sentence):
                yield speaker, sentence


def _slot(sentence: str) -> str | None:
    return next((slot for slot, pattern in _SLOTS.items() if re.search(pattern, sentence)), None)


def _single_date(sentence: str) -> datetime | None:
    """The beginning of the one day or month that the sentence names; None for none, and for several."""
    found = spans(sentence)
    if len(found) != 1 or not _MONTH.search(sentence):
        return None
    start, end = found[0]
    return start if end - start <= timedelta(days=31) else None


def _holder(items: Sequence[MemoryItem], speaker: str, slot: str) -> MemoryItem | None:
    for item in items:
        if item.kind == "semantic" and item.content.startswith(f"{speaker}: ") and _slot(item.content) == slot:
            return item
    return None


def _is_older(time: datetime | None, old: MemoryItem | None) -> bool:
    """Whether what is known is of a later session than the page: sessions need not come in order."""
    return old is not None and old.time is not None and time is not None and local_clock(time) < local_clock(old.time)


def _lines(core: str) -> dict[tuple[str, str], str]:
    """The core paragraph as these rules write it: a line for each speaker and slot; other lines stay as they are."""
    lines: dict[tuple[str, str], str] = {}
    for line in core.splitlines():
        turn = _TURN.match(line)
        slot = _slot(turn["said"]) if turn else None
        lines[(turn["speaker"], slot) if turn and slot in _IN_CORE and slot else (line, "")] = line
    return lines


def _edit(old: MemoryItem | None, content: str, time: datetime | None) -> Call:
    if old is None:
        return _insert("semantic", content, time)
    stamp = {"time": time.isoformat()} if time else {}
    return Call(name="memory_update", args={"kind": "semantic", "id": old.id, "content": content, **stamp})


def _insert(kind: str, content: str, time: datetime | None) -> Call:
    stamp = {"time": time.isoformat()} if time else {}
    return Call(name="memory_insert", args={"kind": kind, "content": content, **stamp})
