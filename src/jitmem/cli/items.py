"""The commands that list memory items and add one: `items`, `insert`, `history`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer
from typer import Argument, Option

from ..stores.errors import BadInput, JitmemError, UnknownRecord
from ..stores.records import Kind, MemoryItem, Outcome
from .output import count, say, say_json, say_rows, say_text
from .settings import open_memory, prints_json, settings_of

if TYPE_CHECKING:
    from ..memory import Memory


_KINDS = get_args(Kind)
EventTime = Annotated[str | None, Option(metavar="WHEN", help="When the event happened, or since when it is true.")]
ItemId = Annotated[str, Argument(metavar="ID|core", help="The id of the item, or core.")]


def items(
    ctx: typer.Context,
    kind: Annotated[str | None, Option(metavar="KIND", help="Only core, semantic or episodic.")] = None,
    as_of: Annotated[
        str | None, Option("--as-of", metavar="TIME", help="The items at this time, by this computer's clock.")
    ] = None,
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
    if prints_json(ctx):
        say_json(found)
    elif found:
        rows = [(item.id, item.kind, show_time(item.time), _pages(item), item.content) for item in found]
        say_rows(("item", "kind", "time", "pages", "content"), rows)
    else:
        then = f" at {as_of}" if as_of else ""
        say(f"No {kind or 'memory'} item in namespace {settings_of(ctx).namespace}{then}.")


def insert(
    ctx: typer.Context,
    text: Annotated[str, Argument(metavar="TEXT", help="The content of the item.")],
    kind: Annotated[str, Option(metavar="KIND", help="core, semantic or episodic.")] = "semantic",
    time: EventTime = None,
) -> None:
    """Add a memory item. A duplicate is not added.

    Examples:
      jitmem insert "Ana drinks her coffee black."
      jitmem insert "Ana moved to Lisbon." --kind episodic --time "8 May 2024"
    """
    only = _kind(kind)
    with open_memory(ctx, create=True) as memory:
        report_edit(ctx, "Inserted", memory.items.insert(text, kind=only, time=time))


def history(ctx: typer.Context, item_id: ItemId) -> None:
    """Show every version of an item, oldest first. Each with its time, cause, change number and content.

    Examples:
      jitmem history 0m7vt5h1tg5s
      jitmem history core
    """
    with open_memory(ctx) as memory:
        versions = memory.items.history(_core_id(memory) if item_id == "core" else item_id)
    if prints_json(ctx):
        say_json(versions)
        return
    say(f"{versions[0].id}  {versions[0].kind}  {count(len(versions), 'version')}", "bold")
    for one in versions:
        say()
        say(f"version {one.version}  {show_moment(one.changed_at)}  {one.cause}  change {one.change}", "bold")
        if one.deleted:
            say("(deleted)")
            continue
        say_text(one.content)
        for name, value in (("time", show_time(one.time)), ("pages", ", ".join(one.page_ids))):
            if value not in ("", "-"):
                say(f"{name}: {value}")


# ----------------------------------------------------------------------------------------------------------


def report_edit(ctx: typer.Context, done: str, outcome: Outcome) -> None:
    """Print the outcome of an edit, or raise its error."""
    item = None if outcome.status == "proposed" else edited_item(outcome)
    if prints_json(ctx):
        say_json(outcome)
    elif item is None:
        say(f"Proposed: {outcome.proposal} waits for approval. {outcome.reason}")
    elif outcome.status == "duplicate":
        say(f"Known already: {item_name(item)} says: {content_line(item)}")
    else:
        say(f"{done}: {item_name(item)} (change {outcome.change}).")


def edited_item(outcome: Outcome) -> MemoryItem:
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


def item_name(item: MemoryItem) -> str:
    return f"{item.kind} {item.id}"


def content_line(item: MemoryItem) -> str:
    return " ".join(item.content.split())


def _pages(item: MemoryItem) -> str:
    first, more = item.page_ids[:1], len(item.page_ids) - 1
    return (first[0] if first else "-") + (f" +{more}" if more > 0 else "")


def show_time(time: datetime | None) -> str:
    """In its own time zone; exactly midnight means a date without a time."""
    return "-" if time is None else time.replace(tzinfo=None).isoformat(" ", "minutes").removesuffix(" 00:00")


def show_moment(time: datetime) -> str:
    """In the local time zone."""
    return f"{time.astimezone():%Y-%m-%d %H:%M}"
