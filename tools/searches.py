"""The searches of the Researcher: a new one is a file beside this one, and an entry here."""

from __future__ import annotations

from .keyword import KeywordSearch
from .page_id import PageIdSearch
from .search import Search
from .vector import VectorSearch

SEARCHES: tuple[type[Search], ...] = (KeywordSearch, VectorSearch, PageIdSearch)
"""In the order in which they are shown and planned."""
