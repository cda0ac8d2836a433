"""`python -m jitmem.evals.small`: evidence recall on the small data set against its baseline; exit code 1 if it
dropped."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from ...cli.output import progress, say, say_rows
from ...stores.errors import JitmemError
from .regression_gate import BASELINE, GateVerdict, compare_with_baseline, measure_small, read_baseline, write_baseline


def main(
    tools: Annotated[str, typer.Option(help="Only these searches, to see the gate fail: vector.")] = "",
    baseline_is: Annotated[bool, typer.Option("--write", help="Write what is measured as the new baseline.")] = False,
) -> None:
    """Exit code 1 when evidence recall is below the baseline by more than its noise; 2 when they cannot be compared."""
    started = time.perf_counter()
    try:
        before = {} if baseline_is else read_baseline()
        with progress("Asking", "questions") as tell:
            now = measure_small([name.strip() for name in tools.split(",") if name.strip()], tell)
        if baseline_is:
            write_baseline(now, Path(__file__).with_name(BASELINE))
            say(f"Wrote {BASELINE}: {sum(map(len, now.values()))} results.")
            return
        verdicts = compare_with_baseline(now, before)
    except JitmemError as error:
        print(f"jitmem.evals.small: {error}", file=sys.stderr)
        raise typer.Exit(2) from error
    print_verdicts(verdicts, time.perf_counter() - started)


def print_verdicts(verdicts: Sequence[GateVerdict], seconds: float) -> None:
    """Exit code 1 where recall dropped."""
    say_rows(
        ("setup", "questions", "before", "now", "95 % interval of the difference", ""), map(_verdict_row, verdicts)
    )
    lost = sum(one.is_regression for one in verdicts)
    what = f"Evidence recall dropped in {lost} of {len(verdicts)} setups" if lost else "Nothing lost"
    say(f"{what}, in {seconds:.1f} s.")
    if lost:
        raise typer.Exit(1)


def _verdict_row(one: GateVerdict) -> tuple[str, ...]:
    told = one.difference
    interval = f"{100 * told.low:+.1f} to {100 * told.high:+.1f}"
    return (
        one.setup,
        str(told.n),
        f"{100 * told.a:.1f} %",
        f"{100 * told.b:.1f} %",
        interval,
        "LOST" if one.is_regression else "",
    )


if __name__ == "__main__":
    typer.run(main)
