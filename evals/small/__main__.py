"""`python -m jitmem.evals.small`: evidence recall on the small data set; exit code 1 if it is below its baseline."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from ...stores.errors import JitmemError
from ..report import markdown_table
from .regression_gate import BASELINE, GateVerdict, compare_with_baseline, measure_small, read_baseline, write_baseline

_HEAD = ("setup", "questions", "before", "now", "95 % interval of the difference", "")


def main(
    tools: Annotated[str, typer.Option(help="Only these searches, to see the gate fail: vector.")] = "",
    write: Annotated[bool, typer.Option("--write", help="Write what is measured as the new baseline.")] = False,
) -> None:
    """Exit code 1 when evidence recall is below the baseline by more than its noise; 2 when they cannot be compared."""
    started = time.perf_counter()
    try:
        before = {} if write else read_baseline()
        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("Asking questions", total=None)
            now = measure_small(
                [name.strip() for name in tools.split(",") if name.strip()],
                lambda done, total: bar.update(task, completed=done, total=total),
            )
        if write:
            write_baseline(now, Path(__file__).with_name(BASELINE))
            print(f"Wrote {BASELINE}: {sum(map(len, now.values()))} results.")
            return
        verdicts = compare_with_baseline(now, before)
    except JitmemError as error:
        print(f"jitmem.evals.small: {error}", file=sys.stderr)
        raise typer.Exit(2) from error
    print_verdicts(verdicts, time.perf_counter() - started)


def print_verdicts(verdicts: Sequence[GateVerdict], seconds: float) -> None:
    """Exit code 1 where recall dropped."""
    print(markdown_table(_HEAD, map(_verdict_row, verdicts)))
    lost = sum(one.is_regression for one in verdicts)
    what = f"Evidence recall dropped in {lost} of {len(verdicts)} setups" if lost else "Nothing lost"
    print(f"{what}, in {seconds:.1f} s.")
    if lost:
        raise typer.Exit(1)


def _verdict_row(one: GateVerdict) -> tuple[str, ...]:
    gap = one.difference
    interval = f"{100 * gap.low:+.1f} to {100 * gap.high:+.1f}"
    lost = "LOST" if one.is_regression else ""
    return one.setup, str(gap.n), f"{100 * gap.a:.1f} %", f"{100 * gap.b:.1f} %", interval, lost


if __name__ == "__main__":
    typer.run(main)
