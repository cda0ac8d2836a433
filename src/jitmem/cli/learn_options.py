"""What the commands of `jitmem learn` that train and measure have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from .output import console

Tasks = Annotated[str, typer.Option(metavar="SOURCE", help="A file of JSON lines, DATASET:PATH, or toy:8.")]
BaseUrl = Annotated[
    str | None, typer.Option(envvar="JITMEM_BASE_URL", metavar="URL", help="Where models that are named are served.")
]
Prompts = Annotated[
    Path | None, typer.Option(envvar="JITMEM_PROMPTS", metavar="FILE", help="Words of your own for the models.")
]
Reader = Annotated[str | None, typer.Option(metavar="NAME", help="A frozen model that answers; without it, rules do.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document.")]


@contextmanager
def watched(what: str, total: int | None) -> Iterator[Callable[..., None]]:
    """A bar with the time left, on stderr if that is a terminal; gone when done."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    err = console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task(what, total=total)

        def advance(done: int, told: str = "", of: int | None = total) -> None:
            bar.update(task, completed=done, total=of, description=f"{what}{told}")

        yield advance
