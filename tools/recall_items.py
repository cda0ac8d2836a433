"""Memory items as evidence: found beside the passages of pages, and cited like them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Any, Protocol

from ..stores.archive import Archive
from ..stores.errors import ModelError
from ..stores.records import Hit, MemoryItem
from .items import ItemHit

_SPEAKER = re.compile(r"^[^:\n]{1,40}: ")
_MOST = 20  # items that answer a query


class Searching(Protocol):
    """A search over items, as `tools.items.ItemSearch` is."""

    def search(self, query: str, **options: Any) -> Sequence[ItemHit]: ...

    async def asearch(self, query: str, **options: Any) -> Sequence[ItemHit]: ...


class ItemRecall:
    """Finds semantic and episodic items; the core paragraph is shown to every plan anyway."""

    name = "items"
    description = "Search the memories that are kept beside the pages."

    def __init__(self, archive: Archive, items: Searching, method: str = "hybrid") -> None:
        self._archive = archive
        self._items = items
        self._method = method

    def search(self, query: str, k: int) -> list[Hit]:
        """Best first, at most 20; an item is one passage. Not those that only repeat a passage word for word.

        By words alone where the embedding model fails: the search of the passages says that it did.
        """
        if not self._any():
            return []
        try:
            return self._hits(self._items.search(query, k=min(k, _MOST), method=self._method))
        except ModelError:
            return self._hits(self._items.search(query, k=min(k, _MOST), method="keyword"))

    async def asearch(self, query: str, k: int) -> list[Hit]:
        """`search`, the embedding awaited."""
        if not await asyncio.to_thread(self._any):
            return []
        try:
            return self._hits(await self._items.asearch(query, k=min(k, _MOST), method=self._method))
        except ModelError:
            return self._hits(await self._items.asearch(query, k=min(k, _MOST), method="keyword"))

    def _any(self) -> bool:
        return bool(
            self._archive.items.items(kind="semantic", limit=1) or self._archive.items.items(kind="episodic", limit=1)
        )

    def _hits(self, found: Sequence[ItemHit]) -> list[Hit]:
        return [
            Hit(hit.item.id, 0, len(hit.item.content), hit.item.content, self.name, hit.score)
            for hit in found
            if hit.item.kind != "core" and not self._repeats(hit.item)
        ]

    def _repeats(self, item: MemoryItem) -> bool:
        said = _SPEAKER.sub("", item.content)  # the rules put the speaker before a sentence
        return any(said in self._archive.page(page_id).text for page_id in item.page_ids)
