"""What the commands of `jitmem learn` that train and measure have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Tasks = Annotated[str, typer.Option(metavar="SOURCE", help="A file of JSON lines, DATASET:PATH, or toy:8.")]
BaseUrl = Annotated[
    str | None, typer.Option(envvar="JITMEM_BASE_URL", metavar="URL", help="Where models that are named are served.")
]
Prompts = Annotated[
    Path | None, typer.Option(envvar="JITMEM_PROMPTS", metavar="FILE", help="Words of your own for the models.")
]
Reader = Annotated[str | None, typer.Option(metavar="NAME", help="A frozen model that answers; without it, rules do.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document.")]
