"""Memories without a model: lasting facts that speakers state of themselves, and events with a date. Few, verbatim."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from ...stores.index.snapshot import Snapshot
from ...stores.records import MemoryItem
from ...stores.times import is_before, order_key, spans
from ..curate import CORE_SHOWN, Call, CurateQuestion, Curation
from ..own_statements import MACHINES, event_time, general_kind, own_sentences
from ..slots import SEVERAL, find_slot, says_change

_MOST = 6  # of a kind, from one page
_CHARS_PER_TOKEN = 4
_TURN = re.compile(r"^(?P<speaker>[^\W\d_][\w .'’-]{0,30}?): (?P<said>.*)$")
_MONTH = re.compile(r"\b(?:Jan|Feb|Mar|Apr|May|June?|July?|Aug|Sep|Oct|Nov|Dec)[a-z]*\b|\d{4}-\d\d-\d\d")

# Facts and preferences of which there may be many.
_LASTING = (
    r"[Mm]y (?:favou?rite|usual) [\w ]{1,40} (?:is|are)\b",
    r"I (?:prefer|can't stand|love|like|hate) (?!that\b|how\b|it\b|this\b|you\b|your\b|to\b|all\b|the\b|when\b|being\b)\w+",
    r"[Mm]y (?:son|daughter|mother|father|sister|brother)(?:'s name)? is (?:called )?[A-Z]",
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
    speakers = set(snapshot.speakers_of(question.page.id))
    addressed = len(speakers) < 2 or any(speaker.lower() in MACHINES for speaker in speakers)
    for speaker, sentence, is_own in own_sentences(question.text, speakers):
        slot = find_slot(sentence) if is_own else None
        content = f"{speaker}: {sentence}"
        when = _single_date(sentence)
        if slot is not None:
            known, time = _items_of_slot(question.items, speaker, slot), event_time(sentence, question.page.time)
            if slot in SEVERAL and (len(known) > 1 or not says_change(sentence)):
                facts.setdefault(content, _edit(None, content, time))
                continue
            old = max(known, key=lambda item: order_key(item.time) if item.time else 0.0, default=None)
            if old is not None and old.time is not None and (time is None or is_before(time, old.time)):
                continue  # what is known is newer, whenever it was filed
            facts[f"{speaker} {slot}"] = _edit(old, content, time)
            if slot in _IN_CORE:
                core[(speaker, slot)] = content
        elif is_own and addressed and general_kind(sentence) == "instruction":
            facts.setdefault(content, _edit(None, content, question.page.time))  # not in core, which is nobody's order
        elif (is_own and general_kind(sentence) == "preference") or (
            is_own and when is None and any(re.search(pattern, sentence) for pattern in _LASTING)
        ):
            facts.setdefault(content, _edit(None, content, question.page.time))
        elif when is not None and len(events) < _MOST:
            events.append(_insert("episodic", content, when))
    calls = [*list(facts.values())[:_MOST], *events]
    paragraph = "\n".join(core.values())
    if paragraph != question.core and len(paragraph) <= CORE_SHOWN * _CHARS_PER_TOKEN:
        name = "memory_update" if question.core else "memory_insert"
        calls.append(Call(name=name, args={"kind": "core", "content": paragraph}))
    return Curation(calls=calls)


def _single_date(sentence: str) -> datetime | None:
    """The beginning of the one day or month that the sentence names; None for none, and for several."""
    found = spans(sentence)
    if len(found) != 1 or not _MONTH.search(sentence):
        return None
    from ...stores.date_phrases import start_of

    return start_of(found[0]) if found[0][1] - found[0][0] <= timedelta(days=31) else None


def _items_of_slot(items: Sequence[MemoryItem], speaker: str, slot: str) -> list[MemoryItem]:
    """What is known of it."""
    begin = f"{speaker}: "
    said = [item for item in items if item.kind == "semantic" and item.content.startswith(begin)]
    return [item for item in said if find_slot(item.content.removeprefix(begin)) == slot]


def _lines(core: str) -> dict[tuple[str, str], str]:
    """The core paragraph as these rules write it: a line for each speaker and slot; other lines stay as they are."""
    lines: dict[tuple[str, str], str] = {}
    for line in core.splitlines():
        turn = _TURN.match(line)
        slot = find_slot(turn["said"]) if turn else None
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
