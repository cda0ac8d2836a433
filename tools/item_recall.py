"""Memory items as evidence: found beside the passages of pages, and cited like them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

from ..stores.index.fusion import ITEMS
from ..stores.index.item_index import ItemIndex, ItemView
from ..stores.index.snapshot import Snapshot
from ..stores.records import Hit, MemoryItem
from .item_search import KEYWORD, ItemHit, ItemSearch

_SPEAKER = re.compile(r"^[^:\n]{1,40}: ")
_MOST = 20  # items that answer a query


class ItemRecall:
    """Finds items of every kind, by words alone or by likeness as well."""

    name = ITEMS
    description = "Search the memories that are kept beside the pages."

    def __init__(self, index: ItemIndex, items: ItemSearch, method: str = "hybrid") -> None:
        self._index = index
        self._items = items
        self._method = method
        self.embeds = method != KEYWORD

    def search(self, snapshot: Snapshot, query: str, k: int) -> list[Hit]:
        """Best first, at most 20; an item is one passage. Not those that only repeat passages word for word."""
        view = self._index.view(snapshot)
        return (
            _hits(snapshot, self._items.search(query, k=min(k, _MOST), method=self._method, view=view))
            if view.count()
            else []
        )

    async def asearch(self, snapshot: Snapshot, query: str, k: int) -> list[Hit]:
        """`search`, the embedding awaited."""
        if not self.embeds:
            return await asyncio.to_thread(self.search, snapshot, query, k)
        view: ItemView = await asyncio.to_thread(self._index.view, snapshot)
        if not view.count():
            return []
        found = await self._items.asearch(query, k=min(k, _MOST), method=self._method, view=view)
        return await asyncio.to_thread(_hits, snapshot, found)


def _hits(snapshot: Snapshot, found: Sequence[ItemHit]) -> list[Hit]:
    snapshot.pages(page_id for hit in found for page_id in hit.item.page_ids)
    return [
        Hit(None, 0, len(hit.item.content), hit.item.content, hit.score, {ITEMS: hit.score}, item_id=hit.item.id)
        for hit in found
        if not _repeats(snapshot, hit.item)
    ]


def _repeats(snapshot: Snapshot, item: MemoryItem) -> bool:
    pages = snapshot.pages(item.page_ids).values()  # one may be hidden by its age, which the item is not
    lines = [_SPEAKER.sub("", line) for line in item.content.splitlines()]  # rules put the speaker before it
    return bool(pages) and all(any(line in page.text for page in pages) for line in lines)
