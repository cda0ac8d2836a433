"""Keep sessions: file them, or accept them and file them later."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ..stores.records import Filed, Session
from .opened import Opened, positive

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage
    from langgraph.graph.state import CompiledStateGraph

    SessionLike = Session | str | Sequence[BaseMessage]
    Graph = CompiledStateGraph[Any, Any, Any, Any]


class Keeping(Opened):
    """Verbs that keep sessions."""

    @property
    def memorizer(self) -> Graph:
        """The compiled graph: `{"session": …}` in; session_id, page_ids, duplicate, usage, failures and edits out."""
        return self._parts.memorizer

    def memorize(self, session: SessionLike) -> Filed:
        """File a session: a text, a `Session`, or a list of messages. The same session twice is filed once."""
        return _filed(self.memorizer.invoke({"session": session}))

    async def amemorize(self, session: SessionLike) -> Filed:
        """`memorize`, awaited."""
        return _filed(await self.memorizer.ainvoke({"session": session}))

    def accept(self, session: SessionLike) -> str:
        """Put a session into the journal, durable when this returns, and think later: `resume()` files it.

        Gives the id of the session. One that is there already stays as it is.
        """
        from ..nodes.accept import plain

        return self._parts.archive.journal.accept(**plain(session)).session_id

    async def aaccept(self, session: SessionLike) -> str:
        """`accept`, awaited."""
        return await asyncio.to_thread(self.accept, session)

    def memorize_many(
        self,
        sessions: Iterable[SessionLike],
        *,
        concurrency: int = 8,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[Filed]:
        """File sessions; results in the order given. `progress` is told how many are done, and of how many.

        All are read before the first is kept, and kept in the journal before the first is filed: what is not filed
        when the process dies is finished by the same call, or by `resume()`.
        """
        from ..batch import accept, run

        return run(self._parts, accept(self._parts, sessions), self._workers(concurrency), progress)

    async def amemorize_many(
        self,
        sessions: Iterable[SessionLike],
        *,
        concurrency: int = 8,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[Filed]:
        """`memorize_many`, awaited."""
        from ..batch import accept, arun

        entries = await asyncio.to_thread(accept, self._parts, sessions)
        return await arun(self._parts, entries, self._workers(concurrency), progress)

    def resume(self, *, concurrency: int = 8, progress: Callable[[int, int], None] | None = None) -> list[Filed]:
        """File what was accepted and never filed, because a process died or a model failed; `[]` for nothing."""
        from ..batch import run

        return run(self._parts, self._waiting(), self._workers(concurrency), progress)

    async def aresume(self, *, concurrency: int = 8, progress: Callable[[int, int], None] | None = None) -> list[Filed]:
        """`resume`, awaited."""
        from ..batch import arun

        entries = await asyncio.to_thread(self._waiting)
        return await arun(self._parts, entries, self._workers(concurrency), progress)

    def _waiting(self) -> list[int]:
        """What is not filed, and what is filed and not curated."""
        journal = self._parts.archive.journal
        left = [n for n, _ in journal.uncurated()] if self._parts.memorize_options.curate else []
        return list(dict.fromkeys([*(entry.n for entry in journal.waiting()), *left]))

    def _workers(self, concurrency: int) -> int:
        """Sessions at once: without a model nothing waits, and one after the other is fastest."""
        return positive(concurrency) if self._parts.waits_for_memos else 1


def _filed(output: dict[str, Any]) -> Filed:
    from ..batch import filed

    return filed(output)
