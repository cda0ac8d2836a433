"""Find passages by the dates that they name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta

from ..date_phrases import read_date_term
from ..times import DATE_TERM, Span, local_clock
from ..truth.pages import Pages
from .keyword_index import TermPostings

_LONGEST = 7  # days; who asks for a day is not answered by what names its year
_PARTLY = 0.5


def read_date_terms(pages: Pages, namespaces: Sequence[int]) -> list[str]:
    """The terms of all dates that stand in the pages of these namespaces."""
    dates = (DATE_TERM, chr(ord(DATE_TERM) + 1))
    return [term for (term,) in pages.select_postings("DISTINCT term", "term >= ? AND term < ?", dates, namespaces)]


def score_dates(terms: Iterable[str], span: Span) -> dict[str, tuple[float, int]]:
    """The score and the number of days of those index terms of dates that touch the span: 1 where the whole date lies in
    it, 0.5 where a part of it does. Days are compared, as the sessions' own clocks read."""
    start, end = map(local_clock, span)
    first, last = start.toordinal(), (end - timedelta(microseconds=1)).toordinal()
    found: dict[str, tuple[float, int]] = {}
    for term in terms:
        day, after = read_date_term(term)
        if day <= last and after > first and after - day <= max(last - first + 1, _LONGEST):
            found[term] = (1.0 if first <= day and after <= last + 1 else _PARTLY, after - day)
    return found


def find_dates(
    terms: Iterable[str], locate: Callable[[Sequence[str]], Sequence[TermPostings]], span: Span, k: int
) -> list[tuple[int, float]]:
    """`(passage, score)`, at most `k`, of those that name one of these dates in the span: the shortest dates of a score
    first."""
    scores = score_dates(terms, span)
    found = sorted(
        (-score, days, passage)
        for (score, days), located in zip(scores.values(), locate(list(scores)), strict=True)
        for passage in set(located.passages.tolist())
    )
    best: dict[int, float] = {}
    for below, _, passage in found:
        best.setdefault(passage, -below)
    return list(best.items())[:k]
