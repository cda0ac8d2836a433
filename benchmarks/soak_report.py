"""A soak as tables, as JSON and as a picture."""

from __future__ import annotations

import sys
from typing import Any

from figures import percentile, where
from rich.console import Console
from rich.table import Table
from soak_load import READING
from soak_run import Gauge, Sample, Soak


def tables(run: Soak) -> list[Table]:
    held = Table("held", "second tenth", "last tenth", "slope", title="What the process and the folder held, at least")
    for name in Gauge._fields:
        unit = "" if name in ("handles", "threads") else "MB"
        first, last = run.least(name, 1), run.least(name, 9)
        held.add_row(name, f"{first:,.1f} {unit}", f"{last:,.1f} {unit}", f"{run.slope(name):+,.1f} {unit}/h")
    head = ("verb", "calls", "p50", "p99", "first tenth p50", "p99", "last tenth p50", "p99")
    took = Table(*head, title="How long calls took, ms")
    for name in sorted({name for sample in run.samples for name in sample.ms}):
        parts = [_ms(run.samples, name), _ms(run.tenth(0), name), _ms(run.tenth(9), name)]
        took.add_row(
            name, f"{len(parts[0]):,}", *(f"{percentile(ms, p):,.1f}" if ms else "" for ms in parts for p in (50, 99))
        )
    for table in (held, took):
        for column in table.columns[1:]:
            column.justify = "right"
    return [held, took]


def _ms(samples: list[Sample], name: str) -> list[float]:
    return [took for sample in samples for took in sample.ms.get(name, ())]


def plot(run: Soak, path: str) -> None:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        sys.exit("--plot needs matplotlib; install it with: pip install 'jitmem[plots]'")
    figure = Figure(figsize=(9, 8), layout="constrained")
    panels = figure.subplots(4, 1, sharex=True)
    minutes = [sample.at / 60 for sample in run.samples]
    for panel, name in zip(panels, ("memory", "handles", "threads"), strict=False):
        panel.plot(minutes, [getattr(sample.gauge, name) for sample in run.samples])
        panel.set_ylabel(f"{name}, MB" if name == "memory" else name)
        panel.set_ylim(bottom=0)
    slowest = [[max(sample.ms[name]) if sample.ms.get(name) else None for name in READING] for sample in run.samples]
    panels[3].plot(minutes, slowest, ".", markersize=3, label=READING)
    panels[3].set(ylabel="slowest call, ms", xlabel="minutes", yscale="log")
    panels[3].legend(fontsize=7)
    figure.savefig(path)


def print_report(run: Soak, faults: list[str]) -> None:
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    for table in tables(run):
        console.print(table)
    calls = sum(len(ms) for sample in run.samples for ms in sample.ms.values())
    console.print(f"{calls:,} calls, reopened {run.reopened} times; kept: {run.counts}")
    console.print(
        f"Held at the end {run.after.memory:.0f} MB, by a new process {run.fresh_mb:.0f} MB; when closed"
        f" {run.closed.handles} handles and {run.closed.threads} threads, before {run.before.handles} and {run.before.threads}."
    )
    console.print(
        "Flat." if not faults else "Not flat:\n  " + "\n  ".join(faults), style="green" if not faults else "red"
    )


def as_dict(run: Soak, minutes: float, rate: float, faults: list[str]) -> dict[str, Any]:
    names = sorted({name for sample in run.samples for name in sample.ms})
    return {
        **where(),
        "minutes": minutes,
        "rate": rate,
        "counts": run.counts,
        "reopened": run.reopened,
        "held": {
            name: {"second_tenth": run.least(name, 1), "last_tenth": run.least(name, 9), "an_hour": run.slope(name)}
            for name in Gauge._fields
        },
        "ms": {
            name: {"calls": len(ms := _ms(run.samples, name)), "p50": percentile(ms, 50), "p99": percentile(ms, 99)}
            for name in names
        },
        **{name: getattr(run, name)._asdict() for name in ("before", "after", "closed")},
        "fresh_mb": run.fresh_mb,
        "faults": faults,
    }
