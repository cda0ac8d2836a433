"""Search by likeness of meaning."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ..stores.index.snapshot import Snapshot
from ..stores.records import Hit
from .search_tool import SearchTool


class VectorSearch(SearchTool):
    """Finds passages whose embedding is near the query's."""

    name = "vector"
    description = "Search the memory by likeness of meaning. Best for paraphrases; write a sentence or a question."
    query_form = "meaning"
    embeds = True

    def search(self, snapshot: Snapshot, query: str, k: int) -> list[Hit]:
        """Best first, at most `k`; `[]` where nothing is alike."""
        return snapshot.vector(self._embeddings.embed_query(query), k)

    async def asearch(self, snapshot: Snapshot, query: str, k: int) -> list[Hit]:
        """`search`, the embedding awaited."""
        vector = await self._embeddings.aembed_query(query)
        return await asyncio.to_thread(snapshot.vector, vector, k)

    def for_question(self, snapshot: Snapshot, text: str) -> list[str]:
        """The question itself."""
        return [text]

    def for_names(self, snapshot: Snapshot, names: Sequence[str], wanted: str) -> list[str]:
        """Once, for all that is open."""
        return [f"{names[0]} {wanted}" if names else wanted]
