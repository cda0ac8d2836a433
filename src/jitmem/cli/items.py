"""The commands for memory items: `items`, `insert`, `update`, `delete`, `history`, `undo`, `proposals`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer
from typer import Argument, Option

from ..stores.errors import BadInput, JitmemError, UnknownRecord
from ..stores.records import Kind, MemoryItem, Outcome, Proposal
from .output import count, say, say_json, say_rows, say_text
from .settings import Json, open_memory, settings_of

if TYPE_CHECKING:
    from ..memory import Memory


_KINDS = get_args(Kind)
_Time = Annotated[str | None, Option(metavar="WHEN", help="When the event happened, or since when it is true.")]
_Id = Annotated[str, Argument(metavar="ID|core", help="The id of the item, or core.")]


def items(
    ctx: typer.Context,
    kind: Annotated[str | None, Option(metavar="KIND", help="Only core, semantic or episodic.")] = None,
    as_of: Annotated[
        str | None, Option("--as-of", metavar="TIME", help="The items at this time, by this computer's clock.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the memory items in the order they were made.

    Examples:
      jitmem items
      jitmem items --kind episodic --json
      jitmem items --as-of "2025-03-01 18:00"     the items at that time
    """
    only = None if kind is None else _kind(kind)
    with open_memory(ctx) as memory:
        found = memory.items.list(kind=only) if as_of is None else memory.items.as_of(as_of, kind=only)
    if as_json:
        say_json(found)
    elif found:
        rows = [(item.id, item.kind, _when(item.time), _pages(item), item.content) for item in found]
        say_rows(("item", "kind", "time", "pages", "content"), rows)
    else:
        then = f" at {as_of}" if as_of else ""
        say(f"No {kind or 'memory'} item in namespace {settings_of(ctx).namespace}{then}.")


def insert(
    ctx: typer.Context,
    text: Annotated[str, Argument(metavar="TEXT", help="The content of the item.")],
    kind: Annotated[str, Option(metavar="KIND", help="core, semantic or episodic.")] = "semantic",
    time: _Time = None,
) -> None:
    """Add a memory item. A duplicate is not added.

    Examples:
      jitmem insert "Ana drinks her coffee black."
      jitmem insert "Ana moved to Lisbon." --kind episodic --time "8 May 2024"
    """
    only = _kind(kind)
    with open_memory(ctx, create=True) as memory:
        _report("Inserted", memory.items.insert(text, kind=only, time=time))


def update(
    ctx: typer.Context,
    item_id: _Id,
    text: Annotated[str | None, Argument(metavar="TEXT", help="The new text; without it, the old one stays.")] = None,
    time: _Time = None,
) -> None:
    """Change a memory item, or the core paragraph. Earlier versions stay in its history.

    Examples:
      jitmem update 0m7vt5h1tg5s "Ana drinks tea."
      jitmem update 0m7vt5h1tg5s --time "9 May 2024"
      jitmem update core "Ana, 34, lives in Lisbon with Rui."
    """
    with open_memory(ctx) as memory:
        _report("Updated", memory.items.update(item_id, text, time))


def delete(ctx: typer.Context, item_id: _Id) -> None:
    """Delete a memory item. Its history stays, and undo restores it.

    Examples:
      jitmem delete 0m7vt5h1tg5s
      jitmem delete core
    """
    with open_memory(ctx) as memory:
        _report("Deleted", memory.items.delete(item_id))


def history(ctx: typer.Context, item_id: _Id, as_json: Json = False) -> None:
    """Show every version of an item, oldest first. Each with its time, cause, change number and content.

    Examples:
      jitmem history 0m7vt5h1tg5s
      jitmem history core
    """
    with open_memory(ctx) as memory:
        versions = memory.items.history(_core_id(memory) if item_id == "core" else item_id)
    if as_json:
        say_json(versions)
        return
    say(f"{versions[0].id}  {versions[0].kind}  {count(len(versions), 'version')}", "bold")
    for one in versions:
        say()
        say(f"version {one.version}  {_moment(one.changed_at)}  {one.cause}  change {one.change}", "bold")
        if one.deleted:
            say("(deleted)")
            continue
        say_text(one.content)
        for name, value in (("time", _when(one.time)), ("pages", ", ".join(one.page_ids))):
            if value not in ("", "-"):
                say(f"{name}: {value}")


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
    item = _edited_item(outcome)
    if outcome.status == "duplicate":
        say(f"Not undone: {outcome.reason}")
        return
    say(f"Undone: change {change}, by change {outcome.change}.")
    say(f"{_name(item)} is deleted." if item.deleted else f"{_name(item)} says: {_content_line(item)}")


def proposals(
    ctx: typer.Context,
    approve: Annotated[int | None, Option(metavar="N", min=1, help="Apply this one.")] = None,
    reject: Annotated[int | None, Option(metavar="N", min=1, help="Reject this one.")] = None,
    every: Annotated[bool, Option("--all", help="Decided ones too.")] = False,
    as_json: Json = False,
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
            _report(f"Approved proposal {approve}", memory.admin.approve(approve))
            return
        if reject is not None:
            say(f"Rejected proposal {memory.admin.reject(reject).number}.")
            return
        found = memory.admin.proposals(waiting=not every)
    if as_json:
        say_json(found)
    elif found:
        say_rows(("proposal", "made", "state", "edit", "why", "content"), [_row(one) for one in found])
    else:
        say(f"No proposal{'' if every else ' waits'} in namespace {settings_of(ctx).namespace}.")


# ----------------------------------------------------------------------------------------------------------


def _report(done: str, outcome: Outcome) -> None:
    """Print the outcome of an edit, or raise its error."""
    if outcome.status == "proposed":
        say(f"Proposed: {outcome.proposal} waits for approval. {outcome.reason}")
        return
    item = _edited_item(outcome)
    if outcome.status == "duplicate":
        say(f"Known already: {_name(item)} says: {_content_line(item)}")
    else:
        say(f"{done}: {_name(item)} (change {outcome.change}).")


def _edited_item(outcome: Outcome) -> MemoryItem:
    """The item of an applied or duplicate edit; raises the error of any other outcome."""
    if outcome.status == "unknown_id":
        raise UnknownRecord(outcome.reason)
    if outcome.status == "rejected":
        raise BadInput(outcome.reason)
    if outcome.item is None:
        raise JitmemError(f"The edit is {outcome.status}, and no item is named.")
    return outcome.item


def _kind(name: str) -> Any:
    if name not in _KINDS:
        raise BadInput(f"There is no kind {name!r}; there are {', '.join(_KINDS)}.")
    return name


def _core_id(memory: Memory) -> str:
    found = memory.items.list(kind="core")
    if not found:
        raise UnknownRecord("There is no core memory here; write it with: jitmem update core TEXT")
    return found[0].id


def _name(item: MemoryItem) -> str:
    return f"{item.kind} {item.id}"


def _content_line(item: MemoryItem) -> str:
    return " ".join(item.content.split())


def _row(one: Proposal) -> tuple[str, str, str, str, str, str]:
    edit = one.edit
    what = " ".join(part for part in (edit.op, edit.kind, edit.id, edit.time and f"({_when(edit.time)})") if part)
    return (str(one.number), _moment(one.at), one.decision or "waits", what, one.reason, edit.content or "-")


def _pages(item: MemoryItem) -> str:
    first, more = item.page_ids[:1], len(item.page_ids) - 1
    return (first[0] if first else "-") + (f" +{more}" if more > 0 else "")


def _when(time: datetime | None) -> str:
    """In its own time zone; exactly midnight means a date without a time."""
    return "-" if time is None else time.replace(tzinfo=None).isoformat(" ", "minutes").removesuffix(" 00:00")


def _moment(time: datetime) -> str:
    """In the local time zone."""
    return f"{time.astimezone():%Y-%m-%d %H:%M}"
