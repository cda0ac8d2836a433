"""Check a memory without writing, repair derived data, and salvage what a damaged one still holds."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from .stores.database_urls import is_database_url
from .stores.errors import BadInput, JitmemError, StoreDamaged
from .stores.integrity.findings import SALVAGE, SEVERITIES, Finding, SalvageReport, many, some
from .stores.records import Progress
from .stores.truth.database import FILE_NAME

if TYPE_CHECKING:
    from .runtime import Place
    from .stores.integrity.findings import ReadOnlyTruth

__all__ = ["Finding", "Report", "SalvageReport", "examine", "repair", "salvage"]

_OUTSIDE = {"permissions", "vector folder"}
"""Repairs that do not write the truth."""
Check = Callable[["ReadOnlyTruth"], Iterator[Finding]]


@dataclass(frozen=True, slots=True)
class Report:
    """The findings of an examination, worst first."""

    memory: Path | str
    """The folder, or where in PostgreSQL it is."""
    findings: tuple[Finding, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
    """namespaces, sessions, pages, items, entries, and bytes of the truth."""
    done: tuple[str, ...] = ()
    """What `repair` changed, one sentence each."""
    salvageable: SalvageReport | None = None
    """What `salvage` would save, if the memory is damaged."""
    seconds: float = 0.0

    @property
    def healthy(self) -> bool:
        """Whether nothing is damaged and no action is needed; there may be notes."""
        return all(finding.severity == "note" for finding in self.findings)

    @property
    def verdict(self) -> str:
        numbers = {one: sum(finding.severity == one for finding in self.findings) for one in SEVERITIES}
        notes = f"{numbers['note']} note{'' if numbers['note'] == 1 else 's'}" if numbers["note"] else ""
        if self.healthy:
            return f"Healthy{f', with {notes}' if notes else ''}."
        things = [f"{numbers['damage']} damaged"] if numbers["damage"] else []
        things += [f"{numbers['attention']} to attend to"] if numbers["attention"] else []
        word = "Damaged" if numbers["damage"] else "Needs attention"
        return f"{word}: {', '.join([*things, *([notes] if notes else [])])}."


def examine(path: Place, *, progress: Progress | None = None) -> Report:
    """Run every check over all namespaces of a folder, or of a memory in PostgreSQL. Nothing is written.

    `MemoryNotFound`; `NotOurStore` for a file that is not a memory; `StoreIsNewer`; `MissingPackage` for a damaged file
    without the `doctor` extra.
    """
    from .stores.integrity.check_file import open_read_only, special_files

    if not _is_folder(path):
        return _examine_database(path, progress)
    folder, started = Path(path), time.perf_counter()
    if special := tuple(special_files(folder)):
        return Report(folder, special, seconds=time.perf_counter() - started)
    try:
        look = open_read_only(folder)
    except StoreDamaged as error:
        findings, counts = [Finding("damage", "file", str(error), SALVAGE)], dict[str, int]()
    else:
        with closing(look.db):
            findings, counts = _check(look, progress or (lambda _done, _of: None))
    found = _survey(folder) if _is_damaged(findings) else None
    if found is not None:
        findings.append(_salvageable(found))
    order = sorted(findings, key=lambda one: SEVERITIES.index(one.severity))
    return Report(folder, tuple(order), counts, (), found, time.perf_counter() - started)


def repair(path: Place, *, progress: Progress | None = None) -> Report:
    """Repair what can be repaired without loss, and examine again; `done` says what was changed.

    The text of pages and items is never written. If more than indexes is damaged, only permissions are repaired:
    `salvage` comes first. Errors as for `examine`, and `StoreReadOnly`.
    """
    from .stores.integrity.fix import apply_fixes

    if not _is_folder(path):
        raise BadInput(f"Nothing is repaired in PostgreSQL. {_load_check().INSTEAD}")
    done: list[str] = []
    report = examine(path, progress=progress)
    tried: set[str] = set()
    while wanted := _applicable_fixes(report) - tried:
        done += apply_fixes(Path(path), wanted)
        tried |= wanted
        report = examine(path, progress=progress)
    return replace(report, done=tuple(done))


def salvage(
    path: str | os.PathLike[str], into: str | os.PathLike[str], *, progress: Progress | None = None
) -> SalvageReport:
    """Write all that is readable in `path` as a new memory in the folder `into`; `path` is not written.

    Pages, items and changes keep their ids. A session that lost pages is kept under another id, so that it can be
    memorized again. `BadInput` if `into` is not empty or another process writes the memory; `MemoryNotFound`;
    `NotOurStore` if nothing of a memory is found; `MissingPackage` without the `doctor` extra.
    """
    from .nodes.split import passages
    from .stores.integrity.salvage import salvage as salvage_rows

    if not _is_folder(path):
        raise BadInput(f"Nothing is salvaged from PostgreSQL. {_load_check().INSTEAD}")
    return salvage_rows(Path(path), Path(into), passages, progress)


def _is_folder(place: Place) -> TypeGuard[str | os.PathLike[str]]:
    return isinstance(place, str | os.PathLike) and not is_database_url(place)


def _load_check() -> Any:
    from .stores.postgres import load_postgres

    return load_postgres("postgres_check")


def _examine_database(place: Place, progress: Progress | None) -> Report:
    from .stores.postgres import load_postgres

    started, checks = time.perf_counter(), _load_check()
    with closing(load_postgres("postgres_database").open_postgres(place, create=False)) as database:
        findings = list(checks.check_database(database, progress or (lambda _done, _of: None)))
        counts = checks.row_counts(database)
        order = sorted(findings, key=lambda one: SEVERITIES.index(one.severity))
        return Report(database.path, tuple(order), counts, seconds=time.perf_counter() - started)


def _check(look: ReadOnlyTruth, progress: Progress) -> tuple[list[Finding], dict[str, int]]:
    from .stores.integrity import check_file as file
    from .stores.integrity import check_rows as rows

    findings = [*_run(look, file.permissions), *_run(look, file.vector_folder), *_run(look, file.unknown_objects)]
    if _is_damaged(findings):
        what = "The rest was not examined: what no jitmem makes would take part in each query."
        return [*findings, Finding("note", "file", what, SALVAGE)], {}
    findings += _run(look, file.integrity)
    if any(finding.fix == "sqlite indexes" for finding in findings):
        what = "The rest was not examined: it is read through the damaged indexes."
        findings.append(Finding("note", "file", what, "No action needed: --fix rebuilds them, and examines again."))
        return findings, {}
    checks: list[Check] = [file.schema_version, file.readable]  # an older memory lacks tables that other checks read
    if "erasure" in look.tables:
        checks.append(rows.erasures)
    if {"item", "proposal", "entry"} <= look.tables:
        checks += [rows.pages, rows.passages, rows.change_log, rows.journal, rows.stem_rows]
        checks += [rows.posting_rows, rows.numbers] if "posting" in look.tables else []
        checks += [rows.versions, rows.sketches, rows.vectors, rows.marks]
    for number, check in enumerate(checks, start=1):
        findings += _run(look, check)
        progress(number, len(checks))
    return findings, _counts(look)


def _run(look: ReadOnlyTruth, check: Check) -> list[Finding]:
    """The findings of a check; an unreadable row ends the check and is a finding too."""
    findings: list[Finding] = []
    try:
        findings.extend(check(look))
    except (sqlite3.Error, ValueError, TypeError, ArithmeticError) as error:
        why = error if isinstance(error, sqlite3.Error) else type(error).__name__
        what = f"The check of {check.__name__.replace('_', ' ')} met rows that cannot be read ({why})."
        findings.append(Finding("damage", "file", what, SALVAGE))
    return findings


def _counts(look: ReadOnlyTruth) -> dict[str, int]:
    counts = {}
    for name, rows in (
        ("namespaces", "namespace"),
        ("sessions", "session"),
        ("pages", "page"),
        ("items", "item WHERE sketch IS NOT NULL"),
        ("entries", "entry"),
    ):
        with suppress(sqlite3.Error):  # a damaged table, which is a finding already
            counts[name] = look.column(f"SELECT count(*) FROM {rows}")[0] if rows.split()[0] in look.tables else 0
    return counts | {"bytes": (look.folder / FILE_NAME).stat().st_size}


def _is_damaged(findings: Sequence[Finding]) -> bool:
    """Damaged in more than indexes, which can be rebuilt."""
    return any(finding.severity == "damage" and finding.fix is None for finding in findings)


def _survey(folder: Path) -> SalvageReport | None:
    from .nodes.split import passages
    from .stores.integrity.salvage import survey

    with suppress(JitmemError):  # nothing is left, or another process writes it: the finding remains
        return survey(folder, passages)
    return None


def _salvageable(found: SalvageReport) -> Finding:
    lost = [*found.lost_pages, *found.lost_sessions, *found.lost_items]
    readable = f"{many(found.pages, 'page')} and {many(found.items, 'item')}"
    rest = f"not these {len(lost)} pages, sessions or items" if len(lost) > 1 else "not this one"
    what = f"{readable} can be read whole{f', {rest}' if lost else '; nothing is known to be lost'}."
    return Finding("note", "file", what, SALVAGE, max(1, len(lost)), some(lost))


def _applicable_fixes(report: Report) -> set[str]:
    """A damaged file is not written; damaged indexes are rebuilt before anything that is read through them."""
    fixes = {finding.fix for finding in report.findings if finding.fix is not None}
    if _is_damaged(report.findings):
        return fixes & _OUTSIDE
    return fixes & {*_OUTSIDE, "sqlite indexes"} if "sqlite indexes" in fixes else fixes
