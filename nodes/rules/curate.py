"""Memories without a model: lasting facts that speakers state of themselves, and events with a date. Few, verbatim."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from ...stores.index.snapshot import Snapshot
from ...stores.records import MemoryItem
from ...stores.times import is_before, order_key
from ..curate import CORE_SHOWN, Call, CurateQuestion, Curation
from ..own_statements import MOST, find_statements
from ..slots import SEVERAL, ends_only, find_slot, says_change

_CHARS_PER_TOKEN = 4
_TURN = re.compile(r"^(?P<speaker>[^\W\d_][\w .'’-]{0,30}?): (?P<said>.*)$")
_IN_CORE = ("name", "home", "work", "allergy", "diet", "birthday")


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
            known = _items_of_slot(question.items, speaker, slot)
            if slot in SEVERAL and (len(known) > 1 or not says_change(content)):
                facts.setdefault(content, _edit(None, content, time))
                if slot in _IN_CORE:
                    core = _lines(question.core) if core is None else core
                    core[(speaker, content)] = content
                continue
            old = max(known, key=lambda item: order_key(item.time) if item.time else 0.0, default=None)
            if old is not None and old.time is not None and (time is None or is_before(time, old.time)):
                continue  # what is known is newer, whenever it was filed
            earlier = facts.get(f"{speaker} {slot}")
            if ends_only(content, earlier.args["content"] if earlier else old.content if old else None):
                continue
            facts[f"{speaker} {slot}"] = _edit(old, content, time)
            if slot in _IN_CORE:
                core = _lines(question.core) if core is None else core
                core[(speaker, slot)] = content
    calls = [*list(facts.values())[:MOST], *events]
    paragraph = "\n".join((core or {}).values())
    if core and paragraph != question.core and len(paragraph) <= CORE_SHOWN * _CHARS_PER_TOKEN:
        name = "memory_update" if question.core else "memory_insert"
        calls.append(Call(name=name, args={"kind": "core", "content": paragraph}))
    return Curation(calls=calls)


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
        key = line if slot in SEVERAL else slot
        lines[(turn["speaker"], key) if turn and slot in _IN_CORE and key else (line, "")] = line
    return lines


def _edit(old: MemoryItem | None, content: str, time: datetime | None) -> Call:
    if old is None:
        return _insert("semantic", content, time)
    stamp = {"time": time.isoformat()} if time else {}
    return Call(name="memory_update", args={"kind": "semantic", "id": old.id, "content": content, **stamp})


def _insert(kind: str, content: str, time: datetime | None) -> Call:
    stamp = {"time": time.isoformat()} if time else {}
    return Call(name="memory_insert", args={"kind": kind, "content": content, **stamp})
