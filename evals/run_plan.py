"""A run before it begins, what it may cost, and how it ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..stores.errors import BadInput, JitmemError
from ..stores.records import Usage
from .datasets.benchmark_records import DataSet
from .systems import EvalModels, Setup

ANSWERS, ERRORS, OFFLINE, WORK = "answers.jsonl", "errors.jsonl", "offline.jsonl", "work"
QuestionKey = tuple[str, str, str]
"""Setup, sample and question."""
MeansProgress = Callable[[int, int, Mapping[str, float]], None]
"""Called with questions answered, total, and the mean scores so far."""


class CostLimitReached(JitmemError):
    """The run has reached its cost limit; the same command with a higher limit goes on."""


@dataclass(frozen=True, slots=True)
class Prices:
    """Dollars for a million tokens, in and out, by the model's name; `limit` is the most that the run may cost."""

    table: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    limit: float | None = None

    @classmethod
    def parse(cls, lines: Iterable[str], limit: float | None = None) -> Prices:
        """From lines such as `gpt-4.1-mini=0.40/1.60`; else `BadInput`."""
        table: dict[str, tuple[float, float]] = {}
        for line in lines:
            name, equals, pair = line.rpartition("=")
            try:
                into, out = (float(part) for part in pair.split("/"))
            except ValueError:
                equals = ""
            if not (name and equals):
                raise BadInput(
                    f"{line!r} is no price; write model=IN/OUT in dollars a million, as gpt-4.1-mini=0.40/1.60."
                )
            table[name] = (into, out)
        if limit is not None and not table:
            raise BadInput("A limit of cost needs the models' prices: --price gpt-4.1-mini=0.40/1.60.")
        return cls(table, limit)

    def cost(self, *usages: Usage) -> float | None:
        """Dollars; None where a model has no price here (with a `limit`: `BadInput`)."""
        total = 0.0
        for step in (step for usage in usages for step in usage.steps):
            name = str(step["model"])
            price = self.table.get(name) or self.table.get(name.partition(":")[2])
            if price is None:
                if self.limit is not None:
                    raise BadInput(f"The model {name!r} has no price, so a limit of cost cannot be kept; give it one.")
                return None
            total += (step["prompt_tokens"] * price[0] + step["completion_tokens"] * price[1]) / 1e6
        return total


@dataclass(frozen=True, slots=True)
class RunPlan:
    """`concurrency` is the number of questions at once, where a remote model answers. `seed`, `preset`, `metrics` (of its
    protocol) and `path` (of the data) are for the card."""

    data: DataSet
    setups: tuple[Setup, ...]
    folder: Path
    models: EvalModels = field(default_factory=EvalModels)
    concurrency: int = 8
    prices: Prices = field(default_factory=Prices)
    seed: int | None = None
    preset: str = ""
    metrics: tuple[str, ...] = ()
    path: Path | None = None


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """Questions answered by this call, before it, and left with an error."""

    answered: int
    already_answered: int
    failed: int
