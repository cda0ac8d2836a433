"""Judges without a model: one of an item's form alone, one that compares it with its session."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta

from ...nodes.rules.question_terms import names
from ...stores.analyzer import stems
from ...stores.errors import BadInput
from ...stores.times import local_clock, parse_time, spans
from .judge_cases import JudgeCase

ITEM_CHARS, CORE_CHARS = 300, 600
"""The longest item and core paragraph: one sentence, and a few."""

_CORE_DAYS = 2  # days that the core paragraph may name; with more it is a diary
_SHARE = 0.6  # of an item's stems that must be in its source
_NEAR = timedelta(days=400)  # how far from a session's time a date may lie that it does not name: "next year"
_EMPTY = frozenset(
    "none null nothing unknown empty placeholder todo tbd na information available content memory".split()
)
_MOVING = re.compile(
    r"\b(?:yesterday|today|tonight|tomorrow|(?:last|next|this) (?:week|weekend|month|year|summer|winter|spring|autumn|"
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)day)(?! of\b))\b",
    re.I,
)
_NUMBER = re.compile(r"\d+")
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DAYS = (
    rf"\d{{4}}-\d\d?-\d\d?|\d{{1,2}}(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH},?\s+\d{{4}}"
    rf"|{_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?,?\s+\d{{4}}"
)
_DAY = re.compile(rf"\b(?:{_DAYS})\b", re.I)
_DATE = re.compile(rf"\b(?:{_DAYS}|\d{{4}}-\d\d?|{_MONTH}\s+\d{{4}}|(?:19|20)\d\d)\b", re.I)


class FormJudge:
    """As Mem-α's judge, which never saw the source: does the content fit its kind, true or not."""

    name = "form"

    def verdict(self, case: JudgeCase) -> tuple[bool, str]:
        """Core: no placeholder. Semantic: some knowledge. Episodic: an event with its time."""
        if case.call.op == "delete":
            return False, "a deletion has no content"
        return _verdict(_form_fault(case))


class SourceJudge:
    """Compares an item with its session: its names, numbers, dates and most of its words must stand there.

    A name or number may also come from the memory before. A date may be computed from the session's. Negation and
    confusion, such as two people's cities, are not noticed: a model notices them.
    """

    name = "source"

    def verdict(self, case: JudgeCase) -> tuple[bool, str]:
        """A deletion is right for false items, duplicates, and items that this page has news about."""
        if case.call.op == "delete":
            return _verdict(_deletion_fault(case))
        return _verdict(_form_fault(case) or _length_fault(case) or _source_fault(case))


def _verdict(fault: str) -> tuple[bool, str]:
    return not fault, fault


def _form_fault(case: JudgeCase) -> str:
    content_stems = set(stems(case.content)) - {stem for word in _EMPTY for stem in stems(word)}
    if len(content_stems) < (1 if case.call.kind == "core" else 2):
        return "it says nothing"
    if case.call.kind == "episodic" and not (case.call.args.get("time") or case.before):
        return "an event needs its time"
    return ""


def _length_fault(case: JudgeCase) -> str:
    most = CORE_CHARS if case.call.kind == "core" else ITEM_CHARS
    if len(case.content) > most:
        return f"it has {len(case.content)} characters, and {most} are enough for what matters"
    if case.call.kind == "core" and len(_DAY.findall(case.content)) > _CORE_DAYS:
        return "it is a chronicle, and events are episodic memories"
    moving = _MOVING.search(case.content)
    return f"{moving[0]!r} means another day whenever it is read" if moving else ""


def _source_fault(case: JudgeCase) -> str:
    """What in the item has no source."""
    text = f"{case.source.time}\n{case.source.text}"
    known = _stems([text, case.before, *case.held])
    dates, rest = _dates(case.content)
    if when := str(case.call.args.get("time") or ""):
        dates = [*dates, *([when] if spans(when) else [])]
    if strange := [one for one in dates if not _is_dated(one, case, known)]:
        return f"the session tells of no {strange[0]!r}"
    if strange := [name for name in names(f"It {rest}") if not set(stems(name)) <= known]:
        return f"nobody spoke of {strange[0]!r}"
    if strange := [number for number in _NUMBER.findall(rest) if number not in known]:
        return f"the number {strange[0]} was not said"
    words, own = set(stems(rest)), _stems([text, case.before])
    if words and len(words & own) < _SHARE * len(words):
        return "most of its words were not said"
    return ""


def _deletion_fault(case: JudgeCase) -> str:
    """Why the page is no reason for a deletion."""
    if not case.before:
        return "there was no such item"
    if case.fresh:
        return "it was written in this very turn"
    gone = set(stems(case.before))
    if any(gone <= set(stems(other)) for other in case.held):
        return ""
    if 2 * len(gone & _stems([case.source.text])) >= len(gone):
        return ""
    return "the page says nothing of it"


def _dates(content: str) -> tuple[list[str], str]:
    """Every date as written, and the content without them."""
    found: list[str] = []

    def take(match: re.Match[str]) -> str:
        if not spans(match[0]):
            return match[0]
        found.append(match[0])
        return " "

    return found, _DATE.sub(take, content)


def _is_dated(date: str, case: JudgeCase, known: set[str]) -> bool:
    """Whether a date is in the session, or can have been computed from its time."""
    if set(stems(date)) <= known:
        return True
    try:
        session_time = parse_time(case.source.time or None)
    except BadInput:
        session_time = None
    if session_time is None:
        return not case.source.time  # the session's time is unknown: the date may be right
    first, last = spans(date)[0]
    return first - _NEAR <= local_clock(session_time) <= last + _NEAR


def _stems(texts: Iterable[str]) -> set[str]:
    return {stem for text in texts for stem in stems(text)}
