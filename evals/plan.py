"""A run before it begins, and how it ended: what is asked of whom, and where its lines lie."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .datasets.records import DataSet
from .prices import Prices
from .systems import Models, Setup

ANSWERS, ERRORS, OFFLINE, WORK = "answers.jsonl", "errors.jsonl", "offline.jsonl", "work"
Key = tuple[str, str, str]
"""Setup, sample and question."""
Tell = Callable[[int, int, Mapping[str, float]], None]
"""Told how many questions are answered, of how many, and the mean scores so far."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is run. `concurrency` is of questions at once, where a model elsewhere is waited for."""

    data: DataSet
    setups: tuple[Setup, ...]
    folder: Path
    models: Models = field(default_factory=Models)
    concurrency: int = 8
    prices: Prices = field(default_factory=Prices)


@dataclass(frozen=True, slots=True)
class Ran:
    """How a run ended: questions answered by this call, before it, and left with an error."""

    answered: int
    known: int
    failed: int
