"""How likely a passage holds the answer to a question, without a model: a weak sign, whose errors docs/evaluation.md shows."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from ...stores.analyzer import Term, is_english
from ...stores.index.fusion import named_speaker
from ...stores.index.snapshot import Snapshot
from ...stores.records import Hit
from .question_terms import question_terms, weigh_terms

_LOOKED_AT = 12  # passages that speak for or against each other
_TOGETHER = 5  # passages whose words are taken together
_ASKS_A_KIND = re.compile(r"(?:when|how|(?:in |on )?(?:what|which) (?:date|day|year|month))\b", re.I)
_FIRST_PERSON = re.compile(r"\b(?:I|we|my|our|me|us)\b", re.I)
_SECOND_PERSON = re.compile(r"\byou(?:rs?)?\b", re.I)
_WHEN = re.compile(r"when\b|how long\b|(?:in |on )?(?:what|which) (?:date|day|year|month)\b", re.I)
_HOW_MANY = re.compile(r"how (?:many|much|old|often)\b", re.I)
_NUMBER = re.compile(r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|twice|once|dozen|couple)\b", re.I)
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
    shares, kinds, others, together = [], [], [0.0], set[Term]()
    for at, hit in enumerate(hits):
        there = snapshot.hit_stems(hit)
        held = {term for term in weights if term.is_in(there)}
        share = sum(weights[term] for term in held) / total * (_telling_share(hit) if by_form else 1.0)
        is_other = speaker is not None and hit.speaker not in (None, speaker)
        if is_other and at < _LOOKED_AT:
            others.append(share)
        elif at < _TOGETHER and hit.score > 0:
            together |= held
        shares.append(0.0 if is_other else share)
        kinds.append(_holds_kind(question, hit) if asks_a_kind and not is_other else 0.0)
    covered = sum(weights[term] for term in together) / total
    return [(share, covered, kind, max(others)) for share, kind in zip(shares, kinds, strict=True)]


def _telling_share(hit: Hit) -> float:
    """1 for what a speaker tells of himself, 0.5 for what he tells of others or asks with words about himself, 0 for other
    questions; 1 for text in other languages than English, and for what nobody said."""
    said = hit.text.removeprefix(f"{hit.speaker}: ")
    if hit.speaker is None or not is_english(said):
        return 1.0
    tells = not said.rstrip().endswith("?")
    return (tells + (len(_FIRST_PERSON.findall(said)) > len(_SECOND_PERSON.findall(said)))) / 2


def _holds_kind(question: str, hit: Hit) -> float:
    """0.5 for a passage with the date or the number that is asked for, -0.5 for one without, 0 where neither is asked for."""
    if _WHEN.match(question):
        return 0.5 if hit.dated_text != hit.text else -0.5
    if _HOW_MANY.match(question):
        return 0.5 if _NUMBER.search(hit.text) else -0.5
    return 0.0


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
