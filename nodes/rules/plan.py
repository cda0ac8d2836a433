"""A plan from the words of the request: its names, dates, page ids and titles."""

from __future__ import annotations

import re

from ...stores.archive import Archive
from ...stores.times import spans
from ..plan import PlanQuestion, Query, SearchPlan
from .reading import terms, titles

_PAGE_ID = re.compile(r"\b(?=[a-z0-9]*\d)[0-9a-hjkmnp-tv-z]{12}\b")
_LONGEST = 2000  # characters of a query; the words of a longer request are found by its beginning
_SESSION = re.compile(r"\bsession[_ :]+[\"'“]?([\w./-]+)", re.I)


def plan(archive: Archive, question: PlanQuestion) -> SearchPlan:
    """First round: the question as it stands to keyword and vector search, and to page_id what it says of ids,
    sessions, titles and times. Later rounds: each newly met name with the words that are still uncovered."""
    queries: list[Query] = []
    request = question.request[:_LONGEST]
    if question.first:
        queries += [Query(tool="keyword", text=request), Query(tool="vector", text=request)]
        queries += [Query(tool="page_id", text=f"title: {title}") for title in titles(archive, request)]
        queries += [Query(tool="page_id", text=match) for match in _PAGE_ID.findall(request)]
        queries += [Query(tool="page_id", text=f"session: {match}") for match in _SESSION.findall(request)]
        if spans(request):
            queries.append(Query(tool="page_id", text=request))
        return SearchPlan(needs=_needs(request), queries=queries)
    wanted = " ".join(terms(archive, request).values())
    for name in question.names:
        queries += [Query(tool="page_id", text=f"title: {title}") for title in titles(archive, name)]
        queries.append(Query(tool="keyword", text=f"{name} {wanted}".strip()[:_LONGEST]))
    if question.names:  # a name is found by its letters; likeness is asked once, for all that is open
        queries.append(Query(tool="vector", text=f"{question.names[0]} {wanted}".strip()[:_LONGEST]))
    if not question.names and wanted:
        queries += [Query(tool="keyword", text=wanted), Query(tool="vector", text=wanted)]
    return SearchPlan(needs=[request], queries=queries)


def _needs(request: str) -> list[str]:
    """Each sentence of the request is a need of its own."""
    return [part.strip() for part in re.split(r"(?<=[?!.])\s+", request) if part.strip()][:8]
