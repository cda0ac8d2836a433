"""How likely a passage holds the answer to a question, without a model: a weak sign, whose errors docs/evaluation.md shows."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from ...stores.analyzer import Term
from ...stores.index.fusion import named_speaker
from ...stores.index.snapshot import Snapshot
from ...stores.records import Hit
from .question_terms import question_terms, weigh_terms

_LOOKED_AT = 12  # passages that speak for or against each other
_TOGETHER = 5  # passages whose words are taken together
_ASKS_A_KIND = re.compile(r"(?:when|how|(?:in |on )?(?:what|which) (?:date|day|year|month))\b", re.I)
WEIGHTS = (-1.20, 1.89, 0.80, 0.27, -1.90)
"""Of a constant and the `signs`: a logistic regression, by `python benchmarks/fit_confidence.py` over three conversations of LoCoMo."""


def signs(snapshot: Snapshot, question: str, hits: Sequence[Hit]) -> list[tuple[float, float, float, float]]:
    """For each hit: the share of the question's words, weighed by rarity, that it holds, where it tells rather than asks; the share
    that the first hits hold together; whether it holds a date or a number where one is asked for; and against it, the best
    share of what another speaker tells than the one whom the question names."""
    weights = weigh_terms(snapshot, question_terms(snapshot, question))
    total = sum(weights.values()) or 1.0
    speaker = named_speaker(snapshot.speakers, question)
    asks_a_kind = _ASKS_A_KIND.match(question) is not None
    by_form = speaker is not None and len(snapshot.speakers) > 1
    if asks_a_kind or by_form:
        from .answer_forms import holds_kind, telling_share
    shares, kinds, others, together = [], [], [0.0], set[Term]()
    for at, hit in enumerate(hits):
        there = snapshot.hit_stems(hit)
        held = {term for term in weights if term.is_in(there)}
        share = sum(weights[term] for term in held) / total * (telling_share(hit) if by_form else 1.0)
        is_other = speaker is not None and hit.speaker not in (None, speaker)
        if is_other and at < _LOOKED_AT:
            others.append(share)
        elif at < _TOGETHER and hit.score > 0:
            together |= held
        shares.append(0.0 if is_other else share)
        kinds.append(holds_kind(question, hit) if asks_a_kind and not is_other else 0.0)
    covered = sum(weights[term] for term in together) / total
    return [(share, covered, kind, max(others)) for share, kind in zip(shares, kinds, strict=True)]


def confidences(snapshot: Snapshot, question: str, hits: Sequence[Hit]) -> list[float]:
    """From 0 to 1 for each hit, by its `signs`. 0 for what no search found."""
    rows = ((1.0, *values) for values in signs(snapshot, question, hits))
    logits = (sum(weight * value for weight, value in zip(WEIGHTS, row, strict=True)) for row in rows)
    return [1 / (1 + math.exp(-logit)) if hit.score > 0 else 0.0 for hit, logit in zip(hits, logits, strict=True)]


def research_confidence(snapshot: Snapshot, question: str, hits: Sequence[Hit], enough: bool | None) -> float:
    """That of the best of the first hits. What a model concluded (`enough`; None where none was asked) moves it half of the way
    to 1 or to 0."""
    best = max(confidences(snapshot, question, hits[:_LOOKED_AT]), default=0.0)
    return round(best if enough is None else (best + enough) / 2, 3)
