"""Search memory items by words, by likeness, or by both."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from langchain_core.embeddings import Embeddings

from ..stores.errors import BadInput
from ..stores.item_index import ENTRY, Found, ItemIndex
from ..stores.items import Items
from ..stores.records import KINDS, MemoryItem

HYBRID, KEYWORD, VECTOR = METHODS = ("hybrid", "keyword", "vector")
MOST = 1000  # items of one search

_CANDIDATES = 100  # of each search that is fused
_SPARE = 10  # more than asked for, should somebody delete some meanwhile

Ranking = list[tuple[int, float, str]]
"""`(number of the version, score, the searches that found it)`, best first."""


@dataclass(frozen=True, slots=True)
class ItemHit:
    """An item that was found. `method` names the searches that found it: keyword, vector, or keyword+vector.

    `score` is BM25 for a search by keyword, the cosine for one by vector; for hybrid their weighted sum, each brought
    to a scale from 0 to 1. Scores of two methods are not comparable.
    """

    item: MemoryItem
    score: float
    method: str


class ItemSearch:
    """What is asked for is what runs: by keyword nothing is embedded, by vector no word is looked at."""

    def __init__(self, items: Items, index: ItemIndex, embeddings: Embeddings, weights: Mapping[str, float]) -> None:
        self._items = items
        self._index = index
        self._embeddings = embeddings
        self._weights = weights

    def search(self, query: str, *, kind: str | None = None, method: str = HYBRID, k: int = 10) -> list[ItemHit]:
        """Best first, at most `k` (1 to 1000), as they stand now; of every kind but "entry" unless one is named.

        `BadInput` for another kind or method than there is. By likeness those items are found that are embedded.
        """
        _check(kind, method, k)
        vector = None if method == KEYWORD else self._embeddings.embed_query(query)
        return self._found(query, vector, kind, method, k)

    async def asearch(self, query: str, *, kind: str | None = None, method: str = HYBRID, k: int = 10) -> list[ItemHit]:
        """`search`, the embedding awaited."""
        _check(kind, method, k)
        vector = None if method == KEYWORD else await self._embeddings.aembed_query(query)
        return await asyncio.to_thread(self._found, query, vector, kind, method, k)

    def _found(self, query: str, vector: list[float] | None, kind: str | None, method: str, k: int) -> list[ItemHit]:
        count = k + _SPARE if method != HYBRID else max(k + _SPARE, _CANDIDATES)
        found = {} if method == VECTOR else {KEYWORD: self._index.keyword(query, count, kind)}
        if vector is not None:
            found[VECTOR] = self._index.vector(vector, count, kind, enough=k)
        if method == HYBRID:
            return self._hits(_fused(found, self._weights), k)
        return self._hits([(number, score, method) for number, score in found[method]], k)

    def _hits(self, ranking: Ranking, k: int) -> list[ItemHit]:
        """Joined with the truth, which alone says what stands."""
        hits: list[ItemHit] = []
        while ranking and len(hits) < k:
            batch, ranking = ranking[: k - len(hits)], ranking[k - len(hits) :]
            standing = self._items.by_change([number for number, _, _ in batch])
            hits += [ItemHit(standing[n], score, method) for n, score, method in batch if n in standing]
        return hits


def _fused(found: Mapping[str, Found], weights: Mapping[str, float]) -> Ranking:
    """As `stores.fusion` does it for passages: the weighted sum of scores on a scale from 0 to 1."""
    total = sum(weights[method] for method in found)
    scores: dict[int, float] = {}
    methods: dict[int, str] = {}
    for method, pairs in found.items():
        for number, score in _stretched(pairs) if method == VECTOR else _to_one(pairs):
            scores[number] = scores.get(number, 0.0) + weights[method] * score / total
            methods[number] = f"{methods[number]}+{method}" if number in methods else method
    order = sorted(scores, key=lambda number: (-scores[number], number))
    return [(number, scores[number], methods[number]) for number in order]


def _to_one(pairs: Found) -> Found:
    """Divided by the best: what was not found would have 0."""
    return [(number, score / pairs[0][1]) for number, score in pairs]


def _stretched(pairs: Found) -> Found:
    """Min-max, with a little left for the last: a cosine has no natural zero."""
    if not pairs:
        return []
    high, low = pairs[0][1], pairs[-1][1]
    return [(number, 0.02 + 0.98 * (score - low) / (high - low) if high > low else 1.0) for number, score in pairs]


def _check(kind: str | None, method: str, k: int) -> None:
    kinds = (*KINDS, ENTRY)
    if kind is not None and kind not in kinds:
        raise BadInput(f"There is no kind {kind!r}; use {', '.join(kinds)}, or none for {', '.join(KINDS)} together.")
    if method not in METHODS:
        raise BadInput(f"There is no method {method!r}; use {', '.join(METHODS)}.")
    if not 1 <= k <= MOST:
        raise BadInput(f"k must be from 1 to {MOST}, not {k}.")
