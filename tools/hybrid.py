"""Search by words and by likeness at once: what `recall` runs, with no model call."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from ..stores.archive import Archive
from ..stores.fusion import fuse, named_speaker
from ..stores.records import Hit
from .search import Search

_CANDIDATES = 100  # of each search


class HybridSearch:
    """Keyword and vector search fused to one ranking."""

    name = "pages"
    description = "Search the memory by words and by likeness at once. The best first try for most questions."

    def __init__(self, archive: Archive, keyword: Search, vector: Search, weights: Mapping[str, float]) -> None:
        self._archive = archive
        self._keyword = keyword
        self._vector = vector
        self._weights = weights

    def search(self, query: str, k: int) -> list[Hit]:
        """Best first, at most `k`; scores as `fuse` gives them, about 1 at the top."""
        candidates = max(k, _CANDIDATES)
        found = [(search.name, search.search(query, candidates)) for search in (self._keyword, self._vector)]
        return self._fused(found, query)[:k]

    async def asearch(self, query: str, k: int) -> list[Hit]:
        """`search`, the embedding awaited."""
        candidates = max(k, _CANDIDATES)
        found = [(search.name, await search.asearch(query, candidates)) for search in (self._keyword, self._vector)]
        return (await asyncio.to_thread(self._fused, found, query))[:k]

    def _fused(self, found: Sequence[tuple[str, Sequence[Hit]]], query: str) -> list[Hit]:
        speaker = named_speaker(self._archive.speakers, query)
        return fuse(found, self._weights, speaker, self._archive.unknown(query))
