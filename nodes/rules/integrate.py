"""Statements without a model: the passages themselves, as few as cover what the question turns on."""

from __future__ import annotations

from collections.abc import Sequence

from ...stores.analyzer import Term
from ...stores.index.snapshot import Snapshot
from ...stores.records import Hit
from ..integrate import IntegrateQuestion, Integration, Source, Statement
from .question_terms import question_terms, weigh_terms

_LOOKED_AT = 12  # passages from the top of the ranking
_MOST = 5  # statements
_NEAR_BEST = 0.85  # a passage this near to the best is said even if it covers nothing new
_WEAK = 0.5  # a passage below this share of the best one's score is no statement, whatever it covers
_LEAST = 0.45  # of the question's weight must be covered, else nothing was found


def integrate(snapshot: Snapshot, question: IntegrateQuestion) -> Integration:
    """The best passage, then those that cover a term which is still uncovered, then near-equals of the best.

    No statement at all when the passages cover less than half of what the question turns on, weighed by rarity:
    that they are the nearest does not make them an answer.
    """
    chosen = choose(snapshot, question.question, question.evidence)
    return Integration(
        statements=[
            Statement(text=hit.text, sources=[Source(page_id=hit.record_id, quote=hit.text, start=hit.start)])
            for hit in chosen
        ]
    )


def choose(snapshot: Snapshot, question: str, hits: Sequence[Hit]) -> list[Hit]:
    """The passages that become statements, best first."""
    weights = weigh_terms(snapshot, question_terms(snapshot, question))
    chosen: list[Hit] = []
    covered: dict[Term, float] = {}
    for hit in hits[:_LOOKED_AT]:
        if not hit.score or hit.score < _WEAK * hits[0].score:
            break
        there = snapshot.hit_stems(hit)
        own = {term: weight * share for term, weight in weights.items() if (share := term.found_share(there))}
        fresh = any(worth > covered.get(term, 0.0) for term, worth in own.items())
        if not chosen or fresh or (len(chosen) < 3 and hit.score >= _NEAR_BEST * hits[0].score):
            chosen.append(hit)
            covered = {term: max(own.get(term, 0.0), covered.get(term, 0.0)) for term in {**covered, **own}}
        if len(chosen) == _MOST:
            break
    if weights and sum(covered.values()) < _LEAST * sum(weights.values()):
        return []
    return chosen
