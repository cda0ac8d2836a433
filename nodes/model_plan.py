"""What a model's plan of a round needs besides: the request's own words as queries, and no words of its form."""

from __future__ import annotations

from typing import Any

from .grounding import is_placeholder
from .plan import PlanQuestion, SearchPlan
from .support import needs_of_question


def queries_of_request(question: PlanQuestion, longest: int) -> list[dict[str, Any]]:
    """What each search makes of the request's own words."""
    request = question.request[:longest]
    return [
        {"tool": search.name, "text": text.strip()}
        for search in question.searches
        for text in search.for_question(question.snapshot, request)
        if text.strip()
    ]


def clean_plan(plan: SearchPlan, question: PlanQuestion, *, small: bool) -> SearchPlan:
    """The plan without words of its form, such as `<a question>`; of a `small` model without needs of other questions."""
    needs = [need for need in plan.needs if not is_placeholder(need)]
    if small:
        needs = needs_of_question(needs, f"{question.question}\n{question.request}")
    queries = [query for query in plan.queries if not is_placeholder(query.text)]
    return plan.model_copy(update={"needs": needs, "queries": queries})
