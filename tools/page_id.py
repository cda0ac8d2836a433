"""Look pages up: by id, range of ids, session, title, or time."""

from __future__ import annotations

import asyncio
import re

from ..stores.archive import Archive, title_key
from ..stores.errors import UnknownRecord
from ..stores.records import Hit, Page
from ..stores.times import spans

_ID = r"[0-9a-hjkmnp-tv-z]{12}"
_RANGE = re.compile(rf"\b({_ID})\s*(?:\.\.|–|-|to)\s*({_ID})\b")
_SINGLE = re.compile(rf"\b{_ID}\b")
_FIELD = re.compile(r"\s*(session|title|newest)\s*:\s*(.+?)\s*$", re.I | re.S)
_MOST_PAGES = 50
_OF_A_TIME = 0.4


class PageIdSearch:
    """Opens pages that are known by something else than their words."""

    name = "page_id"
    description = (
        "Open pages directly. The query is one of: page ids ('0m7vntb32623'), a range ('0m7…..0m8…'), "
        "'session: NAME', 'title: NAME', 'newest: 3', or a time ('8 May 2023', 'in May 2023', 'before 2024', "
        "'between 1 May 2023 and 4 June 2023')."
    )

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def search(self, query: str, k: int) -> list[Hit]:
        """Every passage of the pages, page by page, at most `k`; `[]` where none is meant.

        The score is 1 for pages that the query names, less for those of a time, which are many.
        """
        hits: list[Hit] = []
        score = _OF_A_TIME if spans(query) and not _FIELD.match(query) else 1.0
        for page in self.pages(query):
            hits += self._archive.passages(page, self.name, score)
            if len(hits) >= k:
                break
        return hits[:k]

    async def asearch(self, query: str, k: int) -> list[Hit]:
        """`search`, off the event loop."""
        return await asyncio.to_thread(self.search, query, k)

    def pages(self, query: str) -> list[Page]:
        """The pages that a query means, at most 50; unknown ids are passed over."""
        source = self._archive.pages
        if field := _FIELD.match(query):
            name, value = field[1].lower(), field[2]
            if name == "session":
                return source.pages(session_id=value, limit=_MOST_PAGES)
            if name == "title":
                return self._open(self._archive.titles.get(title_key(value), []))
            return source.pages(newest=min(int(value), _MOST_PAGES)) if value.isdecimal() else []
        if ids := _RANGE.search(query):
            return source.pages(first_id=ids[1], last_id=ids[2], limit=_MOST_PAGES)
        found = self._open(_SINGLE.findall(query))
        for span in spans(query):
            found += [page for page in source.pages(within=span, limit=_MOST_PAGES) if page not in found]
        return found[:_MOST_PAGES]

    def _open(self, ids: list[str]) -> list[Page]:
        pages = []
        for page_id in dict.fromkeys(ids[:_MOST_PAGES]):
            try:
                pages.append(self._archive.pages.page(page_id))
            except UnknownRecord:  # twelve letters of a question that are no id, or a page of another namespace
                continue
        return pages
