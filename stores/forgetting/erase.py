"""Erase: make what was forgotten gone from every file as well, and look whether it is."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Protocol

import numpy as np
from filelock import FileLock, Timeout

from ..connection import FILE_NAME, Database
from ..migrations import copies
from .holders import holders, named
from .needles import TEXT, VECTOR, Finder, Hashes, Pieces, normalised, united
from .receipts import Scan

_LOCK = ".erase.lock"
_TURN_S, _VACUUM_S, _READERS_S = 60.0, 10.0, 2.0  # how long to wait for another eraser, for writers, for readers

_AGAIN = 3  # attempts where others forget at the same time


class VectorFiles(Protocol):
    """The files of a vector index."""

    def renew(self, database: Database) -> str | None:
        """Take away what was made before the newest erasure of vectors; who keeps it where that cannot be done."""


@dataclass(frozen=True, slots=True)
class Erased:
    """How far an erasure has come. It is done where no reason is left and the scan found nothing."""

    number: int
    reasons: tuple[str, ...]
    scan: Scan
    removed: tuple[str, ...] = ()

    @property
    def done(self) -> bool:
        """Whether nothing is left in any file."""
        return not self.reasons and not self.scan.found


class Eraser:
    """Of one folder. Rows are deleted by others; this makes their bytes go. Thread- and process-safe."""

    def __init__(self, database: Database, vectors: VectorFiles) -> None:
        self._database = database
        self._vectors = vectors
        self._folder = database.path.parent

    def finish(self, *, wait_s: float = _TURN_S) -> list[Erased]:
        """Everything that waits to be erased, in the order it was forgotten; `[]` where nothing does."""
        if not self._open():
            return []
        lock = FileLock(self._folder / _LOCK, mode=0o600)
        try:
            with lock.acquire(timeout=wait_s):
                ended: dict[int, Erased] = {}
                for _ in range(_AGAIN):  # what others forget meanwhile may say the same: then both wait for both
                    waiting = self._open()
                    if not {number for number, *_ in waiting} - ended.keys():
                        break
                    ended |= {one.number: one for one in self._finish(waiting)}
                return list(ended.values())
        except Timeout:
            told = ("Another process is erasing in this folder.",)
            return [Erased(number, told, Scan(0, 0, len(needles))) for number, _, needles in self._open()]

    def recover(self) -> None:
        """What a process has deleted that died before it could erase; not what others are at work on."""
        with self._database.read() as db:
            left = db.execute("SELECT 1 FROM erasure WHERE state = 'deleted' LIMIT 1").fetchone()
        if left:
            self.finish(wait_s=0)

    def result(self, number: int) -> Erased | None:
        """How an erasure ended that another one has finished; None while it has not."""
        with self._database.read() as db:
            row = db.execute("SELECT scan FROM erasure WHERE n = ? AND state = 'erased'", (number,)).fetchone()
        return None if row is None else Erased(number, (), Scan(**{**json.loads(row[0]), "found": ()}))

    # ------------------------------------------------------------------------------------------------------

    def _open(self) -> list[tuple[int, bool, Pieces]]:
        """`(number, whether vectors went, pieces)` of what is not erased yet."""
        with self._database.read() as db:
            rows = db.execute("SELECT n, counts, needles FROM erasure WHERE state != 'erased' ORDER BY n").fetchall()
        return [
            (
                n,
                bool(json.loads(counts).get("vectors")),
                np.frombuffer(needles or b"", "<u8").reshape(-1, 2).astype(np.uint64),
            )
            for n, counts, needles in rows
        ]

    def _finish(self, waiting: list[tuple[int, bool, Pieces]]) -> list[Erased]:
        if not waiting:
            return []
        of_rows = self._compact()
        of_vectors = self._vectors.renew(self._database)
        began = time.perf_counter()
        found, files, size = self._scanned(united([needles for *_, needles in waiting]))
        removed = [name for name in found if self._folder / name in copies(self._folder)]
        for name in removed:  # of before an upgrade: it holds what must be forgotten
            (self._folder / name).unlink(missing_ok=True)
            del found[name]
        seconds = time.perf_counter() - began
        ended = []
        for number, vectors, needles in waiting:
            here = tuple(name for name, hashes in found.items() if len(np.intersect1d(hashes, needles[:, 1])))
            reasons = [*of_rows, *([of_vectors] if vectors and of_vectors else [])]
            if here and not reasons:
                reasons.append(f"It can still be read in {', '.join(here)}.")
            scan = Scan(files, size, len(needles), here, round(seconds, 3))
            ended.append(Erased(number, tuple(reasons), scan, tuple(removed)))
        self._note(ended)
        return ended

    def _compact(self) -> list[str]:
        """Write the truth anew without its gaps, and empty the log before it; why not, where it cannot be done."""
        with self._database.read() as db:
            try:
                db.execute(f"PRAGMA busy_timeout = {_VACUUM_S * 1000:.0f}")
                db.execute("VACUUM")
                db.execute(f"PRAGMA busy_timeout = {_READERS_S * 1000:.0f}")
                busy = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            except sqlite3.OperationalError as error:
                if "full" in str(error):
                    return [f"The disk is full; {self._database.path.stat().st_size * 2 >> 20:,} MiB must be free."]
                if "locked" not in str(error) and "busy" not in str(error):
                    raise
                busy = 1
            finally:
                db.execute("PRAGMA busy_timeout = 60000")
        if not busy:
            return []
        return [f"{FILE_NAME} is being read or written by {named(holders(self._database.path))}."]

    def _scanned(self, needles: Pieces) -> tuple[dict[str, Hashes], int, int]:
        """By file, which pieces it holds that are not of what is kept; how many files, and bytes."""
        of_truth, of_others = Finder(needles), Finder(needles, (TEXT, VECTOR))
        found: dict[str, Hashes] = {}
        size = 0
        files = sorted(path for path in self._folder.rglob("*") if path.is_file() and not path.is_symlink())
        for path in files:
            # What is shorter than a piece of a text would be found in others by chance; no text of ours is in them.
            hashes, length = (of_truth if path.name.startswith(FILE_NAME) else of_others).in_file(path)
            size += length
            if len(hashes):
                found[str(path.relative_to(self._folder))] = hashes
        if found:
            seen = np.isin(needles[:, 1], np.concatenate(list(found.values())))
            kept = Finder(needles[seen]).in_values(self._kept())
            found = {name: left for name, hashes in found.items() if len(left := np.setdiff1d(hashes, kept))}
        return found, len(files), size

    def _kept(self) -> Iterator[bytes]:
        """Every value of the truth as it is stored, vectors also divided by their length."""
        with self._database.read() as db:
            tables = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall()
            for name, sql in tables:
                yield str(sql).encode()
                for row in db.execute(f'SELECT * FROM "{name}"') if name != "erasure" else ():
                    for value in row:
                        if isinstance(value, str):
                            yield value.encode("utf-8", "surrogatepass")
                        elif isinstance(value, bytes):
                            yield value
                            yield normalised(value)

    def _note(self, ended: list[Erased]) -> None:
        """Write down what is done, without the hashes; then empty the log once more, where they were too."""
        now = datetime.now(UTC).isoformat()
        with self._database.write() as db:
            for one in ended:
                if not one.done:
                    db.execute("UPDATE erasure SET state = 'pending' WHERE n = ?", (one.number,))
                    continue
                db.execute(
                    "UPDATE erasure SET state = 'erased', needles = NULL, scan = ?, done_at = ? WHERE n = ?",
                    (json.dumps(asdict(one.scan)), now, one.number),
                )
        with self._database.read() as db, suppress(sqlite3.OperationalError):
            db.execute("PRAGMA busy_timeout = 0")
            try:
                db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                db.execute("PRAGMA busy_timeout = 60000")
