"""Which passages of a round a model reads."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import zip_longest

from ..stores.index.snapshot import Snapshot
from ..stores.records import Hit
from ..stores.token_size import CHARS_PER_TOKEN, text_size
from .evidence import place_of

_FIRST_TOKENS = 2200  # of new passages that the first round shows
_LATER_TOKENS = 900


def unread_passages(
    snapshot: Snapshot, ranked: Sequence[Hit], question_hits: Sequence[Hit], read: Collection[str], *, first: bool
) -> list[Hit]:
    """Those that no round has read, by their places, as many as fit."""
    already = set(read)
    return take_fitting(
        snapshot, (hit for hit in _alternate(ranked, question_hits) if place_of(hit) not in already), first=first
    )


def _alternate(ranked: Sequence[Hit], question_hits: Sequence[Hit]) -> list[Hit]:
    """By turns a hit of the question and one of all queries."""
    if not question_hits:
        return list(ranked)
    hits = {place_of(hit): hit for pair in zip_longest(question_hits, ranked) for hit in pair if hit is not None}
    return list(hits.values())


def take_fitting(snapshot: Snapshot, hits: Iterable[Hit], share: float = 1.0, *, first: bool) -> list[Hit]:
    """The first of the hits that can be shown within this share of the budget of a round, each page's id and header counted once."""
    room = int(share * (_FIRST_TOKENS if first else _LATER_TOKENS) * CHARS_PER_TOKEN)
    longest, sizes, used = list[Hit](), list[int](), 0
    for hit in hits:
        size = text_size(hit.dated_text) + 1
        used += size
        if used > room:
            break
        longest.append(hit)
        sizes.append(size)
    snapshot.records(hit.record_id for hit in longest)
    pages: set[str] = set()
    for count, hit in enumerate(longest):
        room -= sizes[count]
        if hit.record_id not in pages:
            pages.add(hit.record_id)
            room -= len(snapshot.record(hit.record_id).header) + 18
        if room < 0:
            return longest[:count]
    return longest
