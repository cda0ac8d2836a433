"""`jitmem doctor`: check a memory, repair derived data, salvage what is readable."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Option

from ..stores.database_urls import hide_password
from ..stores.errors import BadInput, MemoryNotFound, NotOurStore
from .errors import BAD_INPUT, FAILED, complain
from .output import count, progress, say, say_json
from .settings import prints_json, settings_of

if TYPE_CHECKING:
    from ..doctor import Report, SalvageReport


_STYLES = {"damage": "bold red", "attention": "yellow", "note": ""}


def doctor(
    ctx: typer.Context,
    fix: Annotated[bool, Option("--fix", help="Repair what is derived: indexes, marks, orphans, modes.")] = False,
    salvage: Annotated[Path | None, Option(metavar="NEW_FOLDER", help="Salvage what is readable into it.")] = None,
) -> None:
    """Check a memory, repair it, or salvage what is readable. Without --fix nothing is written; the text of pages
    is never written.

    Examples:
      jitmem doctor                              check, and write nothing
      jitmem doctor --fix                        repair what can be repaired without loss
      jitmem doctor --salvage ./saved            a new memory of everything readable
      jitmem doctor --json | jq .verdict

    Exit codes: 0 healthy, 1 something is damaged or needs attention, 2 no memory found.
    """
    if fix and salvage is not None:
        raise BadInput("--fix repairs this memory, --salvage makes another; give one of them.")
    try:
        if salvage is not None:
            _salvage(settings_of(ctx).memory, salvage, prints_json(ctx))
        else:
            _examine(settings_of(ctx).memory, fix, prints_json(ctx))
    except (MemoryNotFound, NotOurStore) as error:
        complain(error)
        raise typer.Exit(BAD_INPUT) from None


def _examine(folder: Path | str, fix: bool, as_json: bool) -> None:
    from ..doctor import examine, repair

    with progress("Repairing" if fix else "Examining", "checks") as advance:
        report = (repair if fix else examine)(folder, progress=advance)
    if as_json:
        say_json(
            {**asdict(report), "memory": hide_password(folder), "verdict": report.verdict, "healthy": report.healthy}
        )
    else:
        _show(report)
    if not report.healthy:
        raise typer.Exit(FAILED)


def _show(report: Report) -> None:
    from ..stores.integrity.findings import MOST_IDS

    for sentence in report.done:
        say(sentence)
    for number, finding in enumerate(report.findings, start=1):
        say(f"{finding.severity:<9}  {finding.what}", _STYLES[finding.severity])
        if finding.ids:
            more = ", …" if len(finding.ids) == MOST_IDS else ""
            say(f"           {', '.join(finding.ids)}{more}")
        if finding.act not in (
            one.act for one in report.findings[number : number + 1]
        ):  # once for consecutive findings
            say(f"           → {finding.act}")
    counts = report.counts
    held = f"{count(counts['pages'], 'page')}, {count(counts['items'], 'item')}: " if "pages" in counts else ""
    say(f"{report.memory}: {held}{report.verdict}", "bold")


def _salvage(folder: Path | str, into: Path, as_json: bool) -> None:
    from ..doctor import salvage

    with progress("Reading", "pages of the file") as advance:
        saved = salvage(folder, into, progress=advance)
    if as_json:
        say_json({**asdict(saved), "memory": hide_password(folder), "whole": saved.whole})
    else:
        _show_salvage(saved)
    if not saved.whole:
        raise typer.Exit(FAILED)


def _show_salvage(saved: SalvageReport) -> None:
    for name, ids in (
        ("Lost pages", saved.lost_pages),
        ("Sessions that lack pages", saved.incomplete_sessions),
        ("Lost sessions", saved.lost_sessions),
        ("Lost items", saved.lost_items),
    ):
        if ids:
            say(f"{name}: {', '.join(ids)}", _STYLES["damage"])
    for note in saved.notes:
        say(note)
    counts = [count(saved.pages, "page"), count(saved.sessions, "session"), count(saved.items, "item")]
    counts += [f"{count(saved.waiting, 'session')} still to be filed"] if saved.waiting else []
    counts += [f"{saved.entries:,} of the store"] if saved.entries else []
    end = "Nothing is missing." if saved.whole else "What is missing is named above."
    say(f"Saved into {saved.folder}: {', '.join(counts)}. {end}", "bold")
