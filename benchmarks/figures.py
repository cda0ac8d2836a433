"""A measured figure, its goal, the clocks that it is measured with, and the report of many."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from importlib.metadata import version
from typing import Any

from history import SEED
from rich.console import Console
from rich.table import Table

_PACKAGES = ("jitmem", "langgraph", "langchain-core", "chromadb", "rank-bm25", "numpy")


@dataclass(frozen=True)
class Figure:
    """`goal` is the most it may be, or the least where `least`; None where nothing was promised."""

    name: str
    value: float
    unit: str
    goal: float | None = None
    least: bool = False

    @property
    def is_met(self) -> bool | None:
        """None where there is no goal."""
        if self.goal is None:
            return None
        return self.value >= self.goal if self.least else self.value <= self.goal

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "met": self.is_met}


@dataclass(frozen=True)
class Times:
    """Milliseconds of each call: by the wall clock, and of this process's CPU over all its threads."""

    wall: list[float]
    cpu: list[float]

    @property
    def cpu_mean(self) -> float:
        return statistics.fmean(self.cpu)


def timed(calls: Iterable[Callable[[], object]]) -> Times:
    """Each call once, one after the other."""
    wall, cpu = [], []
    for call in calls:
        started, spent = time.perf_counter(), time.process_time()
        call()
        cpu.append(1000 * (time.process_time() - spent))
        wall.append(1000 * (time.perf_counter() - started))
    return Times(wall, cpu)


def percentile(values: list[float], percent: int) -> float:
    """The value that so many percent do not exceed."""
    return sorted(values)[max(0, -(-len(values) * percent // 100) - 1)]


def table(figures: Iterable[Figure], title: str) -> Table:
    """For a reader: a row a figure, its goal, and whether it is met."""
    shown = Table("figure", title=title, title_justify="left")
    shown.add_column("measured", justify="right")
    shown.add_column("goal", justify="right")
    shown.add_column("met")
    for figure in figures:
        goal = "" if figure.goal is None else f"{'≥' if figure.least else '≤'} {figure.goal:g} {figure.unit}"
        met = {None: "", True: "[green]yes", False: "[red]no"}[figure.is_met]
        shown.add_row(figure.name, f"{_short(figure.value)} {figure.unit}", goal, met)
    return shown


def report(figures: Sequence[Figure], *, as_json: bool, **sizes: int) -> None:
    """Print them with where and when they were measured, for a reader or as JSON."""
    place = where()
    if as_json:
        print(json.dumps({**place, **sizes, "figures": [figure.as_dict() for figure in figures]}, indent=2))
        return
    Console().print(table(figures, ", ".join(f"{name} {value}" for name, value in place.items())))
    missed = sum(figure.is_met is False for figure in figures)
    Console().print(f"{missed} goals are missed." if missed else "Every goal is met.")


def where() -> dict[str, Any]:
    """When, on what and with what something is measured."""
    return {
        "date": date.today().isoformat(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        **{package: version(package) for package in _PACKAGES},
        "seed": SEED,
    }


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
