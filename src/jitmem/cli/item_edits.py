"""The commands that change memory items: `update`, `delete`, `undo`, `proposals`."""

from __future__ import annotations

from typing import Annotated

import typer
from typer import Argument, Option

from ..stores.errors import BadInput
from ..stores.records import Proposal
from .items import EventTime, ItemId, content_line, edited_item, item_name, report_edit, show_moment, show_time
from .output import say, say_json, say_rows
from .settings import open_memory, prints_json, settings_of


def update(
    ctx: typer.Context,
    item_id: ItemId,
    text: Annotated[str | None, Argument(metavar="TEXT", help="The new text; without it, the old one stays.")] = None,
    time: EventTime = None,
) -> None:
    """Change a memory item, or the core paragraph. Earlier versions stay in its history.

    Examples:
      jitmem update 0m7vt5h1tg5s "Ana drinks tea."
      jitmem update 0m7vt5h1tg5s --time "9 May 2024"
      jitmem update core "Ana, 34, lives in Lisbon with Rui."
    """
    with open_memory(ctx) as memory:
        report_edit(ctx, "Updated", memory.items.update(item_id, text, time))


def delete(ctx: typer.Context, item_id: ItemId) -> None:
    """Delete a memory item. Its history stays, and undo restores it.

    Examples:
      jitmem delete 0m7vt5h1tg5s
      jitmem delete core
    """
    with open_memory(ctx) as memory:
        report_edit(ctx, "Deleted", memory.items.delete(item_id))


def undo(
    ctx: typer.Context,
    change: Annotated[int, Argument(metavar="CHANGE", min=1, help="The number of the change.")],
) -> None:
    """Undo a change. The item gets the state it had before, and is shown.

    Example:
      jitmem undo 17     the number of the change, as insert, update, delete and history show it
    """
    with open_memory(ctx) as memory:
        outcome = memory.items.undo(change)
    item = edited_item(outcome)
    if prints_json(ctx):
        say_json(outcome)
        return
    if outcome.status == "duplicate":
        say(f"Not undone: {outcome.reason}")
        return
    say(f"Undone: change {change}, by change {outcome.change}.")
    say(f"{item_name(item)} is deleted." if item.deleted else f"{item_name(item)} says: {content_line(item)}")


def proposals(
    ctx: typer.Context,
    approve: Annotated[int | None, Option(metavar="N", min=1, help="Apply this one.")] = None,
    reject: Annotated[int | None, Option(metavar="N", min=1, help="Reject this one.")] = None,
    every: Annotated[bool, Option("--all", help="Decided ones too.")] = False,
) -> None:
    """List the proposed edits, or approve or reject one.

    Examples:
      jitmem proposals
      jitmem proposals --approve 3
      jitmem proposals --all --json
    """
    if approve is not None and reject is not None:
        raise BadInput("--approve and --reject are for one proposal each; give one of them.")
    with open_memory(ctx) as memory:
        if approve is not None:
            report_edit(ctx, f"Approved proposal {approve}", memory.admin.approve(approve))
            return
        if reject is not None:
            rejected = memory.admin.reject(reject)
            say_json(rejected) if prints_json(ctx) else say(f"Rejected proposal {rejected.number}.")
            return
        found = memory.admin.proposals(waiting=not every)
    if prints_json(ctx):
        say_json(found)
    elif found:
        say_rows(("proposal", "made", "state", "edit", "why", "content"), [_row(one) for one in found])
    else:
        say(f"No proposal{'' if every else ' waits'} in namespace {settings_of(ctx).namespace}.")


def _row(one: Proposal) -> tuple[str, str, str, str, str, str]:
    edit = one.edit
    what = " ".join(part for part in (edit.op, edit.kind, edit.id, edit.time and f"({show_time(edit.time)})") if part)
    return (str(one.number), show_moment(one.at), one.decision or "waits", what, one.reason, edit.content or "-")
