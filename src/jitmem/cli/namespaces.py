"""`jitmem namespaces`: those of a folder."""

from __future__ import annotations

import typer

from .output import say, say_json
from .settings import Json, open_memory


def namespaces(ctx: typer.Context, as_json: Json = False) -> None:
    """List the namespaces of the folder.

    Example:
      jitmem namespaces --memory ./memory
    """
    with open_memory(ctx) as memory:
        found = memory.admin.namespaces()
    if as_json:
        say_json(found)
        return
    for name in found:
        say(name)
