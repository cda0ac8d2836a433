"""Search memory items by words, by likeness, or by both; as evidence they are ranked with the passages of pages."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from langchain_core.embeddings import Embeddings

from ..stores.errors import BadInput
from ..stores.index.fusion import ITEMS, fuse
from ..stores.index.item_index import ENTRY, Found, ItemIndex, ItemView
from ..stores.index.keyword_index import scale_cosines
from ..stores.index.snapshot import Snapshot
from ..stores.records import KINDS, Hit, MemoryItem
from ..stores.truth.items import Items

HYBRID, KEYWORD, VECTOR = METHODS = ("hybrid", "keyword", "vector")
MOST = 1000  # items of one search

_CANDIDATES = 100  # of each search that is fused
_SPARE = 10  # more than asked for, in case some are deleted meanwhile


@dataclass(frozen=True, slots=True)
class ItemHit:
    """An item that was found. `scores` holds what each search that found it gave it: BM25 for "keyword", the cosine for
    "vector".

    `score` is that of the one search that was asked for; for hybrid the weighted sum of both, each brought to a scale
    from 0 to 1. Scores of two methods are not comparable.
    """

    item: MemoryItem
    score: float
    scores: Mapping[str, float]


class ItemSearch:
    """What is asked for is what runs: by keyword nothing is embedded, by vector no word is looked at. Each search reads
    one view of the items: that which is given, or the newest."""

    def __init__(self, items: Items, index: ItemIndex, embeddings: Embeddings, weights: Mapping[str, float]) -> None:
        self._items = items
        self._index = index
        self._embeddings = embeddings
        self._weights = weights

    def search(
        self, query: str, *, kind: str | None = None, method: str = HYBRID, k: int = 10, view: ItemView | None = None
    ) -> list[ItemHit]:
        """Best first, at most `k` (1 to 1000), as they stand now; of every kind but "entry" unless one is named.

        `BadInput` for another kind or method than there is. By likeness those items are found that are embedded.
        """
        _check(kind, method, k)
        vector = None if method == KEYWORD else self._embeddings.embed_query(query)
        return self._find(query, vector, kind, method, k, view)

    async def asearch(
        self, query: str, *, kind: str | None = None, method: str = HYBRID, k: int = 10, view: ItemView | None = None
    ) -> list[ItemHit]:
        """`search`, the embedding awaited."""
        _check(kind, method, k)
        vector = None if method == KEYWORD else await self._embeddings.aembed_query(query)
        return await asyncio.to_thread(self._find, query, vector, kind, method, k, view)

    def _find(
        self, query: str, vector: list[float] | None, kind: str | None, method: str, k: int, view: ItemView | None
    ) -> list[ItemHit]:
        view = view or self._index.view()
        count = k + _SPARE if method != HYBRID else max(k + _SPARE, _CANDIDATES)
        found = {} if method == VECTOR else {KEYWORD: view.keyword(query, count, kind)}
        if vector is not None:
            found[VECTOR] = view.vector(vector, count, kind, enough=k)
        if method == HYBRID:
            fused = fuse([(KEYWORD, found[KEYWORD]), (VECTOR, _scale_cosines(found[VECTOR]))], self._weights)
            ranking = sorted(fused.items(), key=lambda pair: (-pair[1], pair[0]))
        else:
            ranking = found[method]
        return self._hits(ranking, {search: dict(pairs) for search, pairs in found.items()}, k)

    def _hits(self, ranking: Found, found: Mapping[str, Mapping[int, float]], k: int) -> list[ItemHit]:
        """Joined with the truth, which alone says what stands."""
        hits: list[ItemHit] = []
        while ranking and len(hits) < k:
            batch, ranking = ranking[: k - len(hits)], ranking[k - len(hits) :]
            current = self._items.by_change([number for number, _ in batch])
            for number, score in batch:
                if number in current:
                    scores = {search: pairs[number] for search, pairs in found.items() if number in pairs}
                    hits.append(ItemHit(current[number], score, scores))
        return hits


def _scale_cosines(pairs: Found) -> Found:
    """Min-max, with a little left for the last."""
    if not pairs:
        return []
    numbers, cosines = zip(*pairs, strict=True)
    return list(zip(numbers, scale_cosines(np.array(cosines)).tolist(), strict=True))


def _check(kind: str | None, method: str, k: int) -> None:
    kinds = (*KINDS, ENTRY)
    if kind is not None and kind not in kinds:
        raise BadInput(f"There is no kind {kind!r}; use {', '.join(kinds)}, or none for {', '.join(KINDS)} together.")
    if method not in METHODS:
        raise BadInput(f"There is no method {method!r}; use {', '.join(METHODS)}.")
    if not 1 <= k <= MOST:
        raise BadInput(f"k must be from 1 to {MOST}, not {k}.")


_SPEAKER = re.compile(r"^[^:\n]{1,40}: ")
_MOST = 20  # items that answer a query


class EntryFinder(Protocol):
    """Finds what agents stored: best first, of one scale with items."""

    def search(self, query: str) -> list[Hit]: ...

    async def asearch(self, query: str) -> list[Hit]: ...


class EntryRecall:
    """Offers what agents stored; the finder is made where there is something to find."""

    name, embeds = ITEMS, False

    def __init__(self, finder: Callable[[], EntryFinder]) -> None:
        self._finder = finder

    def search(self, snapshot: Snapshot, query: str, k: int) -> list[Hit]:
        return self._finder().search(query)[:k] if snapshot.extent.entries else []

    async def asearch(self, snapshot: Snapshot, query: str, k: int) -> list[Hit]:
        return (await self._finder().asearch(query))[:k] if snapshot.extent.entries else []


class ItemRecall:
    """Finds items of every kind, by words alone or by likeness as well, and beside them what agents stored."""

    name = ITEMS
    description = "Search the memories that are kept beside the pages."

    def __init__(
        self, index: ItemIndex, items: ItemSearch, method: str = "hybrid", entries: EntryRecall | None = None
    ) -> None:
        self._index = index
        self._entries = entries
        self._items = items
        self._method = method
        self.embeds = method != KEYWORD

    def search(self, snapshot: Snapshot, query: str, k: int) -> list[Hit]:
        """Best first, at most 20; an item is one passage. Not those that only repeat passages word for word."""
        view, found = self._index.view(snapshot), list[ItemHit]()
        if view.count():
            found = self._items.search(query, k=min(k, _MOST), method=self._method, view=view)
        return [*_hits(snapshot, found), *(self._entries.search(snapshot, query, k) if self._entries else [])]

    async def asearch(self, snapshot: Snapshot, query: str, k: int) -> list[Hit]:
        """`search`, the embedding awaited."""
        if not self.embeds:
            return await asyncio.to_thread(self.search, snapshot, query, k)
        view, found = await asyncio.to_thread(self._index.view, snapshot), list[ItemHit]()
        if view.count():
            found = await self._items.asearch(query, k=min(k, _MOST), method=self._method, view=view)
        hits = await asyncio.to_thread(_hits, snapshot, found)
        return [*hits, *(await self._entries.asearch(snapshot, query, k) if self._entries else [])]


def _hits(snapshot: Snapshot, found: Sequence[ItemHit]) -> list[Hit]:
    snapshot.pages(page_id for hit in found for page_id in hit.item.page_ids)
    return [
        Hit(None, 0, len(hit.item.text), hit.item.text, hit.score, {ITEMS: hit.score}, None, hit.item.id, hit.item.time)
        for hit in found
        if not _repeats(snapshot, hit.item)
    ]


def _repeats(snapshot: Snapshot, item: MemoryItem) -> bool:
    pages = snapshot.pages(item.page_ids).values()  # one may be hidden by its age, which the item is not
    lines = [_SPEAKER.sub("", line) for line in item.content.splitlines()]  # rules put the speaker before it
    return bool(pages) and all(any(line in page.text for page in pages) for line in lines)
