"""Memory items as evidence: found beside the passages of pages, and cited like them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Protocol

from ..stores.archive import Archive
from ..stores.errors import UnknownRecord
from ..stores.records import Hit, MemoryItem
from .items import ItemHit

_SPEAKER = re.compile(r"^[^:\n]{1,40}: ")
_MOST = 20  # items that answer a query


class Searching(Protocol):
    """A search over items, as `tools.items.ItemSearch` is."""

    def search(self, query: str, **options: Any) -> Sequence[ItemHit]: ...

    async def asearch(self, query: str, **options: Any) -> Sequence[ItemHit]: ...


class ItemRecall:
    """Finds items of every kind, by words alone or by likeness as well."""

    name = "items"
    description = "Search the memories that are kept beside the pages."

    def __init__(self, archive: Archive, items: Searching, method: str = "hybrid") -> None:
        self._archive = archive
        self._items = items
        self._method = method

    def search(self, query: str, k: int) -> list[Hit]:
        """Best first, at most 20; an item is one passage. Not those that only repeat passages word for word."""
        if not self._any():
            return []
        return self._hits(self._items.search(query, k=min(k, _MOST), method=self._method))

    async def asearch(self, query: str, k: int) -> list[Hit]:
        """`search`, the embedding awaited."""
        if not await asyncio.to_thread(self._any):
            return []
        found = await self._items.asearch(query, k=min(k, _MOST), method=self._method)
        return await asyncio.to_thread(self._hits, found)

    def _any(self) -> bool:
        return bool(self._archive.items.items(limit=1))

    def _hits(self, found: Sequence[ItemHit]) -> list[Hit]:
        return [
            Hit(hit.item.id, 0, len(hit.item.content), hit.item.content, self.name, hit.score)
            for hit in found
            if not self._repeats(hit.item)
        ]

    def _repeats(self, item: MemoryItem) -> bool:
        pages = []
        for page_id in item.page_ids:
            with suppress(UnknownRecord):  # hidden by its age, which the item is not
                pages.append(self._archive.page(page_id).text)
        lines = [_SPEAKER.sub("", line) for line in item.content.splitlines()]  # rules put the speaker before it
        return bool(pages) and all(any(line in text for text in pages) for line in lines)
