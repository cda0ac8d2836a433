"""Add to what a query finds the turns that its related words find: of a question on pets the answer names a dog."""

from __future__ import annotations

from collections.abc import Sequence

from ..stores.index.snapshot import Snapshot
from ..stores.records import Hit
from ..stores.related_words import related_words

_WEIGHT = 0.2  # of the best passage for related words, against 1 for the best for the words themselves


def add_related(snapshot: Snapshot, query: str, found: Sequence[Hit], k: int) -> list[Hit]:
    """At most `k` hits, best first, on the scale of `found`. The hits are those that were given, changed. Passages of documents stay as
    they are: of HotpotQA's questions one hop found less with related words."""
    related = related_words(query, snapshot.speaker_stems) if snapshot.speakers else ""
    others = [hit for hit in snapshot.keyword(related, k) if hit.speaker] if related else []
    if not others:
        return list(found)
    scale = _WEIGHT * (found[0].score if found else others[0].score) / others[0].score
    hits = {(hit.record_id, hit.start): hit for hit in found}
    for other in others:
        hit = hits.setdefault((other.record_id, other.start), other)
        score = scale * other.score + (0.0 if hit is other else hit.score)
        hit.score, hit.scores = score, dict.fromkeys(hit.scores, score)
    return sorted(hits.values(), key=lambda hit: -hit.score)[:k]
