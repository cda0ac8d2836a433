"""The commands for memory items: `items`, `remember`, `edit`, `delete`, `history`, `undo`, `proposals`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from ..stores.errors import BadInput, JitmemError, UnknownRecord
from ..stores.records import Kind, MemoryItem, Outcome, Proposal
from .output import count, say, say_json, say_rows
from .where import Where, command

if TYPE_CHECKING:
    from ..memory import Memory

ITEMS_EXAMPLES = """\b
Examples:
  jitmem items
  jitmem items --kind episodic --json
  jitmem items --as-of "2025-03-01 18:00"     as they stood then
"""
REMEMBER_EXAMPLES = """\b
Examples:
  jitmem remember "Ana drinks her coffee black."
  jitmem remember "Ana moved to Lisbon." --kind episodic --time "8 May 2024"
"""
EDIT_EXAMPLES = """\b
Examples:
  jitmem edit 0m7vt5h1tg5s "Ana drinks tea."
  jitmem edit 0m7vt5h1tg5s --time "9 May 2024"
  jitmem edit core "Ana, 34, lives in Lisbon with Rui."
"""
DELETE_EXAMPLES = """\b
Examples:
  jitmem delete 0m7vt5h1tg5s
  jitmem delete core
"""
HISTORY_EXAMPLES = """\b
Examples:
  jitmem history 0m7vt5h1tg5s
  jitmem history core
"""
UNDO_EXAMPLES = """\b
Example:
  jitmem undo 17     the change's number, as it was told, or as history shows it
"""
PROPOSALS_EXAMPLES = """\b
Examples:
  jitmem proposals
  jitmem proposals --approve 3
  jitmem proposals --all --json
"""

_KINDS = get_args(Kind)
_Json = Annotated[bool, typer.Option("--json", help="One JSON document.")]
_Time = Annotated[str | None, typer.Option(metavar="WHEN", help="When the event was, or from when it holds.")]
_Id = Annotated[str, typer.Argument(metavar="ID|core", help="The id of the item, or core.")]


@command
def items(
    where: Where,
    kind: Annotated[
        str | None, typer.Option(metavar="KIND", help="Only core, semantic or episodic; without it, all.")
    ] = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="TIME", help="As they stood then, by this computer's clock.")
    ] = None,
    as_json: _Json = False,
) -> None:
    """List what is held worth knowing beside the pages, in the order it was made."""
    only = None if kind is None else _kind(kind)
    with where.look() as memory:
        found = memory.items(kind=only) if as_of is None else memory.as_of(as_of, kind=only)
    if as_json:
        say_json(found)
    elif found:
        rows = [(item.id, item.kind, _when(item.time), _pages(item), item.content) for item in found]
        say_rows(("item", "kind", "time", "pages", "content"), rows)
    else:
        then = f" at {as_of}" if as_of else ""
        say(f"No {kind or 'memory'} item in namespace {where.namespace}{then}.")


@command
def remember(
    where: Where,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What is to be remembered.")],
    kind: Annotated[str, typer.Option(metavar="KIND", help="core, semantic or episodic.")] = "semantic",
    time: _Time = None,
) -> None:
    """Keep one thing worth knowing. What is known already is not kept twice."""
    from ..memory import Memory

    only = _kind(kind)
    with Memory.open(where.memory, namespace=where.namespace) as memory:
        _report("Remembered", memory.remember(text, kind=only, time=time))


@command
def edit(
    where: Where,
    item_id: _Id,
    text: Annotated[
        str | None, typer.Argument(metavar="TEXT", help="The new text, whole; without it, the text stays.")
    ] = None,
    time: _Time = None,
) -> None:
    """Change an item. What it said before stays in its history."""
    with where.look() as memory:
        _report("Changed", memory.edit(item_id, text, time))


@command
def delete(where: Where, item_id: _Id) -> None:
    """Take an item away. Its history stays, and undo brings it back."""
    with where.look() as memory:
        _report("Deleted", memory.delete(item_id))


@command
def history(where: Where, item_id: _Id, as_json: _Json = False) -> None:
    """Show every version of an item, the oldest first: when, by whom, and what it said."""
    with where.look() as memory:
        versions = memory.history(_core_id(memory) if item_id == "core" else item_id)
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
        say(one.content)
        for name, value in (("time", _when(one.time)), ("pages", ", ".join(one.page_ids))):
            if value not in ("", "-"):
                say(f"{name}: {value}")


@command
def undo(
    where: Where,
    change: Annotated[int, typer.Argument(metavar="CHANGE", min=1, help="The number of the change.")],
) -> None:
    """Put an item back to what it was before a change, and say what stands now."""
    with where.look() as memory:
        outcome = memory.undo(change)
    item = _done(outcome)
    if outcome.status == "duplicate":
        say(f"Not undone: {outcome.reason}")
        return
    say(f"Undone: change {change}, by change {outcome.change}.")
    say(f"{_name(item)} is gone." if item.deleted else f"{_name(item)} says: {_said(item)}")


@command
def proposals(
    where: Where,
    approve: Annotated[int | None, typer.Option(metavar="N", min=1, help="Say yes to this one.")] = None,
    reject: Annotated[int | None, typer.Option(metavar="N", min=1, help="Say no to this one.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Also those that were decided.")] = False,
    as_json: _Json = False,
) -> None:
    """List the edits that wait for a yes, or decide one."""
    if approve is not None and reject is not None:
        raise BadInput("--approve and --reject are for one proposal each; give one of them.")
    with where.look() as memory:
        if approve is not None:
            _report(f"Approved proposal {approve}", memory.approve(approve))
            return
        if reject is not None:
            say(f"Rejected proposal {memory.reject(reject).number}.")
            return
        found = memory.proposals(waiting=not every)
    if as_json:
        say_json(found)
    elif found:
        say_rows(("proposal", "made", "state", "edit", "why", "content"), [_row(one) for one in found])
    else:
        say(f"No proposal{'' if every else ' waits'} in namespace {where.namespace}.")


# ----------------------------------------------------------------------------------------------------------


def _report(done: str, outcome: Outcome) -> None:
    """What became of an edit: a line on stdout, or an error."""
    if outcome.status == "proposed":
        say(f"Waits for a yes, as proposal {outcome.proposal}. {outcome.reason}")
        return
    item = _done(outcome)
    if outcome.status == "duplicate":
        say(f"Known already: {_name(item)} says: {_said(item)}")
    else:
        say(f"{done}: {_name(item)} (change {outcome.change}).")


def _done(outcome: Outcome) -> MemoryItem:
    """The item of an edit that was carried out, or need not be; else the error that the outcome stands for."""
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
    found = memory.items(kind="core")
    if not found:
        raise UnknownRecord("There is no core memory here; write it with: jitmem edit core TEXT")
    return found[0].id


def _name(item: MemoryItem) -> str:
    return f"{item.kind} {item.id}"


def _said(item: MemoryItem) -> str:
    return " ".join(item.content.split())


def _row(one: Proposal) -> tuple[str, str, str, str, str, str]:
    edit = one.edit
    what = " ".join(part for part in (edit.op, edit.kind, edit.id, edit.time and f"({_when(edit.time)})") if part)
    return (str(one.number), _moment(one.at), one.decision or "waits", what, one.reason, edit.content or "-")


def _pages(item: MemoryItem) -> str:
    first, more = item.page_ids[:1], len(item.page_ids) - 1
    return (first[0] if first else "-") + (f" +{more}" if more > 0 else "")


def _when(time: datetime | None) -> str:
    """As its own clock read it; midnight sharp is taken for a date without a time."""
    return "-" if time is None else time.replace(tzinfo=None).isoformat(" ", "minutes").removesuffix(" 00:00")


def _moment(time: datetime) -> str:
    """By this computer's clock."""
    return f"{time.astimezone():%Y-%m-%d %H:%M}"
