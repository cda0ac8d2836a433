"""Look at what is kept."""

from __future__ import annotations

import asyncio

from ..stores.records import Page
from .opened import Opened


class Looking(Opened):
    """Verbs that read pages."""

    def pages(self, *, session_id: str | None = None, limit: int | None = None, offset: int = 0) -> list[Page]:
        """The pages of this namespace, in the order their sessions came."""
        return self._parts.archive.pages.pages(session_id=session_id, limit=limit, offset=offset, own=True)

    async def apages(self, *, session_id: str | None = None, limit: int | None = None, offset: int = 0) -> list[Page]:
        """`pages`, awaited."""
        return await asyncio.to_thread(self.pages, session_id=session_id, limit=limit, offset=offset)

    def page(self, page_id: str) -> Page:
        """One page, of this namespace or of one that is shared with it; `UnknownRecord` for any other id."""
        return self._parts.archive.pages.page(page_id)

    async def apage(self, page_id: str) -> Page:
        """`page`, awaited."""
        return await asyncio.to_thread(self.page, page_id)

    def stats(self) -> dict[str, int]:
        """Counts of this namespace: sessions, waiting (accepted, not filed), pages, passages, characters."""
        return self._parts.archive.pages.counts()
