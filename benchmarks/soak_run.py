"""A soak as it was measured: what the process held, by /proc, and whether it was flat; the criterion is in `soak.py`."""

from __future__ import annotations

import ctypes
import gc
import os
import statistics
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

MORE_MEMORY, MORE_MB = 1.25, 32
MORE_HANDLES, MORE_THREADS = 16, 4
MORE_HANDLES_CLOSED, MORE_THREADS_CLOSED = 8, 16
MB = 1 << 20


class Gauge(NamedTuple):
    """MB of resident memory, open handles, threads, and MB of files."""

    memory: float = 0.0
    handles: int = 0
    threads: int = 0
    truth: float = 0.0
    wal: float = 0.0
    vectors: float = 0.0


def read_gauge(folder: Path) -> Gauge:
    """Of this process, and of the memory in the folder."""
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return Gauge(
        memory=resident / MB,
        handles=len(os.listdir("/proc/self/fd")) - 1,  # the one that lists them
        threads=len(os.listdir("/proc/self/task")),
        truth=_size(folder / "truth.sqlite3"),
        wal=_size(folder / "truth.sqlite3-wal"),
        vectors=sum(_size(path) for path in (folder / "vectors").rglob("*")),
    )


def release_free_memory() -> None:
    """Give back to the system what is free, so that what is left is held."""
    gc.collect()
    with suppress(OSError, AttributeError):  # glibc's
        ctypes.CDLL(None).malloc_trim(0)


def _size(path: Path) -> float:
    with suppress(FileNotFoundError):
        if path.is_file():
            return path.stat().st_size / MB
    return 0.0


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
