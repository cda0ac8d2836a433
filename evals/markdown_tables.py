"""Means with standard errors, and the Markdown tables that show them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .scores import AMOUNTS


def mean_with_error(values: Sequence[float]) -> dict[str, float | int | None]:
    """Mean, n and the standard error of the mean, None for fewer than two values. The same in any order."""
    n = len(values)
    se = statistics.stdev(values) / math.sqrt(n) if n > 1 else None
    return {"mean": math.fsum(values) / n, "n": n, "se": se}


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The first column to the left, the others to the right."""
    lines = [markdown_row(head), markdown_row(["---", *["---:"] * (len(head) - 1)]), *map(markdown_row, rows)]
    return "\n".join(lines)


def format_score(metric: str, value: Mapping[str, Any] | None) -> str:
    """`83.2 ± 1.1`; `–` for what was not measured."""
    if value is None:
        return "–"
    scale = 1 if metric in AMOUNTS else 100
    error = "" if value["se"] is None else f" ± {scale * value['se']:.1f}"
    return f"{scale * value['mean']:.1f}{error}"


def markdown_row(cells: Sequence[str]) -> str:
    """A `|` in a cell would end the cell, so it becomes `/`."""
    return f"| {' | '.join(' '.join(str(cell).split()).replace('|', '/') for cell in cells)} |"
