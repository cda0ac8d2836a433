"""Add to what a query finds the turns that its related words find: of a question on pets the answer names a dog."""

from __future__ import annotations

from ..stores.index.snapshot import Snapshot
from ..stores.records import Hit
from ..stores.related_words import related_words

_WEIGHT = 0.2  # of the best passage for related words, against 1 for the best for the words themselves


def search_with_related(snapshot: Snapshot, query: str, k: int) -> list[Hit]:
    """At most `k` hits, best first, on the scale of what the query finds. Passages of documents stay as they are: of
    HotpotQA's questions one hop found less with related words."""
    related = related_words(query, snapshot.speaker_stems)
    if related:
        snapshot.read_postings(f"{query}\n\n{related}")
    found = snapshot.keyword(query, k)
    others = [hit for hit in snapshot.keyword(related, k) if hit.speaker] if related else []
    if not others:
        return found
    scale = _WEIGHT * (found[0].score if found else others[0].score) / others[0].score
    hits = {(hit.record_id, hit.start): hit for hit in found}
    for other in others:
        hit = hits.setdefault((other.record_id, other.start), other)
        score = scale * other.score + (0.0 if hit is other else hit.score)
        hit.score, hit.scores = score, dict.fromkeys(hit.scores, score)
    return sorted(hits.values(), key=lambda hit: -hit.score)[:k]
