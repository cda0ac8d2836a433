"""When two items or two sessions say the same."""

from __future__ import annotations

import hashlib
from datetime import datetime

from ..analyzer import words

_WEIGHTLESS = frozenset("a an the just very really quite so also too now currently already indeed please s".split())


def dedup_key(kind: str, content: str, time: datetime | None) -> str:
    """Equal for two contents of a kind that say the same; an event also needs the same time. Case, punctuation, articles
    and words that only add weight do not count.

    Word order, tense, numbers, names and negations all count, so what differs in one of them is never taken for a
    duplicate. There is one core paragraph, whatever it says.
    """
    if kind == "core":
        return "core"
    said = [word for word in words(content) if word not in _WEIGHTLESS] or [" ".join(content.split()).lower()]
    stamp = time.isoformat() if time is not None and kind == "episodic" else ""
    return hashlib.sha256(f"{stamp}\0{' '.join(said)}".encode()).hexdigest()[:32]


def session_key(time: str | None, text: str) -> str:
    """Equal for two sessions of one time (ISO) with one text."""
    return hashlib.sha256(f"{time}\0{text}".encode()).hexdigest()
