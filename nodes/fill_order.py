"""In which order passages fill a context: each by its rank and by the room it takes, as a short one leaves room for another."""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from ..stores.records import Hit
from ..stores.token_size import text_size

_CANDIDATES = 1.5  # times the room: passages that are compared
_FIRST = 6  # passages that come first, whatever their size: nothing makes up for the best
_RANK = 10  # added to a rank: the first ranks differ little in what they are worth
_SIZE = 200  # added to a size, in characters: few words say less than their share
_HEADING = 40  # characters that the first passage of a page takes for its heading


def fill_order(hits: Iterable[Hit], room: int) -> list[Hit]:
    """The first hits, as many as fill the room and half of it again: the best six, then by the smallest product of rank
    and size, a page that speaks already being cheaper. This is the greedy order of a knapsack (Dantzig 1957), with one
    over the rank as what a passage is worth."""
    candidates: list[tuple[int, int, Hit]] = []
    left = _CANDIDATES * room
    for rank, hit in enumerate(hits):
        size = text_size(hit.text)
        candidates.append((_RANK + rank, _SIZE + size, hit))
        left -= size
        if left < 0:
            break
    by_page: dict[str, list[tuple[int, int]]] = {}
    for rank, size, hit in candidates:
        by_page.setdefault(hit.record_id, []).append((rank, size))
    waiting = [(0 if rank < _RANK + _FIRST else rank * (size + _HEADING), rank) for rank, size, _ in candidates]
    heapq.heapify(waiting)
    order: list[Hit] = []
    placed = set[int]()
    while waiting:
        at = heapq.heappop(waiting)[1]
        if at in placed:
            continue
        placed.add(at)
        order.append(candidates[at - _RANK][2])
        for rank, size in by_page.pop(order[-1].record_id, ()):  # the page has its heading now
            heapq.heappush(waiting, (rank * size, rank))
    return order
