"""`jitmem share`: which other namespaces may read one."""

from __future__ import annotations

from typing import Annotated

import typer
from typer import Argument, Option

from ..stores.errors import UnknownRecord
from .output import say, say_json
from .settings import open_memory, prints_json, settings_of


def share(
    ctx: typer.Context,
    reader: Annotated[str | None, Argument(metavar="READER", help="A namespace, or NAME/*.")] = None,
    stop: Annotated[bool, Option("--stop", help="Stop sharing with the reader.")] = False,
) -> None:
    """Let another namespace read this one, or list the readers.

    Examples:
      jitmem share --namespace team                  list the readers of team
      jitmem share team/ana --namespace team         team/ana reads the records of team
      jitmem share "team/*" --namespace team         every namespace below team does
      jitmem share team/ana --namespace team --stop  no longer
    """
    own = settings_of(ctx).namespace
    with open_memory(ctx) as memory:
        if reader and stop and not memory.admin.unshare(reader):
            raise UnknownRecord(f"{own} is not shared with {reader}.")
        if reader and not stop:
            memory.admin.share(reader)
        found = memory.admin.shares()
    say_json(found) if prints_json(ctx) else say(f"{own} is shared with {', '.join(found) or 'no other namespace'}.")
