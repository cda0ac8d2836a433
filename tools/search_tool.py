"""What every search of the pages is: a name, what to ask it, how much it counts, and how it finds."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence

from langchain_core.embeddings import Embeddings

from ..stores.index.snapshot import Snapshot
from ..stores.records import Hit


class SearchTool(ABC):
    """A search describes itself completely; `tools/searches.py` lists them all.

    `description` is for agents, who call it as a tool. `query_form` is for the planner: what a query is, in a few words.
    `weight` is what its best hit adds to a score of about 1; None for words and likeness, which share that 1
    (`stores.fusion.weights`). `embeds`: whether it reads vectors, so that missing ones are made first.
    """

    name: str
    description: str
    query_form: str
    weight: float | None = None
    embeds: bool = False

    def __init__(self, embeddings: Embeddings) -> None:
        self._embeddings = embeddings

    @abstractmethod
    def search(self, snapshot: Snapshot, query: str, k: int) -> list[Hit]:
        """Best first, at most `k`, scores above 0 on any scale of its own; `[]` where nothing is found."""

    async def asearch(self, snapshot: Snapshot, query: str, k: int) -> list[Hit]:
        """`search`, off the event loop."""
        return await asyncio.to_thread(self.search, snapshot, query, k)

    def for_question(self, snapshot: Snapshot, text: str) -> list[str]:
        """What rules ask it in the first round; `[]` where only a model is to ask it."""
        return []

    def for_names(self, snapshot: Snapshot, names: Sequence[str], wanted: str) -> list[str]:
        """What rules ask it in a later round: new `names`, and the words that are still open."""
        return []
