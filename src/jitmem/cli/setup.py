"""`jitmem setup`: make a memory in a PostgreSQL database."""

from __future__ import annotations

from typing import Annotated

import typer
from typer import Argument, Option

from ..stores.database_urls import hide_password, is_database_url
from ..stores.errors import BadInput
from .output import say, say_json
from .settings import prints_json, settings_of


def setup(
    ctx: typer.Context,
    url: Annotated[
        str | None, Argument(metavar="URL", help="postgresql://role@host/database?schema=jitmem; else --memory.")
    ] = None,
    row_level_security: Annotated[
        bool | None,
        Option(
            "--row-level-security/--no-row-level-security",
            help="The server itself keeps namespaces apart; start the application afterwards.  [default: as it is]",
        ),
    ] = None,
    role: Annotated[str | None, Option(metavar="NAME", help="Give this role the rights of an application.")] = None,
    backup_days: Annotated[
        int | None,
        Option(
            min=0,
            metavar="N",
            help="Log archive and backups are kept for N days: receipts of deletions say until when.",
        ),
    ] = None,
) -> None:
    """Make a memory in a schema of a PostgreSQL database, upgrade one of an older version, or leave it as it is.

    It needs a role that may create a schema, once. The role of the application then needs only to read and write it. A
    folder needs no setup.

    Examples:
      jitmem setup postgresql://owner@localhost/app --role app --row-level-security
      jitmem setup "postgresql://owner@localhost/app?schema=memory_of_bots"
    """
    place = url or settings_of(ctx).memory
    if not is_database_url(place):
        raise BadInput(
            f"setup takes the URL of a database, such as postgresql://localhost/app, not {str(place)!r:.80}."
        )
    from ..stores.postgres import load_postgres

    done = load_postgres("postgres_setup").set_up(
        str(place), row_level_security=row_level_security, role=role, backup_days=backup_days
    )
    if prints_json(ctx):
        say_json({"memory": hide_password(place), "done": done})
        return
    what = {"made": "Made a", "upgraded": "Upgraded the", "unchanged": "There is already a"}[done]
    say(f"{what} memory at {hide_password(place)}.")
