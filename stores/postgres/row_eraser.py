"""What becomes of deleted rows in PostgreSQL: VACUUM, where this role may; the rest is the server's."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

import psycopg

from ..deletion.eraser import ErasureResult
from .postgres_database import PostgresDatabase

NOT_REACHED = (
    "The rows are deleted for every reader from now on. Out of reach: the write-ahead log and its archive, replicas until"
    " they have replayed it, backups and snapshots of the server, dead rows until VACUUM has run and its free space is"
    " used again, the provider's disks; checkpoints of LangGraph (but see `threads`), exports, logs, what others wrote who"
    " read this namespace, and what other processes hold in memory until their next search."
)


class RowEraser:
    """Of one memory. It deletes no rows, and promises nothing of bytes."""

    status = "deleted"
    note = NOT_REACHED

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    def finish(self, *, wait_s: float = 60.0) -> list[ErasureResult]:
        """Close every open deletion, in order, and let the server take the dead rows away if this role may."""
        waiting = self._database.fetch("SELECT n FROM erasure WHERE state != 'erased' ORDER BY n")
        if not waiting:
            return []
        if wait_s:
            self._vacuum()
        with self._database.write() as db:
            now = datetime.now(UTC).isoformat()
            for (n,) in waiting:
                db.execute("UPDATE erasure SET state = 'erased', needles = NULL, done_at = ? WHERE n = ?", (now, n))
        return [ErasureResult(n) for (n,) in waiting]

    def is_complete(self, number: int) -> bool:
        return bool(self._database.fetch("SELECT 1 FROM erasure WHERE n = ? AND state = 'erased'", (number,)))

    def _vacuum(self) -> None:
        """The tables with text; only their owner may, and the server warns others and goes on."""
        with self._database.read() as db, suppress(psycopg.Error):
            for table in ("page", "passage", "session", "item_version", "entry", "entry_text"):
                db.raw.execute(f'VACUUM (SKIP_LOCKED) "{db.schema}".{table}'.encode())
