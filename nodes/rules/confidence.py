"""How likely a passage holds the answer to a question, without a model: a weak sign, whose errors docs/evaluation.md shows."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...stores.analyzer import Term, base_stems, stems
from ...stores.index.fusion import named_speaker
from ...stores.index.snapshot import Snapshot
from ...stores.records import Hit
from .question_terms import question_terms, weigh_terms

_LOOKED_AT = 5  # passages whose words are taken together
# A logistic regression over 501 questions of LoCoMo, 126 near misses of them (a rare word replaced) and 48 of the sample history,
# questions with and without an answer weighed alike.
_INTERCEPT, _OWN, _TOGETHER, _OTHER_SPEAKER = -1.0, 3.5, -1.3, -3.2


def confidences(snapshot: Snapshot, question: str, hits: Sequence[Hit]) -> list[float]:
    """From 0 to 1 for each hit: by the share of the question's words, weighed by rarity, that it holds alone and that the
    first hits hold together, and by whether the speaker whom the question names said it. 0 for what no search found."""
    weights = weigh_terms(snapshot, question_terms(snapshot, question))
    total = sum(weights.values()) or 1.0
    speaker = named_speaker(snapshot.speakers, question)
    shares, together = [], set[Term]()
    for at, hit in enumerate(hits):
        there = {*base_stems(snapshot.record(hit.record_id).header), *stems(hit.dated_text)}
        held = {term for term in weights if term.is_in(there)}
        shares.append(sum(weights[term] for term in held) / total)
        together |= held if at < _LOOKED_AT and hit.score > 0 else set()
    base = _INTERCEPT + _TOGETHER * sum(weights[term] for term in together) / total
    found = []
    for hit, share in zip(hits, shares, strict=True):
        other = speaker is not None and hit.speaker not in (None, speaker)
        found.append(1 / (1 + math.exp(-(base + _OWN * share + _OTHER_SPEAKER * other))) if hit.score > 0 else 0.0)
    return found


def research_confidence(snapshot: Snapshot, question: str, hits: Sequence[Hit], enough: bool | None) -> float:
    """That of the best of the first hits. What a model concluded (`enough`; None where none was asked) moves it half of the way
    to 1 or to 0."""
    best = max(confidences(snapshot, question, hits[:_LOOKED_AT]), default=0.0)
    return round(best if enough is None else (best + enough) / 2, 3)
