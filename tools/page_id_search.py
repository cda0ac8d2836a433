"""Search by what names a page: ids, sessions, titles, times."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..stores.index.fusion import PAGE_ID, titles
from ..stores.index.snapshot import Snapshot
from ..stores.records import Hit
from ..stores.times import spans
from .search_tool import SearchTool

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
