"""`jitmem namespaces`: those of a folder."""

from __future__ import annotations

import typer

from .output import say, say_json
from .settings import open_memory, prints_json


def namespaces(ctx: typer.Context) -> None:
    """List the namespaces of the folder.

    Example:
      jitmem namespaces --memory ./memory
    """
    with open_memory(ctx) as memory:
        found = memory.admin.namespaces()
    if prints_json(ctx):
        say_json(found)
        return
    for name in found:
        say(name)
