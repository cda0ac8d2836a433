"""`memory.items`: read and edit the core, semantic and episodic memory items."""

from __future__ import annotations

import builtins
from datetime import datetime
from typing import TYPE_CHECKING

from .async_twin import async_twin
from .stores.errors import BadInput
from .stores.records import Kind, MemoryItem, Outcome
from .stores.times import parse_time

if TYPE_CHECKING:
    from .runtime import MemoryRuntime
    from .tools.item_search import ItemHit
    from .tools.read_tools import Method


class MemoryItems:
    """The memory items of a namespace: `memory.items`. Edits have the cause "person" and obey `ItemOptions`."""

    def __init__(self, runtime: MemoryRuntime) -> None:
        self._runtime = runtime

    def list(self, *, kind: Kind | None = None) -> builtins.list[MemoryItem]:
        """The current items, in the order they were made."""
        return self._runtime.items.items(kind=kind)

    def get(self, item_id: str) -> MemoryItem:
        """The current version of an item; `UnknownRecord` for an unknown or deleted one."""
        return self._runtime.items.item(item_id)

    def search(
        self, query: str, *, kind: Kind | None = None, method: Method = "hybrid", k: int = 10
    ) -> builtins.list[ItemHit]:
        """The items that match a query, best first, at most `k` (1 to 1000); those of shared namespaces too."""
        return self._runtime.item_search.search(query, kind=kind, method=method, k=k)

    def history(self, item_id: str) -> builtins.list[MemoryItem]:
        """Every version of an item, the oldest first, its deletion too; `UnknownRecord` for an unknown id."""
        return self._runtime.items.history(item_id)

    def as_of(self, time: str | datetime, *, kind: Kind | None = None) -> builtins.list[MemoryItem]:
        """The items at a past time, by when they were written, not by the time of their event."""
        from .stores.truth.item_history import as_of

        when = parse_time(time)
        if when is None or not 1 < when.year < 9999:  # another zone may have no such hour
            raise BadInput("as_of needs a time that a clock has shown, such as 2024-05-08 14:00.")
        return as_of(self._runtime.items, when, kind=kind)

    def insert(self, content: str, kind: Kind = "semantic", time: str | datetime | None = None) -> Outcome:
        """Add an item; an event ("episodic") needs its `time`. The outcome says whether it was applied, proposed,
        rejected, or a duplicate."""
        return self._runtime.editor.insert(kind, content, time, cause="person")

    def update(
        self,
        item_id: str,
        content: str | None = None,
        time: str | datetime | None = None,
        *,
        expected_version: int | None = None,
    ) -> Outcome:
        """Change an item; the id `"core"` is the core paragraph, inserted if there is none. With `expected_version`
        the update is rejected if the item has another version."""
        editor, item = self._runtime.editor, self._find(item_id)
        if item is None and item_id == "core":
            return editor.insert("core", content or "", time, cause="person")
        return editor.update(
            item.kind if item else "semantic",
            content,
            item.id if item else item_id,
            time,
            cause="person",
            expected_version=expected_version,
        )

    def delete(self, item_id: str) -> Outcome:
        """Delete an item; the id `"core"` is the core paragraph. Its history stays, and `undo` restores it."""
        item = self._find(item_id)
        if item is None and item_id != "core":
            return self._runtime.editor.delete("semantic", item_id, cause="person")
        return self._runtime.editor.delete(item.kind if item else "core", item.id if item else None, cause="person")

    def undo(self, change: int) -> Outcome:
        """Restore an item to its state before a change (`Outcome.change`), as a new change.

        Rejected if the item was changed since; `UnknownRecord` for an unknown number.
        """
        return self._runtime.editor.undo(change)

    def _find(self, item_id: str) -> MemoryItem | None:
        return self._runtime.items.core() if item_id == "core" else self._runtime.items.find(item_id)

    async def asearch(
        self, query: str, *, kind: Kind | None = None, method: Method = "hybrid", k: int = 10
    ) -> builtins.list[ItemHit]:
        """`search`, awaited."""
        return await self._runtime.item_search.asearch(query, kind=kind, method=method, k=k)

    alist = async_twin(list)
    aget = async_twin(get)
    ahistory = async_twin(history)
    aas_of = async_twin(as_of)
    ainsert = async_twin(insert)
    aupdate = async_twin(update)
    adelete = async_twin(delete)
    aundo = async_twin(undo)
