"""The searches of the pages. A new one is a file and an entry in `SEARCHES`."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

from ..stores.index.fusion import FEW, PAGE_ID, titles
from ..stores.index.snapshot import Snapshot
from ..stores.records import Hit
from ..stores.times import spans
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


class VectorSearch(SearchTool):
    """Finds passages whose embedding is near the query's."""

    name = "vector"
    description = "Search the memory by likeness of meaning. Best for paraphrases; write a sentence or a question."
    query_form = "meaning"
    embeds = True

    def search(self, snapshot: Snapshot, query: str, k: int) -> list[Hit]:
        """Best first, at most `k`; `[]` where nothing is alike."""
        return snapshot.vector(self._embeddings.embed_query(query), k)

    async def asearch(self, snapshot: Snapshot, query: str, k: int) -> list[Hit]:
        """`search`, the embedding awaited."""
        vector = await self._embeddings.aembed_query(query)
        return await asyncio.to_thread(snapshot.vector, vector, k)

    def for_question(self, snapshot: Snapshot, text: str) -> list[str]:
        """The question itself."""
        return [text]

    def for_names(self, snapshot: Snapshot, names: Sequence[str], wanted: str) -> list[str]:
        """Once, for all that is open."""
        return [f"{names[0]} {wanted}" if names else wanted]


_ID = r"[0-9a-hjkmnp-tv-z]{12}"
_NAMED = re.compile(rf"\b(?=[a-z0-9]*\d){_ID}\b")  # an id in a sentence has a digit
_SESSION = re.compile(r"\bsession[_ :]+[\"'“]?([\w./-]+)", re.I)


class PageIdSearch(SearchTool):
    """Opens pages that are known by something else than their words."""

    name = "page_id"
    description = (
        "Open pages directly. The query is one of: page ids ('0m7vntb32623'), a range ('0m7…..0m8…'), "
        "'session: NAME', 'title: NAME', 'newest: 3', or a time ('8 May 2023', 'in May 2023', 'before 2024', "
        "'between 1 May 2023 and 4 June 2023')."
    )

    query_form = "ids, sessions, titles or times"
    weight = PAGE_ID

    def search(self, snapshot: Snapshot, query: str, k: int) -> list[Hit]:
        """Every passage of the pages, page by page, at most `k`; `[]` where none is meant.

        The score is 1 for pages that the query names, less for those of a time, which are many. Passages that speak of
        that time, whenever that was, come first.
        """
        from .page_lookup import find_passages

        return find_passages(snapshot, query, k, self.name)

    def for_question(self, snapshot: Snapshot, text: str) -> list[str]:
        """What the question says of titles, ids, sessions and times."""
        asked = [f"title: {title}" for title in titles(snapshot, text)]
        asked += _NAMED.findall(text)
        asked += [f"session: {name}" for name in _SESSION.findall(text)]
        return [*asked, text] if spans(text) else asked

    def for_names(self, snapshot: Snapshot, names: Sequence[str], wanted: str) -> list[str]:
        """The names that are titles."""
        return [f"title: {title}" for name in names for title in titles(snapshot, name)]


SEARCHES: tuple[type[SearchTool], ...] = (KeywordSearch, VectorSearch, PageIdSearch)
"""In the order in which they are shown and planned."""


class HybridSearch:
    """Words and likeness at once, as one ranking, and the dates that a query names: what `recall` runs."""

    name = "pages"
    description = "Search the memory by words and by likeness at once. The best first try for most questions."
    searches = (KeywordSearch.name, VectorSearch.name, PageIdSearch.name)
