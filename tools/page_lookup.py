"""Find the pages that a query names by id, session, title or time, and the passages that speak of that time."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..stores.analyzer import title_key
from ..stores.index.fusion import with_scores
from ..stores.index.snapshot import Snapshot
from ..stores.records import Hit, Page
from ..stores.times import spans

_ID = r"[0-9a-hjkmnp-tv-z]{12}"
_RANGE = re.compile(rf"\b({_ID})\s*(?:\.\.|–|-|to)\s*({_ID})\b")
_SINGLE = re.compile(rf"\b{_ID}\b")
_FIELD = re.compile(r"\s*+(session|title|newest)\s*+:\s*+(.+)", re.I | re.S)
_MOST_PAGES = 50
_OF_A_TIME = 0.4  # a passage of a session of that time
_SAYS_THE_TIME = 0.8  # a passage that names it


def find_passages(snapshot: Snapshot, query: str, k: int, search: str) -> list[Hit]:
    """See `PageIdSearch.search`."""
    named = [] if _FIELD.match(query) else spans(query)
    hits = [
        with_scores(hit, _SAYS_THE_TIME * hit.score, {search: _SAYS_THE_TIME * hit.score})
        for span in named
        for hit in snapshot.passages_by_date(span, k - k // 2, search)
    ]
    known = {(hit.page_id, hit.start) for hit in hits}
    for page in _pages_of_query(snapshot, query):
        of_page = snapshot.passages(page, search, _OF_A_TIME if named else 1.0)
        hits += [hit for hit in of_page if (hit.page_id, hit.start) not in known]
        if len(hits) >= k:
            break
    return hits[:k]


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
