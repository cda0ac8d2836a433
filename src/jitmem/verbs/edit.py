"""Memory items: what is held worth knowing, as a person reads and edits it."""

from __future__ import annotations

import asyncio
from datetime import datetime

from ..stores.errors import BadInput
from ..stores.records import Kind, MemoryItem, Outcome, Proposal
from ..stores.times import parse_time
from .opened import Opened


class Editing(Opened):
    """Verbs over memory items."""

    def items(self, *, kind: Kind | None = None) -> list[MemoryItem]:
        """The core, semantic and episodic memories as they stand, in the order they were made."""
        return self._parts.items.items(kind=kind)

    async def aitems(self, *, kind: Kind | None = None) -> list[MemoryItem]:
        """`items`, awaited."""
        return await asyncio.to_thread(self.items, kind=kind)

    def item(self, item_id: str) -> MemoryItem:
        """One item as it stands; `UnknownRecord` for an id that is not here, or was deleted."""
        return self._parts.items.item(item_id)

    async def aitem(self, item_id: str) -> MemoryItem:
        """`item`, awaited."""
        return await asyncio.to_thread(self.item, item_id)

    def as_of(self, time: str | datetime, *, kind: Kind | None = None) -> list[MemoryItem]:
        """The items as they stood at a time of this memory's own clock: when they were written, not when it was."""
        when = parse_time(time)
        if when is None:
            raise BadInput("as_of needs a time, such as 2024-05-08 14:00.")
        return self._parts.items.as_of(when, kind=kind)

    async def aas_of(self, time: str | datetime, *, kind: Kind | None = None) -> list[MemoryItem]:
        """`as_of`, awaited."""
        return await asyncio.to_thread(self.as_of, time, kind=kind)

    def history(self, item_id: str) -> list[MemoryItem]:
        """Every version of an item, the oldest first, its deletion too; `UnknownRecord` for an unknown id."""
        return self._parts.items.history(item_id)

    async def ahistory(self, item_id: str) -> list[MemoryItem]:
        """`history`, awaited."""
        return await asyncio.to_thread(self.history, item_id)

    def remember(self, content: str, kind: Kind = "semantic", time: str | datetime | None = None) -> Outcome:
        """Keep a memory, as a person; an event ("episodic") needs its `time`. The outcome tells what became of it."""
        return self._parts.editor.insert(kind, content, time, cause="person")

    async def aremember(self, content: str, kind: Kind = "semantic", time: str | datetime | None = None) -> Outcome:
        """`remember`, awaited."""
        return await asyncio.to_thread(self.remember, content, kind, time)

    def edit(
        self,
        item_id: str,
        content: str | None = None,
        time: str | datetime | None = None,
        *,
        expected_version: int | None = None,
    ) -> Outcome:
        """Change a memory, as a person; `"core"` is the core paragraph, made if there is none. With
        `expected_version` it is rejected when somebody has changed it meanwhile."""
        editor, item = self._parts.editor, self._meant(item_id)
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

    async def aedit(
        self,
        item_id: str,
        content: str | None = None,
        time: str | datetime | None = None,
        *,
        expected_version: int | None = None,
    ) -> Outcome:
        """`edit`, awaited."""
        return await asyncio.to_thread(self.edit, item_id, content, time, expected_version=expected_version)

    def delete(self, item_id: str) -> Outcome:
        """Take a memory away, as a person; `"core"` is the core paragraph. `undo` brings it back."""
        item = self._meant(item_id)
        if item is None and item_id != "core":
            return self._parts.editor.delete("semantic", item_id, cause="person")
        return self._parts.editor.delete(item.kind if item else "core", item.id if item else None, cause="person")

    async def adelete(self, item_id: str) -> Outcome:
        """`delete`, awaited."""
        return await asyncio.to_thread(self.delete, item_id)

    def undo(self, change: int) -> Outcome:
        """Put an item back to what it was before a change (`Outcome.change`), as a change of its own.

        Rejected when the item was changed since; `UnknownRecord` for a number that is no change here.
        """
        return self._parts.editor.undo(change)

    async def aundo(self, change: int) -> Outcome:
        """`undo`, awaited."""
        return await asyncio.to_thread(self.undo, change)

    def proposals(self, *, waiting: bool = True) -> list[Proposal]:
        """The edits that wait for a yes, oldest first; with `waiting=False` those that were decided, too."""
        return self._parts.proposals.proposals(waiting=waiting)

    async def aproposals(self, *, waiting: bool = True) -> list[Proposal]:
        """`proposals`, awaited."""
        return await asyncio.to_thread(self.proposals, waiting=waiting)

    def approve(self, number: int) -> Outcome:
        """Apply a proposal; `UnknownRecord` for a number that is not here, `BadInput` for one that was turned down, and
        in a read-only memory. One that was approved already gives its outcome once more."""
        self._check_decides()
        return self._parts.proposals.approve(number)

    async def aapprove(self, number: int) -> Outcome:
        """`approve`, awaited."""
        return await asyncio.to_thread(self.approve, number)

    def reject(self, number: int) -> Proposal:
        """Turn a proposal down, once or again; errors as for `approve`, and `BadInput` for one that was approved."""
        self._check_decides()
        return self._parts.proposals.reject(number)

    async def areject(self, number: int) -> Proposal:
        """`reject`, awaited."""
        return await asyncio.to_thread(self.reject, number)

    def _check_decides(self) -> None:
        if self._parts.editing.mode == "read_only":
            raise BadInput("This memory is read-only here; decide on proposals where it may be edited.")

    def _meant(self, item_id: str) -> MemoryItem | None:
        return self._parts.items.core() if item_id == "core" else self._parts.items.found(item_id)
