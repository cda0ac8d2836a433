"""Find passages by the dates that they name."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from ..date_phrases import read_date_term
from ..times import Span, local_clock

_LONGEST = 7  # days; who asks for a day is not answered by what names its year
_PARTLY = 0.5


def find_dates(named: Iterable[tuple[str, int]], span: Span, k: int) -> list[tuple[int, float]]:
    """`(passage seq, score)`, at most `k`, from index terms of dates with their passages: 1 where the whole date lies in
    the span, 0.5 where a part of it does, the shortest dates first. Days are compared, as the sessions' own clocks
    read."""
    start, end = map(local_clock, span)
    first, last = start.toordinal(), (end - timedelta(microseconds=1)).toordinal()
    found: list[tuple[float, int, int]] = []
    for term, seq in named:
        day, after = read_date_term(term)
        if day <= last and after > first and after - day <= max(last - first + 1, _LONGEST):
            found.append((1.0 if first <= day and after <= last + 1 else _PARTLY, after - day, seq))
    best: dict[int, float] = {}
    for score, _, seq in sorted(found, key=lambda one: (-one[0], one[1], one[2])):
        best.setdefault(seq, score)
    return list(best.items())[:k]
