"""Examine a memory without writing, repair what is derived, and salvage what a damaged one still holds."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from .stores.connection import FILE_NAME
from .stores.errors import StoreDamaged
from .stores.integrity.checks.finding import SEVERITIES, Finding
from .stores.integrity.salvage_report import SalvageReport

if TYPE_CHECKING:
    from .stores.integrity.checks.finding import ReadOnlyTruth

__all__ = ["Finding", "Report", "SalvageReport", "examine", "repair", "salvage"]

Progress = Callable[[int, int], None]
"""Told how many steps are done, and of how many."""
Check = Callable[["ReadOnlyTruth"], Iterator[Finding]]


@dataclass(frozen=True, slots=True)
class Report:
    """What an examination found, the worst first."""

    memory: Path
    findings: tuple[Finding, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
    """namespaces, sessions, pages, items, entries, and bytes of the truth."""
    done: tuple[str, ...] = ()
    """What a repair did before, one sentence each."""
    salvageable: SalvageReport | None = None
    """Of a damaged memory: what `salvage` would give."""
    seconds: float = 0.0

    @property
    def healthy(self) -> bool:
        """Whether nothing is damaged and nobody has to act; there may be notes."""
        return all(finding.severity == "note" for finding in self.findings)

    @property
    def verdict(self) -> str:
        """One line."""
        numbers = {one: sum(finding.severity == one for finding in self.findings) for one in SEVERITIES}
        notes = f"{numbers['note']} note{'' if numbers['note'] == 1 else 's'}" if numbers["note"] else ""
        if self.healthy:
            return f"Healthy{f', with {notes}' if notes else ''}."
        things = [f"{numbers['damage']} damaged"] if numbers["damage"] else []
        things += [f"{numbers['attention']} to attend to"] if numbers["attention"] else []
        word = "Damaged" if numbers["damage"] else "Needs attention"
        return f"{word}: {', '.join([*things, *([notes] if notes else [])])}."


def examine(path: str | os.PathLike[str], *, progress: Progress | None = None) -> Report:
    """Every check over all namespaces of a folder. Nothing of the truth is written, not even its log.

    `MemoryNotFound`; `NotOurStore` for what is none of ours; `StoreIsNewer`.
    """
    from .stores.integrity.checks.file import open_read_only
    from .stores.integrity.checks.finding import SALVAGE

    folder, started = Path(path), time.perf_counter()
    try:
        look = open_read_only(folder)
    except StoreDamaged as error:
        findings, counts = [Finding("damage", "file", str(error), SALVAGE)], dict[str, int]()
    else:
        with closing(look.db):
            findings, counts = _checked(look, progress or (lambda _done, _of: None))
    found = _survey(folder) if any(one.severity == "damage" and one.fix is None for one in findings) else None
    if found is not None:
        findings.append(_salvageable(found))
    order = sorted(findings, key=lambda one: SEVERITIES.index(one.severity))
    return Report(folder, tuple(order), counts, (), found, time.perf_counter() - started)


def repair(path: str | os.PathLike[str], *, progress: Progress | None = None) -> Report:
    """Mend what can be mended without losing anything, and examine again; `done` says what was mended.

    The text of pages and what items say is never written. Where more than indexes is damaged, only permissions are
    set right: `salvage` comes first. Errors as for `examine`, and `StoreReadOnly`.
    """
    from .stores.integrity.fix import apply_fixes

    done: list[str] = []
    report = examine(path, progress=progress)
    tried: set[str] = set()
    while wanted := _wanted(report) - tried:
        done += apply_fixes(Path(path), wanted)
        tried |= wanted
        report = examine(path, progress=progress)
    return Report(report.memory, report.findings, report.counts, tuple(done), report.salvageable, report.seconds)


def salvage(
    path: str | os.PathLike[str], into: str | os.PathLike[str], *, progress: Progress | None = None
) -> SalvageReport:
    """A new memory in the folder `into` of all that can still be read in `path`, which is not written at all.

    Pages, items and changes keep their ids. A session that lost pages is kept under another id, so that it can be
    memorized again. `BadInput` if `into` is not empty or the memory is written meanwhile; `MemoryNotFound`;
    `NotOurStore` where nothing of a memory is to be found.
    """
    from .stores.integrity.salvage import salvage as salvaged

    return salvaged(Path(path), Path(into), _fill, progress)


def _checked(look: ReadOnlyTruth, tell: Progress) -> tuple[list[Finding], dict[str, int]]:
    from .stores.integrity.checks import file

    findings: list[Finding] = []
    findings += [*_run(look, file.permissions), *_run(look, file.integrity)]
    if any(finding.fix == "sqlite indexes" for finding in findings):
        findings.append(
            Finding(
                "note",
                "file",
                "The rest was not looked at: it is read by the indexes that are damaged.",
                "Nobody has to: --fix builds them, and looks again.",
            )
        )
        return findings, {}
    checks = _checks(look)
    for number, check in enumerate(checks, start=1):
        findings += _run(look, check)
        tell(number, len(checks))
    return findings, _counts(look)


def _checks(look: ReadOnlyTruth) -> Sequence[Check]:
    """All but those of the file itself; an older memory lacks tables that some of them read."""
    from .stores.integrity.checks import file, indexes, items, sensitive, sessions

    checks: list[Check] = [file.schema_version, file.readable]
    if "erasure" in look.tables:
        checks.append(sessions.erasures)
    if {"item", "proposal", "entry"} <= look.tables:
        checks += [sessions.pages, sessions.passages, sessions.change_log, sessions.journal, sessions.duplicates]
        checks += [sessions.stem_rows, items.versions, items.sketches, items.proposals]
        checks += [indexes.vectors, indexes.marks, indexes.chroma, sensitive.sensitive]
    return checks


def _run(look: ReadOnlyTruth, check: Check) -> list[Finding]:
    """What a check found; one that meets damage says how far it came."""
    from .stores.integrity.checks.finding import SALVAGE

    findings: list[Finding] = []
    try:
        for finding in check(look):
            findings.append(finding)
    except (sqlite3.Error, ValueError, TypeError, ArithmeticError) as error:
        why = error if isinstance(error, sqlite3.Error) else type(error).__name__
        what = f"The check of {check.__name__.replace('_', ' ')} met rows that cannot be read ({why})."
        findings.append(Finding("damage", "file", what, SALVAGE))
    return findings


def _counts(look: ReadOnlyTruth) -> dict[str, int]:
    counts = {}
    for name, table in (
        ("namespaces", "namespace"),
        ("sessions", "session"),
        ("pages", "page"),
        ("items", "item"),
        ("entries", "entry"),
    ):
        where = " WHERE sketch IS NOT NULL" if table == "item" else ""
        try:
            counts[name] = look.rows(f"SELECT count(*) FROM {table}{where}")[0][0] if table in look.tables else 0
        except sqlite3.Error:  # a damaged table, which is a finding already
            continue
    return counts | {"bytes": (look.folder / FILE_NAME).stat().st_size}


def _survey(folder: Path) -> SalvageReport | None:
    from .stores.errors import JitmemError
    from .stores.integrity.salvage import survey

    try:
        return survey(folder, _fill)
    except JitmemError:  # nothing is left, or it is written meanwhile: the finding that led here stands
        return None


def _salvageable(found: SalvageReport) -> Finding:
    from .stores.integrity.checks.finding import SALVAGE, many, some

    lost = [*found.lost_pages, *found.lost_sessions, *found.lost_items]
    kept = f"{many(found.pages, 'page')} and {many(found.items, 'item')}"
    rest = f"not these {len(lost)} pages, sessions or items" if len(lost) > 1 else "not this one"
    what = f"{kept} can be read whole{f', {rest}' if lost else '; nothing is known to be lost'}."
    return Finding("note", "file", what, SALVAGE, max(1, len(lost)), some(lost))


def _wanted(report: Report) -> set[str]:
    """What may be mended now. A file that is damaged in more than its indexes is not written; indexes come before
    whatever is read by them."""
    fixes = {finding.fix for finding in report.findings if finding.fix is not None}
    if any(finding.severity == "damage" and finding.fix is None for finding in report.findings):
        return fixes & {"permissions"}
    return fixes & {"permissions", "sqlite indexes"} if "sqlite indexes" in fixes else fixes


def _fill(text: str) -> Sequence[tuple[int, int, str | None]]:
    from .nodes.split import passages

    return passages(text)
