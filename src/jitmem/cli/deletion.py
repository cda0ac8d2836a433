"""The commands that forget: `forget`, `retention` and `purge`."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Annotated, Any

import typer
from typer import Option

from ..stores.deletion.receipt import Receipt
from ..stores.errors import BadInput
from .errors import FAILED
from .output import count, say, say_json, say_rows
from .settings import Json, open_memory

FORGET_EXAMPLES = """\b
Examples:
  jitmem forget --page 0m7vntb32623
  jitmem forget --session notes/2024-05-08.md --yes
  jitmem forget --query "Rui hospital" --dry-run     what has each of these words
  jitmem forget --after 2024-05-01 --before 2024-06-01
  jitmem forget --everything --namespace ana

It shows what would go, and asks. Exit code 1: the rows are gone, and bytes are still in a file; see purge.
"""
RETENTION_EXAMPLES = """\b
Examples:
  jitmem retention                                      the rules
  jitmem retention --pages "90 days" --episodic "52 weeks"
  jitmem retention --pages always                       remove the rule
"""
PURGE_EXAMPLES = """\b
Examples:
  jitmem purge
  jitmem purge --all                                 every namespace of the folder, for instance each night
"""

_Age = Annotated[str | None, Option(metavar="AGE", help="Such as '90 days', or always.")]
_ALWAYS = "always"


def forget(
    ctx: typer.Context,
    page: Annotated[list[str] | None, Option(metavar="ID", help="A page; may be given again.")] = None,
    session: Annotated[list[str] | None, Option(metavar="ID", help="A session with all its pages.")] = None,
    item: Annotated[list[str] | None, Option(metavar="ID", help="A memory item with all its versions.")] = None,
    after: Annotated[str | None, Option(metavar="TIME", help="Sessions that happened from then on.")] = None,
    before: Annotated[str | None, Option(metavar="TIME", help="Sessions that happened before.")] = None,
    query: Annotated[str | None, Option(metavar="WORDS", help="Whatever has each of these words.")] = None,
    everything: Annotated[bool, Option("--everything", help="The whole namespace.")] = False,
    yes: Annotated[bool, Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: Annotated[bool, Option("--dry-run", help="Show what would go, and change nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Delete something for good, with all that is derived from nothing else, and erase its bytes."""
    what: dict[str, Any] = {
        "page_id": page or None,
        "session_id": session or None,
        "item_id": item or None,
        "after": after,
        "before": before,
        "query": query,
        "everything": everything,
    }
    with open_memory(ctx) as memory:
        if not yes or dry_run:
            preview = memory.forget(**what, preview=True)
            if dry_run:
                _report(preview, as_json=as_json)
                return
            _confirm(preview)
        _report(memory.forget(**what), as_json=as_json)


def retention(
    ctx: typer.Context,
    pages: _Age = None,
    core: _Age = None,
    semantic: _Age = None,
    episodic: _Age = None,
    as_json: Json = False,
) -> None:
    """Set how long records are kept, or show it. What is older is hidden at once, and erased by purge."""
    given = {"pages": pages, "core": core, "semantic": semantic, "episodic": episodic}
    ages: dict[str, Any] = {
        kind: None if age.strip().lower() == _ALWAYS else age for kind, age in given.items() if age is not None
    }
    with open_memory(ctx) as memory:
        rules = memory.admin.set_retention(**ages) if ages else memory.admin.retention()
    if as_json:
        say_json({kind: age.total_seconds() for kind, age in rules.items()})
        return
    say_rows(("kind", "kept for"), [(kind, _duration(rules.get(kind))) for kind in given])


def purge(
    ctx: typer.Context,
    every: Annotated[bool, Option("--all", help="Every namespace of the folder.")] = False,
    as_json: Json = False,
) -> None:
    """Erase what is older than its rule, and finish what is pending."""
    with open_memory(ctx) as memory:
        _report(memory.admin.purge(all_namespaces=every), as_json=as_json)


# ----------------------------------------------------------------------------------------------------------


def _confirm(preview: Receipt) -> None:
    """Ask on a terminal; elsewhere there is nobody to ask."""
    if not sys.stdin.isatty():
        raise BadInput("Nobody is there to be asked; --dry-run shows what would go, and --yes forgets it.")
    _show(preview)
    if not preview.counts or not typer.confirm("Forget this for good?", err=True):
        say("Nothing was forgotten.")
        raise typer.Exit(FAILED if preview.counts else 0)


def _report(receipt: Receipt, *, as_json: bool) -> None:
    say_json(receipt) if as_json else _show(receipt)
    if receipt.status == "pending":
        raise typer.Exit(FAILED)


def _show(receipt: Receipt) -> None:
    gone = ", ".join(count(number, what.removesuffix("s")) for what, number in receipt.counts.items()) or "nothing"
    gone = gone.replace("entrie", "entry").replace("entrys", "entries")
    if receipt.status == "preview":
        say(f"Would go: {gone}.")
        if receipt.beginnings:
            say_rows(("id", "begins"), list(receipt.beginnings.items()))
    else:
        erased = " Its bytes are erased." if receipt.status == "erased" and receipt.counts else ""
        say(f"Forgotten: {gone}.{erased}")
    for kept in receipt.kept:
        say(f"Kept: item {kept.item_id}. {kept.reason}")
    for name in receipt.removed:
        say(f"Removed: {name}, an older copy of the truth.")
    for reason in receipt.reasons:
        say(f"Pending: {reason} `jitmem purge` tries again.")
    if receipt.status == "preview":
        say(receipt.note)


def _duration(age: timedelta | None) -> str:
    return _ALWAYS if age is None else str(age).removesuffix(", 0:00:00")
