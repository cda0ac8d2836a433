"""Search by words."""

from __future__ import annotations

from collections.abc import Sequence

from ..stores.index.fusion import FEW
from ..stores.index.snapshot import Snapshot
from ..stores.records import Hit
from .search_tool import SearchTool


class KeywordSearch(SearchTool):
    """Finds passages that share words with the query, rare words counting more."""

    name = "keyword"
    description = (
        "Search the memory by words (BM25). Best for names, numbers and rare terms; write the words themselves, "
        "no operators."
    )
    query_form = "exact words"

    def search(self, snapshot: Snapshot, query: str, k: int) -> list[Hit]:
        """Best first, at most `k`; `[]` where no word of the query, and none that is related to one, is known."""
        if snapshot.passage_count <= FEW or not snapshot.speakers:
            return snapshot.keyword(query, k)
        from .related_search import search_with_related

        return search_with_related(snapshot, query, k)

    def for_question(self, snapshot: Snapshot, text: str) -> list[str]:
        """The question itself."""
        return [text]

    def for_names(self, snapshot: Snapshot, names: Sequence[str], wanted: str) -> list[str]:
        """Each name with the words that are open: a name is found by its letters."""
        return [f"{name} {wanted}" for name in names] or [wanted]
