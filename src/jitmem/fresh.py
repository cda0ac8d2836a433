"""A search that first embeds what has no vector yet, and embeds everything anew when the model turns out to be another."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Protocol

from .nodes.embedder import Embedder
from .nodes.index import Embedded, embed
from .nodes.llm.step import Steps, Wait, afinish, finish
from .stores.embeddings import ModelChanged
from .stores.errors import StoreFull


class Searching(Protocol):
    """Any search of ours, sync and async."""

    name: str
    description: str

    def search(self, query: str, *args: Any, **options: Any) -> Sequence[Any]: ...

    async def asearch(self, query: str, *args: Any, **options: Any) -> Sequence[Any]: ...


class FreshSearch:
    """The same search, with every vector there is; one by words alone embeds nothing."""

    def __init__(self, inner: Searching, embedded: Embedded, embedder: Embedder) -> None:
        self.name = getattr(inner, "name", "")
        self.description = getattr(inner, "description", "")
        self._inner = inner
        self._embedded = embedded
        self._embedder = embedder

    def search(self, query: str, *args: Any, **options: Any) -> Any:
        """As the search itself; `ModelError` when the embedding model fails."""
        return finish(self._searched(query, *args, **options))

    async def asearch(self, query: str, *args: Any, **options: Any) -> Any:
        """`search`, awaited."""
        return await afinish(self._searched(query, *args, **options))

    def _searched(self, query: str, *args: Any, **options: Any) -> Steps[Any]:
        searching: Wait[Any] = Wait(
            partial(self._inner.search, query, *args, **options), partial(self._inner.asearch, query, *args, **options)
        )
        if options.get("method") == "keyword":
            return (yield searching)
        if self._embedder.has_room:
            try:
                yield from embed(self._embedded, self._embedder)
            except StoreFull as error:
                self._embedder.note_full(error)
        try:
            return (yield searching)
        except ModelChanged:
            yield from embed(self._embedded, self._embedder, suspect=True)
            return (yield searching)
