"""Search by words."""

from __future__ import annotations

from collections.abc import Sequence

from ..stores.index.snapshot import Snapshot
from ..stores.records import Hit
from ..stores.related_words import related_words
from .search_tool import SearchTool

_RELATED = 0.2


class KeywordSearch(SearchTool):
    """Finds passages that share words with the query, rare words counting more."""

    name = "keyword"
    description = (
        "Search the memory by words (BM25). Best for names, numbers and rare terms; write the words themselves, "
        "no operators."
    )
    query_form = "exact words"

    def search(self, snapshot: Snapshot, query: str, k: int) -> list[Hit]:
        """Best first, at most `k`; what has related words counts a fifth of what has the words themselves. `[]` for a query with no
        known word, and none that is related to a known one."""
        found = snapshot.keyword(query, k)
        related = related_words(query, snapshot.speaker_stems)
        others = snapshot.keyword(related, k) if related else []
        if not others:
            return found
        scale = _RELATED * (found[0].score if found else others[0].score) / others[0].score
        hits = {(hit.record_id, hit.start): hit for hit in found}
        for other in others:
            hit = hits.setdefault((other.record_id, other.start), other)
            score = scale * other.score + (0.0 if hit is other else hit.score)
            hit.score, hit.scores = score, {self.name: score}
        return sorted(hits.values(), key=lambda hit: -hit.score)[:k]

    def for_question(self, snapshot: Snapshot, text: str) -> list[str]:
        """The question itself."""
        return [text]

    def for_names(self, snapshot: Snapshot, names: Sequence[str], wanted: str) -> list[str]:
        """Each name with the words that are open: a name is found by its letters."""
        return [f"{name} {wanted}" for name in names] or [wanted]
