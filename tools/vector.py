"""Search by likeness: cosine of embeddings."""

from __future__ import annotations

import asyncio

from langchain_core.embeddings import Embeddings

from ..stores.archive import Archive
from ..stores.records import Hit


class VectorSearch:
    """Finds passages whose embedding is near the query's."""

    name = "vector"
    description = "Search the memory by likeness of meaning. Best for paraphrases; write a sentence or a question."

    def __init__(self, archive: Archive, embeddings: Embeddings) -> None:
        self._archive = archive
        self._embeddings = embeddings

    def search(self, query: str, k: int) -> list[Hit]:
        """Best first, at most `k`; `[]` where nothing is alike."""
        return self._archive.vector(self._embeddings.embed_query(query), k)

    async def asearch(self, query: str, k: int) -> list[Hit]:
        """`search`, the embedding awaited."""
        vector = await self._embeddings.aembed_query(query)
        return await asyncio.to_thread(self._archive.vector, vector, k)
