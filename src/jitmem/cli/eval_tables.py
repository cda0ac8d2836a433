"""What `jitmem eval` shows: a bar while it runs, then tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .output import count, progress_bar, say, say_json, say_rows

if TYPE_CHECKING:
    from ..evals.compare import Comparison, Difference
    from ..evals.evaluate import EvalResult, MetricProgress


@contextmanager
def answer_progress(dataset: str) -> Iterator[MetricProgress]:
    """A bar with the time left and the running score, on stderr if that is a terminal; gone when done."""
    with progress_bar(dataset, None) as advance:

        def tell(done: int, total: int, metric: str, mean: float | None) -> None:
            advance(done, "" if mean is None else f"  {metric} {100 * mean:.1f} %", total)

        yield tell


def show(done: EvalResult, *, as_json: bool) -> None:
    if as_json:
        say_json({"card": str(done.folder), **done.summary})
        return
    from ..evals.report import format_score

    rows = []
    for name, one in done.summary["setups"].items():
        cells = [format_score(metric, one["scores"].get(metric, {}).get("all")) for metric in done.metrics]
        rows.append((name, str(one["answered"]), str(one["errors"]), *cells))
    say_rows(("setup", "answered", "errors", *done.metrics), rows)
    say(f"Card: {done.folder}; its report: {done.folder / 'report.md'}")
    if done.plot_error:
        say(done.plot_error)
    if done.outcome.failed:
        say(f"{count(done.outcome.failed, 'question')} ended in an error; the same command asks them again.", "yellow")


def show_setups(made: Sequence[Comparison], metric: str) -> None:
    """A row for each other setup that has the metric too."""
    rows = [
        (one.b, *_difference(told, "higher", "lower"))
        for one in made
        for told in one.differences
        if told.metric == metric
    ]
    say(f"{metric}; A: {made[0].a}", "bold")
    say_rows(("B", "n", "A", "B", "B - A", "95 % interval", "p", ""), rows)


def _difference(told: Difference, higher: str, lower: str) -> tuple[str, ...]:
    return (
        str(told.n),
        f"{told.a:.4g}",
        f"{told.b:.4g}",
        f"{told.difference:+.4g}",
        f"{told.low:+.4g} to {told.high:+.4g}",
        f"{told.p:.4f}",
        (higher if told.difference > 0 else lower) if told.is_significant else "no difference shown",
    )


def show_comparison(one: Comparison) -> None:
    say(one.a if one.a == one.b else f"A: {one.a}; B: {one.b}", "bold")
    rows = [(told.metric, *_difference(told, "B is higher", "B is lower")) for told in one.differences]
    say_rows(("metric", "n", "A", "B", "B - A", "95 % interval", "p", ""), rows)
    if one.left_out:
        say(f"{count(one.left_out, 'question')} left out: only one of the two answered.", "yellow")
