"""Erase the bytes of deleted rows from every file of a memory."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, Protocol

from filelock import FileLock, Timeout

from ..truth.database import ERASE_LOCK, FILE_NAME, SqliteDatabase
from ..truth.migrations import copies
from .receipt import OUT_OF_REACH

_TURN_S, _VACUUM_S, _READERS_S = 60.0, 10.0, 2.0  # how long to wait for another eraser, for writers, for readers
_ROUNDS = 3  # of erasing what others delete meanwhile


class VectorFiles(Protocol):
    """The files of a vector index."""

    def discard_if_stale(self, database: SqliteDatabase) -> str | None:
        """Delete files older than the newest erasure of vectors; if that is impossible, return the reason."""


@dataclass(frozen=True, slots=True)
class ErasureResult:
    """How far an erasure has come. It is complete when no reason is left."""

    number: int
    reasons: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    """Files that were removed as a whole: copies of the truth that an upgrade or an interrupted repair left."""


class Eraser:
    """Of one folder. It deletes no rows, only the bytes that deleted rows leave. Thread- and process-safe."""

    status: Literal["erased", "vacuumed"] = "erased"
    """Of the receipt, when nothing is left."""
    unfinished: Literal["pending", "deleted"] = "pending"
    note = OUT_OF_REACH

    def __init__(self, database: SqliteDatabase, vectors: VectorFiles) -> None:
        self._database = database
        self._vectors = vectors
        self._folder = database.path.parent

    def finish(self, *, wait_s: float = _TURN_S) -> list[ErasureResult]:
        """Run every open erasure, in the order of deletion; `[]` if there is none."""
        if not self._open():
            return []
        self._database.refuse_moved()
        lock = FileLock(self._folder / ERASE_LOCK, mode=0o600)
        try:
            with lock.acquire(timeout=wait_s):
                results: dict[int, ErasureResult] = {}
                for _ in range(_ROUNDS):
                    waiting = self._open()
                    if not {number for number, _ in waiting} - results.keys():
                        break
                    results |= {one.number: one for one in self._erase(waiting)}
                return list(results.values())
        except Timeout:
            reasons = ("Another process is erasing in this folder.",)
            return [ErasureResult(number, reasons) for number, _ in self._open()]

    def is_complete(self, number: int) -> bool:
        return bool(self._database.fetch("SELECT 1 FROM erasure WHERE n = ? AND state = 'erased'", (number,)))

    def _open(self) -> list[tuple[int, bool]]:
        """`(number, whether vectors were deleted)` of each erasure that is not complete."""
        rows = self._database.fetch("SELECT n, counts FROM erasure WHERE state != 'erased' ORDER BY n")
        return [(n, bool(json.loads(counts).get("vectors"))) for n, counts in rows]

    def _erase(self, waiting: list[tuple[int, bool]]) -> list[ErasureResult]:
        reason = self._vacuum()
        vectors_reason = self._vectors.discard_if_stale(self._database)
        removed = self._remove_copies()
        results = []
        for number, vectors in waiting:
            reasons = (reason, vectors_reason if vectors else None)
            results.append(ErasureResult(number, tuple(one for one in reasons if one is not None), removed))
        self._record(results)
        return results

    def _vacuum(self) -> str | None:
        """Rewrite the truth without free space and truncate its log; if that is impossible, return the reason."""
        with self._database.read() as db:
            try:
                db.execute(f"PRAGMA busy_timeout = {_VACUUM_S * 1000:.0f}")
                db.execute("VACUUM")
                db.execute(f"PRAGMA busy_timeout = {_READERS_S * 1000:.0f}")
                busy = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            except sqlite3.OperationalError as error:
                if "full" in str(error):
                    return f"The disk is full; {self._database.path.stat().st_size * 2 >> 20:,} MiB must be free."
                if "locked" not in str(error) and "busy" not in str(error):
                    raise
                busy = 1
            finally:
                db.execute("PRAGMA busy_timeout = 60000")
        if not busy:
            return None
        return f"{FILE_NAME} is being read or written, for instance by a long export or backup; let it finish."

    def _remove_copies(self) -> tuple[str, ...]:
        """Copies of the truth hold what it held before; nothing reads them."""
        left = copies(self._folder)
        for path in left:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
        return tuple(path.name for path in left)

    def _record(self, results: list[ErasureResult]) -> None:
        now = datetime.now(UTC).isoformat()
        with self._database.write() as db:
            for one in results:
                if one.reasons:
                    db.execute("UPDATE erasure SET state = 'pending' WHERE n = ?", (one.number,))
                else:
                    db.execute(
                        "UPDATE erasure SET state = 'erased', needles = NULL, done_at = ? WHERE n = ?",
                        (now, one.number),
                    )
        with self._database.read() as db, suppress(sqlite3.OperationalError):
            db.execute("PRAGMA busy_timeout = 0")
            try:
                db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                db.execute("PRAGMA busy_timeout = 60000")
