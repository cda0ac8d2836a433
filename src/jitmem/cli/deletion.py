"""The commands that delete for good: `forget`, `retention` and `purge`."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Option

from ..stores.errors import BadInput
from .errors import FAILED
from .output import count, say, say_json, say_rows
from .settings import open_memory, prints_json

if TYPE_CHECKING:
    from ..stores.deletion.receipt import Receipt

_Age = Annotated[str | None, Option(metavar="AGE", help="Such as '90 days', or always.")]
_ALWAYS = "always"


def forget(
    ctx: typer.Context,
    page: Annotated[list[str] | None, Option(metavar="ID", help="A page; may be repeated.")] = None,
    session: Annotated[list[str] | None, Option(metavar="ID", help="A session with all its pages.")] = None,
    item: Annotated[list[str] | None, Option(metavar="ID", help="A memory item with all its versions.")] = None,
    after: Annotated[str | None, Option(metavar="TIME", help="Sessions that happened at this time or later.")] = None,
    before: Annotated[str | None, Option(metavar="TIME", help="Sessions that happened before.")] = None,
    query: Annotated[str | None, Option(metavar="WORDS", help="Records that contain each of these words.")] = None,
    everything: Annotated[bool, Option("--everything", help="The whole namespace.")] = False,
    yes: Annotated[bool, Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    dry_run: Annotated[bool, Option("--dry-run", help="Show what would be deleted, and change nothing.")] = False,
) -> None:
    """Delete records for good, and erase their bytes. Records derived only from them are deleted too.

    Examples:
      jitmem forget --page 0m7vntb32623
      jitmem forget --session notes/2024-05-08.md --yes
      jitmem forget --query "Rui hospital" --dry-run     what contains each of these words
      jitmem forget --after 2024-05-01 --before 2024-06-01
      jitmem forget --everything --namespace ana

    It shows what would be deleted, and asks. Exit code 1: the rows are deleted, but a file still holds bytes of them;
    run purge later.
    """
    selectors: dict[str, Any] = {
        "page_id": page or None,
        "session_id": session or None,
        "item_id": item or None,
        "after": after,
        "before": before,
        "query": query,
        "everything": everything,
    }
    options = {
        "--page": page,
        "--session": session,
        "--item": item,
        "--query": query,
        "--everything": everything or None,
    }
    options["--after and/or --before"] = after if after is not None else before
    given = [name for name, value in options.items() if value is not None]
    if len(given) != 1:
        raise BadInput(f"Give one of {', '.join(options)}; got {' and '.join(given) or 'none of them'}.")
    with open_memory(ctx) as memory:
        if not yes or dry_run:
            preview = memory.forget(**selectors, preview=True)
            if dry_run:
                _report(preview, as_json=prints_json(ctx))
                return
            _confirm(preview)
        receipt = memory.forget(**selectors)
        if receipt.status == "nothing found" and not prints_json(ctx):
            say(receipt.note)
        else:
            _report(receipt, as_json=prints_json(ctx))


def retention(
    ctx: typer.Context,
    pages: _Age = None,
    core: _Age = None,
    semantic: _Age = None,
    episodic: _Age = None,
) -> None:
    """Set how long records are kept, or show it. Older records are hidden at once, and erased by purge.

    Examples:
      jitmem retention                                      show the rules
      jitmem retention --pages "90 days" --episodic "52 weeks"
      jitmem retention --pages always                       remove the rule
    """
    given = {"pages": pages, "core": core, "semantic": semantic, "episodic": episodic}
    ages: dict[str, Any] = {
        kind: None if age.strip().lower() == _ALWAYS else age for kind, age in given.items() if age is not None
    }
    with open_memory(ctx) as memory:
        rules = memory.admin.set_retention(**ages) if ages else memory.admin.retention()
    if prints_json(ctx):
        say_json({kind: age.total_seconds() for kind, age in rules.items()})
        return
    say_rows(("kind", "kept for"), [(kind, _duration(rules.get(kind))) for kind in given])


def purge(
    ctx: typer.Context,
    every: Annotated[bool, Option("--all", help="Every namespace of the folder.")] = False,
) -> None:
    """Erase expired records, and finish pending erasures.

    Examples:
      jitmem purge
      jitmem purge --all     every namespace of the folder, for instance each night
    """
    with open_memory(ctx) as memory:
        _report(memory.admin.purge(all_namespaces=every), as_json=prints_json(ctx))


# ----------------------------------------------------------------------------------------------------------


def _confirm(preview: Receipt) -> None:
    """Ask on a terminal; without one, `BadInput`."""
    if not sys.stdin.isatty():
        raise BadInput("There is no terminal to ask on; --dry-run shows what would be deleted, and --yes deletes it.")
    _show(preview)
    if not preview.counts or not typer.confirm("Forget this for good?", err=True):
        say("Nothing was forgotten.")
        raise typer.Exit(FAILED if preview.counts else 0)


def _report(receipt: Receipt, *, as_json: bool) -> None:
    say_json(receipt) if as_json else _show(receipt)
    if receipt.status == "pending":
        raise typer.Exit(FAILED)


def _show(receipt: Receipt) -> None:
    counts = {"entry" if name == "entries" else name.removesuffix("s"): n for name, n in receipt.counts.items()}
    deleted = ", ".join(count(number, name) for name, number in counts.items()) or "nothing"
    if receipt.status == "preview":
        say(f"Would be deleted: {deleted}.")
        if receipt.beginnings:
            say_rows(("id", "begins"), list(receipt.beginnings.items()))
    else:
        erased = {"erased": " The bytes are erased.", "vacuumed": " The rows are vacuumed."}.get(receipt.status, "")
        say(f"Forgotten: {deleted}.{erased if receipt.counts else ''}")
    if receipt.memo_page_ids:
        say(f"Cut from memos, which repeated it: {', '.join(receipt.memo_page_ids)}.")
    for item in receipt.kept:
        say(f"Kept: item {item.item_id}. {item.reason}")
    for name in receipt.removed:
        say(f"Removed: {name}, an older copy of the truth.")
    for reason in receipt.reasons:
        say(f"Pending: {reason} `jitmem purge` tries again.")
    if receipt.status in ("preview", "deleted", "vacuumed"):
        say(receipt.note)


def _duration(age: timedelta | None) -> str:
    return _ALWAYS if age is None else str(age).removesuffix(", 0:00:00")
