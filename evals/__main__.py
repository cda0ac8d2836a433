"""`python -m jitmem.evals retrieval --data PATH`: evidence recall, with no model."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from ..stores.errors import BadInput, JitmemError
from .datasets import DataSet, load_by_layout
from .retrieval import measure_recall

app = typer.Typer(add_completion=False, help="Measure the memory on public data sets.", no_args_is_help=True)


@app.callback()
def describe() -> None:
    """Measure the memory on public data sets."""


@app.command(epilog="Example: python -m jitmem.evals retrieval --data locomo10.json --depth 1,3")
def retrieval(
    data: Annotated[list[Path], typer.Option(help="A file of LoCoMo, HotpotQA or MuSiQue; may be given again.")],
    depth: Annotated[str, typer.Option(help="Depths to measure, separated by commas.")] = "",
    limit: Annotated[int | None, typer.Option(help="Questions of each conversation, at most.")] = None,
    embeddings: Annotated[
        str | None, typer.Option(help="An embedding model, such as openai:NAME, or huggingface:NAME or a folder of it.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Which share of the gold evidence reaches the context (LoCoMo) or the first five pages (HotpotQA, MuSiQue)."""
    results = []
    try:
        for path in data:
            loaded = load_by_layout(path)
            depths = _parse_depths(depth) or _default_depths(loaded)
            with _progress_bar() as bar:
                task = bar.add_task(loaded.name, total=None)
                results.append(
                    measure_recall(
                        loaded,
                        depths=depths,
                        limit=limit,
                        embeddings=embeddings,
                        progress=lambda done, total, bar=bar, task=task: bar.update(task, completed=done, total=total),  # type: ignore[misc]
                    )
                )
    except JitmemError as error:
        print(f"jitmem.evals: {error}", file=sys.stderr)
        raise typer.Exit(2) from error
    if as_json:
        print(json.dumps(results, indent=2))
    else:
        for result in results:
            Console().print(_table(result))


def _parse_depths(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise BadInput(f"--depth takes numbers separated by commas, such as 1,3; got {text!r}.") from error


def _default_depths(data: DataSet) -> list[int]:
    return [1] if data.kind == "conversation" else [1, 2]


def _progress_bar() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


def _table(result: dict[str, object]) -> Table:
    rows: list[dict[str, object]] = result["table"]  # type: ignore[assignment]
    table = Table(title=f"{result['data']}: recall of gold evidence in %, {result['questions']} questions")
    table.add_column("rung")
    table.add_column("recall", justify="right")
    categories = list(rows[0]["by_category"])  # type: ignore[call-overload]
    for category in categories:
        table.add_column(f"[{category}]" if category.isdigit() else category, justify="right")
    table.add_column("ms a question", justify="right")
    seconds: dict[str, float] = result["seconds_per_question"]  # type: ignore[assignment]
    for row in rows:
        by: dict[str, float] = row["by_category"]  # type: ignore[assignment]
        cells = [f"{by[category]:.1f}" for category in categories]
        table.add_row(str(row["rung"]), f"{row['recall']:.1f}", *cells, f"{1000 * seconds[str(row['rung'])]:.1f}")
    return table


if __name__ == "__main__":
    app()
