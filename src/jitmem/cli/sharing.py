"""The commands for whose memory it is: `namespaces` and `share`."""

from __future__ import annotations

from typing import Annotated

import typer

from ..stores.errors import UnknownRecord
from .output import say, say_json
from .where import Where, command

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

_Json = Annotated[bool, typer.Option("--json", help="One JSON document.")]


@command
def namespaces(where: Where, as_json: _Json = False) -> None:
    """List whose memories the folder holds."""
    from ..memory import Memory

    found = Memory.namespaces(where.memory)
    if as_json:
        say_json(found)
        return
    for name in found:
        say(name)


@command
def share(
    where: Where,
    reader: Annotated[
        str | None, typer.Argument(metavar="READER", help="Another namespace, or NAME/* for all below a name.")
    ] = None,
    stop: Annotated[bool, typer.Option("--stop", help="Take it back.")] = False,
    as_json: _Json = False,
) -> None:
    """Let another namespace read this one, or show with whom it is shared."""
    with where.look() as memory:
        if reader and stop and not memory.unshare(reader):
            raise UnknownRecord(f"{where.namespace} is not shared with {reader}.")
        if reader and not stop:
            memory.share(reader)
        found = memory.shares()
    if as_json:
        say_json(found)
    elif found:
        say(f"{where.namespace} is shared with {', '.join(found)}.")
    else:
        say(f"{where.namespace} is shared with nobody.")
