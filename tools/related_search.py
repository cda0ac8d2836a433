"""Add to what a query finds what its related words find: of a question on pets the answer names a dog."""

from __future__ import annotations

from collections.abc import Sequence

from ..stores.index.snapshot import Snapshot
from ..stores.records import Hit
from ..stores.related_words import related_words

_WEIGHT = 0.2  # of the best passage for related words, against 1 for the best for the words themselves


def add_related(snapshot: Snapshot, query: str, found: Sequence[Hit], k: int) -> list[Hit]:
    """At most `k` hits, best first, on the scale of `found`. The hits are those that were given, changed."""
    related = related_words(query, snapshot.speaker_stems)
    others = snapshot.keyword(related, k) if related else []
    if not others:
        return list(found)
    scale = _WEIGHT * (found[0].score if found else others[0].score) / others[0].score
    hits = {(hit.record_id, hit.start): hit for hit in found}
    for other in others:
        hit = hits.setdefault((other.record_id, other.start), other)
        score = scale * other.score + (0.0 if hit is other else hit.score)
        hit.score, hit.scores = score, dict.fromkeys(hit.scores, score)
    return sorted(hits.values(), key=lambda hit: -hit.score)[:k]
