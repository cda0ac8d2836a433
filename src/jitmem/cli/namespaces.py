"""The commands for whose memory it is: `namespaces` and `share`."""

from __future__ import annotations

from typing import Annotated

import typer
from typer import Argument, Option

from ..stores.errors import UnknownRecord
from .output import say, say_json
from .settings import Json, open_memory, settings_of

NAMESPACES_EXAMPLES = """\b
Example:
  jitmem namespaces --memory ./memory
"""
SHARE_EXAMPLES = """\b
Examples:
  jitmem share --namespace team                  with whom it is shared
  jitmem share team/ana --namespace team         team/ana reads what team knows
  jitmem share "team/*" --namespace team         all below team do
  jitmem share team/ana --namespace team --stop  and no longer
"""


def namespaces(ctx: typer.Context, as_json: Json = False) -> None:
    """List the namespaces of the folder."""
    with open_memory(ctx) as memory:
        found = memory.admin.namespaces()
    if as_json:
        say_json(found)
        return
    for name in found:
        say(name)


def share(
    ctx: typer.Context,
    reader: Annotated[str | None, Argument(metavar="READER", help="A namespace, or NAME/*.")] = None,
    stop: Annotated[bool, Option("--stop", help="Take it back.")] = False,
    as_json: Json = False,
) -> None:
    """Let another namespace read this one, or show with whom it is shared."""
    with open_memory(ctx) as memory:
        if reader and stop and not memory.admin.unshare(reader):
            raise UnknownRecord(f"{settings_of(ctx).namespace} is not shared with {reader}.")
        if reader and not stop:
            memory.admin.share(reader)
        found = memory.admin.shares()
    if as_json:
        say_json(found)
    elif found:
        say(f"{settings_of(ctx).namespace} is shared with {', '.join(found)}.")
    else:
        say(f"{settings_of(ctx).namespace} is shared with nobody.")
