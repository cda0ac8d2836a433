"""`jitmem setup`: make a memory in a PostgreSQL database."""

from __future__ import annotations

from typing import Annotated

import typer
from typer import Argument

from ..stores.database_urls import hide_password, is_database_url
from ..stores.errors import BadInput
from .output import say, say_json
from .settings import prints_json, settings_of


def setup(
    ctx: typer.Context,
    url: Annotated[
        str | None, Argument(metavar="URL", help="postgresql://role@host/database?schema=jitmem; else --memory.")
    ] = None,
) -> None:
    """Make a memory in a schema of a PostgreSQL database, or leave the one that is there as it is.

    It needs a role that may create a schema, once. The role of the application then needs only to read and write it. A
    folder needs no setup.

    Examples:
      jitmem setup postgresql://owner@localhost/app
      jitmem setup "postgresql://owner@localhost/app?schema=memory_of_bots"
    """
    place = url or settings_of(ctx).memory
    if not is_database_url(place):
        raise BadInput(
            f"setup takes the URL of a database, such as postgresql://localhost/app, not {str(place)!r:.80}."
        )
    from ..stores.postgres import load_postgres

    made = load_postgres("postgres_setup").set_up(str(place))
    if prints_json(ctx):
        say_json({"memory": hide_password(place), "made": made})
        return
    say(f"{'Made' if made else 'There is already'} a memory at {hide_password(place)}.")
