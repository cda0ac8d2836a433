"""Search by what names a page: ids, sessions, titles, times."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..stores.index.fusion import PAGE_ID, titles
from ..stores.index.snapshot import Snapshot, title_key
from ..stores.records import Hit, Page
from ..stores.times import spans
from .search_tool import SearchTool

_ID = r"[0-9a-hjkmnp-tv-z]{12}"
_RANGE = re.compile(rf"\b({_ID})\s*(?:\.\.|–|-|to)\s*({_ID})\b")
_SINGLE = re.compile(rf"\b{_ID}\b")
_NAMED = re.compile(rf"\b(?=[a-z0-9]*\d){_ID}\b")  # an id in a sentence has a digit
_SESSION = re.compile(r"\bsession[_ :]+[\"'“]?([\w./-]+)", re.I)
_FIELD = re.compile(r"\s*+(session|title|newest)\s*+:\s*+(.+)", re.I | re.S)
_MOST_PAGES = 50
_OF_A_TIME = 0.4


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

        The score is 1 for pages that the query names, less for those of a time, which are many.
        """
        hits: list[Hit] = []
        score = _OF_A_TIME if spans(query) and not _FIELD.match(query) else 1.0
        for page in _pages_of_query(snapshot, query):
            hits += snapshot.passages(page, self.name, score)
            if len(hits) >= k:
                break
        return hits[:k]

    def for_question(self, snapshot: Snapshot, text: str) -> list[str]:
        """What the question says of titles, ids, sessions and times."""
        asked = [f"title: {title}" for title in titles(snapshot, text)]
        asked += _NAMED.findall(text)
        asked += [f"session: {name}" for name in _SESSION.findall(text)]
        return [*asked, text] if spans(text) else asked

    def for_names(self, snapshot: Snapshot, names: Sequence[str], wanted: str) -> list[str]:
        """The names that are titles."""
        return [f"title: {title}" for name in names for title in titles(snapshot, name)]


def _pages_of_query(snapshot: Snapshot, query: str) -> list[Page]:
    """The pages that a query means, at most 50; unknown ids are passed over."""
    if field := _FIELD.match(query):
        name, value = field[1].lower(), field[2].rstrip()
        if name == "session":
            return snapshot.find_pages(session_id=value, limit=_MOST_PAGES)
        if name == "title":
            return _open(snapshot, snapshot.page_ids_by_title(title_key(value)))
        return snapshot.find_pages(newest=min(int(value[:9]), _MOST_PAGES)) if value.isdecimal() else []
    if ids := _RANGE.search(query):
        return snapshot.find_pages(first_id=ids[1], last_id=ids[2], limit=_MOST_PAGES)
    found = _open(snapshot, _SINGLE.findall(query))
    for span in spans(query):
        found += [page for page in snapshot.find_pages(within=span, limit=_MOST_PAGES) if page not in found]
    if not found and len(query.split()) == 1:  # models name a session without saying that it is one
        found = snapshot.find_pages(session_id=query.strip(), limit=_MOST_PAGES)
    return found[:_MOST_PAGES]


def _open(snapshot: Snapshot, ids: Sequence[str]) -> list[Page]:
    """Twelve letters of a question need not be an id, and a page may be of another namespace."""
    wanted = list(dict.fromkeys(ids[:_MOST_PAGES]))
    found = snapshot.pages(wanted)
    return [found[page_id] for page_id in wanted if page_id in found]
