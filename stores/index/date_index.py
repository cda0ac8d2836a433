"""Find passages by the dates that they name."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta

from ..date_phrases import read_date_term
from ..times import Span, local_clock

_LONGEST = 7  # days; who asks for a day is not answered by what names its year
_PARTLY = 0.5


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


def best_passages(
    scores: Mapping[str, tuple[float, int]], passages: Mapping[str, Collection[int]], k: int
) -> list[tuple[int, float]]:
    """`(passage, score)`, at most `k`, from the passages of each date: the shortest dates of a score first."""
    found = [(-score, days, one) for term, (score, days) in scores.items() for one in passages[term]]
    best: dict[int, float] = {}
    for below, _, one in sorted(found):
        best.setdefault(one, -below)
    return list(best.items())[:k]
