"""A soak as it was measured, and whether it was flat; the criterion is in `soak.py`."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field

from soak_gauge import Gauge

MORE_MEMORY, MORE_MB = 1.25, 32
MORE_HANDLES, MORE_THREADS = 16, 4
MORE_HANDLES_CLOSED, MORE_THREADS_CLOSED = 8, 16


@dataclass(frozen=True)
class Sample:
    """`at` in seconds since the start, `ms` of each call since the sample before, by verb."""

    at: float
    gauge: Gauge
    passages: int
    ms: dict[str, list[float]]


@dataclass
class Soak:
    """A run: samples, and what the process held before, after and beside it, and at rest nine times between."""

    before: Gauge
    samples: list[Sample] = field(default_factory=list)
    after: Gauge = field(default_factory=Gauge)
    closed: Gauge = field(default_factory=Gauge)
    rests: list[Gauge] = field(default_factory=list)
    fresh_mb: float = 0.0
    reopened: int = 0
    errors: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def tenth(self, number: int) -> list[Sample]:
        """The samples of one tenth of the run, counted from 0."""
        count = len(self.samples)
        return self.samples[count * number // 10 : max(1, count * (number + 1) // 10)]

    def least(self, name: str, number: int) -> float:
        """Of a gauge in a tenth: what is held when least is going on."""
        return min(float(getattr(sample.gauge, name)) for sample in self.tenth(number))

    def slope(self, name: str) -> float:
        """An hour, of a gauge over all but the first tenth, by least squares."""
        rest = [sample for number in range(1, 10) for sample in self.tenth(number)]
        if len(rest) < 2:
            return 0.0
        fit = statistics.linear_regression([one.at for one in rest], [getattr(one.gauge, name) for one in rest])
        return 3600 * float(fit.slope)

    def faults(self) -> list[str]:
        """What was not flat, each with its figures; none where all was."""
        rested = self.rests[len(self.rests) // 2]
        checks = [
            ("memory, MB", self.after.memory, MORE_MEMORY * self.fresh_mb + MORE_MB),
            ("handles", self.after.handles, rested.handles + MORE_HANDLES),
            ("threads", self.after.threads, rested.threads + MORE_THREADS),
            ("handles when closed", self.closed.handles, self.before.handles + MORE_HANDLES_CLOSED),
            ("threads when closed", self.closed.threads, self.before.threads + MORE_THREADS_CLOSED),
            ("sessions left in the journal", self.counts.get("waiting", 0), 0),
        ]
        reasons = [
            f"{name}: {value:.4g}, and at most {most:.4g} is flat" for name, value, most in checks if value > most
        ]
        if self.errors:
            reasons.append(f"{len(self.errors)} calls failed, first {self.errors[0]}")
        return reasons
