"""Share a namespace with others."""

from __future__ import annotations

import asyncio

from .opened import Opened


class Sharing(Opened):
    """Verbs that say who else may read."""

    def share(self, reader: str) -> None:
        """Let another namespace of the folder read the pages and items of this one: research, recall, `page` and
        `item` there find them; listing and editing stay with this one. `"team/*"` is all whose names begin with
        `team/`. A name alone shares nothing: `team/ana` and `team` do not see each other."""
        self._parts.archive.pages.namespace.share(reader)

    async def ashare(self, reader: str) -> None:
        """`share`, awaited."""
        await asyncio.to_thread(self.share, reader)

    def unshare(self, reader: str) -> bool:
        """Take back what `share` gave, from the next reading on; False if it was not shared so."""
        return self._parts.archive.pages.namespace.unshare(reader)

    async def aunshare(self, reader: str) -> bool:
        """`unshare`, awaited."""
        return await asyncio.to_thread(self.unshare, reader)

    def shares(self) -> list[str]:
        """With whom this namespace is shared, as `share` was told, in order."""
        return self._parts.archive.pages.namespace.shares()

    async def ashares(self) -> list[str]:
        """`shares`, awaited."""
        return await asyncio.to_thread(self.shares)
