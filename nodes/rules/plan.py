"""A plan from the words of the request: each search says itself what to ask it."""

from __future__ import annotations

import re

from ...stores.index.snapshot import Snapshot
from ..plan import PlanQuestion, Query, SearchPlan
from .question_terms import question_terms

_LONGEST = 2000  # characters of a query; the words of a longer request are found by its beginning


def plan(snapshot: Snapshot, question: PlanQuestion) -> SearchPlan:
    """First round: what each search makes of the question. Later rounds: what it makes of the new names, and of
    the words that are still uncovered."""
    request = question.request[:_LONGEST]
    wanted = "" if question.first else " ".join(term.text for term in question_terms(snapshot, request))
    queries = [
        Query(tool=search.name, text=text.strip()[:_LONGEST])
        for search in question.searches
        for text in (
            search.for_question(snapshot, request)
            if question.first
            else search.for_names(snapshot, question.names, wanted)
        )
        if text.strip()
    ]
    return SearchPlan(needs=_needs(request) if question.first else [request], queries=queries)


def _needs(request: str) -> list[str]:
    """Each sentence of the request is a need of its own."""
    return [part.strip() for part in re.split(r"(?<=[?!.।؟۔])\s+|(?<=[？！。])", request) if part.strip()][:8]
