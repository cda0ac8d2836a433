"""Find the titles of known pages in a text."""

from __future__ import annotations

import re

from ..analyzer import STOP_WORDS, title_key
from .snapshot import Snapshot

_WORD = re.compile(r"[\w'’]+")


def find_titles(snapshot: Snapshot, text: str) -> list[str]:
    """As they stand in the text, the longest at each place, in order."""
    spots = [(m.group(), m.start()) for m in _WORD.finditer(text)]
    found: dict[str, None] = {}
    at = 0
    while at < len(spots):
        step = 1
        if text[spots[at][1]].isupper() or text[spots[at][1]].isdigit():
            for length in range(min(8, len(spots) - at), 0, -1):
                key = title_key(" ".join(word for word, _ in spots[at : at + length]))
                if key not in STOP_WORDS and snapshot.page_ids_by_title(key):
                    end = spots[at + length - 1]
                    found.setdefault(text[spots[at][1] : end[1] + len(end[0])])
                    step = length
                    break
        at += step
    return list(found)
