"""`python -m jitmem.evals.small`: evidence recall on the small data set; exit code 1 if it is below its baseline."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from ...stores.errors import JitmemError
from ..compare import Difference
from ..report import markdown_table
from .regression_gate import BASELINE, compare_with_baseline, measure_small, read_baseline, write_baseline

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
        differences = compare_with_baseline(now, before)
    except JitmemError as error:
        print(f"jitmem.evals.small: {error}", file=sys.stderr)
        raise typer.Exit(2) from error
    print_differences(differences, time.perf_counter() - started)


def print_differences(differences: Mapping[str, Difference], seconds: float) -> None:
    """Exit code 1 where recall dropped."""
    rows = [
        (
            *(setup, str(gap.n), f"{100 * gap.a:.1f} %", f"{100 * gap.b:.1f} %"),
            *(f"{100 * gap.low:+.1f} to {100 * gap.high:+.1f}", "LOST" if gap.is_regression else ""),
        )
        for setup, gap in differences.items()
    ]
    print(markdown_table(_HEAD, rows))
    lost = sum(one.is_regression for one in differences.values())
    what = f"Evidence recall dropped in {lost} of {len(differences)} setups" if lost else "Nothing lost"
    print(f"{what}, in {seconds:.1f} s.")
    if lost:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
