"""Search by words: BM25 over passages, their windows and their pages."""

from __future__ import annotations

import asyncio

from ..stores.archive import Archive
from ..stores.records import Hit


class KeywordSearch:
    """Finds passages that share words with the query, rare words counting more."""

    name = "keyword"
    description = (
        "Search the memory by words (BM25). Best for names, numbers and rare terms; write the words themselves, "
        "no operators."
    )

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def search(self, query: str, k: int) -> list[Hit]:
        """Best first, at most `k`; `[]` for a query with no known word."""
        return self._archive.keyword(query, k)

    async def asearch(self, query: str, k: int) -> list[Hit]:
        """`search`, off the event loop."""
        return await asyncio.to_thread(self.search, query, k)
