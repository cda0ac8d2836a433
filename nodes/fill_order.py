"""In which order passages fill a context: each by its rank and by the room it takes, as a short one leaves room for another."""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from ..stores.records import Hit
from ..stores.token_size import text_size

_CANDIDATES = 1.5  # times the room: passages that are compared
_RANK = 10  # added to a rank: the first ranks differ little in what they are worth
_SIZE = 200  # added to a size, in characters: few words say less than their share
_HEADING = 40  # characters that the first passage of a page takes for its heading


def fill_order(hits: Iterable[Hit], room: int) -> list[Hit]:
    """The first hits, as many as fill the room and half of it again: the best, then by the smallest product of rank and
    size, a page that speaks already being cheaper. This is the greedy order of a knapsack (Dantzig 1957), with one over
    the rank as what a passage is worth."""
    candidates: list[tuple[int, int, Hit]] = []
    left = _CANDIDATES * room
    for rank, hit in enumerate(hits):
        size = text_size(hit.text)
        candidates.append((_RANK + rank, _SIZE + size, hit))
        left -= size
        if left < 0:
            break
    by_page: dict[str, list[tuple[int, int, Hit]]] = {}
    for one in candidates:
        by_page.setdefault(one[2].record_id, []).append(one)
    waiting = [(rank * (size + _HEADING), rank) for rank, size, _ in candidates[1:]]
    heapq.heapify(waiting)
    order = []
    opened, placed = set[str](), set[int]()
    at = _RANK  # the best comes first
    while candidates:
        hit = candidates[at - _RANK][2]
        order.append(hit)
        placed.add(at)
        if hit.record_id not in opened:
            opened.add(hit.record_id)
            for rank, size, _ in by_page[hit.record_id]:
                heapq.heappush(waiting, (rank * size, rank))
        while waiting and waiting[0][1] in placed:
            heapq.heappop(waiting)
        if not waiting:
            break
        at = heapq.heappop(waiting)[1]
    return order
