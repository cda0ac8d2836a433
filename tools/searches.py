"""The searches of the Researcher. A new one is a file and an entry in `SEARCHES`."""

from __future__ import annotations

from .keyword_search import KeywordSearch
from .page_id_search import PageIdSearch
from .search_tool import SearchTool
from .vector_search import VectorSearch

SEARCHES: tuple[type[SearchTool], ...] = (KeywordSearch, VectorSearch, PageIdSearch)
"""In the order in which they are shown and planned."""


class HybridSearch:
    """Words and likeness at once, as one ranking, and the dates that a query names: what `recall` runs."""

    name = "pages"
    description = "Search the memory by words and by likeness at once. The best first try for most questions."
    searches = (KeywordSearch.name, VectorSearch.name, PageIdSearch.name)
