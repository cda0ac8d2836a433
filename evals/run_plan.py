"""A run before it begins, and how it ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .datasets.benchmark_records import DataSet
from .prices import Prices
from .systems import EvalModels, Setup

ANSWERS, ERRORS, OFFLINE, WORK = "answers.jsonl", "errors.jsonl", "offline.jsonl", "work"
QuestionKey = tuple[str, str, str]
"""Setup, sample and question."""
MeansProgress = Callable[[int, int, Mapping[str, float]], None]
"""Called with questions answered, total, and the mean scores so far."""


@dataclass(frozen=True, slots=True)
class RunPlan:
    """`concurrency` is the number of questions at once, where a remote model answers."""

    data: DataSet
    setups: tuple[Setup, ...]
    folder: Path
    models: EvalModels = field(default_factory=EvalModels)
    concurrency: int = 8
    prices: Prices = field(default_factory=Prices)


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """Questions answered by this call, before it, and left with an error."""

    answered: int
    already_answered: int
    failed: int
