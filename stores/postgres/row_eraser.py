"""What becomes of deleted rows in PostgreSQL: VACUUM, where this role may, and its report; the rest is the server's."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import psycopg

from ..deletion.eraser import ErasureResult
from .postgres_database import PostgresDatabase
from .row_security import tables_with_content

_TRIES, _PAUSE_S = 4, 0.5  # while somebody's query that began before the deletion is at work
_NUMBERS = 2**32  # of transactions, as rows and reports have them: they wrap around
_REPORT = re.compile(r'finished vacuuming "([^"]+)".*removable cutoff: (\d+)', re.DOTALL)


@dataclass
class VacuumReport:
    """Of one VACUUM over all tables: by table and TOAST table, before which transaction every deleted row is gone."""

    tables: int
    cutoffs: dict[str, int] = field(default_factory=dict)
    missed: list[str] = field(default_factory=list)
    """Tables of which some pages were in use, and were passed over."""
    refused: list[str] = field(default_factory=list)

    def read(self, message: psycopg.errors.Diagnostic) -> None:
        """A notice of the server."""
        text = message.message_primary or ""
        if found := _REPORT.search(text):
            self.cutoffs[found[1]] = int(found[2])
            if "tuples missed:" in text:
                self.missed.append(found[1])
        elif message.severity_nonlocalized == "WARNING":
            self.refused.append(text)

    def why_not(self, deleted_by: int) -> str | None:
        """Why rows that a transaction deleted may still be there."""
        if self.refused:
            return f"VACUUM did not run ({self.refused[0]}): who owns the tables runs `jitmem purge --all` or `jitmem work`."
        if len(self.cutoffs) < self.tables:
            return "VACUUM ran, and its report could not be read: it is read in English (lc_messages)."
        if self.missed:
            return f"Some pages of {self.missed[0]} were in use while VACUUM ran."
        if any((cutoff - deleted_by - 1) % _NUMBERS >= _NUMBERS // 2 for cutoff in self.cutoffs.values()):
            return (
                "VACUUM ran, but a transaction from before the deletion, a replication slot or a replica's feedback still"
                " holds the rows."
            )
        return None


class RowEraser:
    """Of one memory. It deletes no rows; it sees that VACUUM takes those that were deleted out of tables and indexes."""

    status = "vacuumed"
    unfinished = "deleted"

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    @property
    def note(self) -> str:
        """What is out of reach after a deletion of now, with its date."""
        ((days,),) = self._database.fetch("SELECT backup_days FROM meta")
        return describe_limits(datetime.now(UTC), days)

    def finish(self, *, wait_s: float = 60.0) -> list[ErasureResult]:
        """Run VACUUM if a deletion is open, and close those of which no row is left. With `wait_s` 0 nothing is done."""
        # The row of an erasure was written by the transaction that deleted, and is not written again until it is closed.
        query = "SELECT n, xmin::text::bigint FROM erasure WHERE state != 'erased' ORDER BY n"
        waiting: Mapping[int, int] = dict(self._database.fetch(query)) if wait_s else {}
        if not waiting:
            return []
        for at in range(_TRIES):
            report = self._vacuum()
            reasons = {n: report.why_not(deleted_by) for n, deleted_by in waiting.items()}
            if report.refused or not any(reasons.values()):
                break
            if at + 1 < _TRIES:
                time.sleep(_PAUSE_S)
        with self._database.write() as db:
            now = datetime.now(UTC).isoformat()
            for n, reason in reasons.items():
                if reason is None:
                    db.execute("UPDATE erasure SET state = 'erased', needles = NULL, done_at = ? WHERE n = ?", (now, n))
        return [ErasureResult(n, () if reason is None else (reason,)) for n, reason in reasons.items()]

    def is_complete(self, number: int) -> bool:
        return bool(self._database.fetch("SELECT 1 FROM erasure WHERE n = ? AND state = 'erased'", (number,)))

    def _vacuum(self) -> VacuumReport:
        """Every table with content, with its indexes. One that is locked, or that is another role's, is left and named."""
        with self._database.read() as db:
            tables = tables_with_content(db)
            report = VacuumReport(len(tables))
            names = ", ".join(f'"{db.schema}".{table}' for table in tables)
            db.raw.add_notice_handler(report.read)
            try:
                db.raw.execute(f"VACUUM (VERBOSE, SKIP_LOCKED, INDEX_CLEANUP ON) {names}".encode())
            finally:
                db.raw.remove_notice_handler(report.read)
        return report


def describe_limits(deleted_at: datetime, backup_days: int | None) -> str:
    """What of a deletion cannot be reached from here, and until when."""
    until = (
        "their retention ends (it is not known here; `jitmem setup --backup-days N` says it)"
        if backup_days is None
        else f"{deleted_at + timedelta(days=backup_days):%Y-%m-%d} ({backup_days} days, as set by `jitmem setup`)"
    )
    return (
        "The rows are deleted for every reader from now on; VACUUM removes them from tables and indexes, and does not"
        f" overwrite the space. Out of reach: the write-ahead log, its archive, backups and snapshots, until {until};"
        " replicas until they have replayed the deletion; the provider's disks; checkpoints of LangGraph (but see `threads`),"
        " exports, logs, what others wrote who read this namespace, and what other processes hold in memory until their"
        " next search."
    )
