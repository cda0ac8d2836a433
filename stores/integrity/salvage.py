"""Copy every row that is readable in a damaged memory into a new one; the old one is never written."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path

from ..errors import BadInput, JitmemError, MemoryNotFound, NotOurStore
from ..records import Progress
from ..truth.database import APPLICATION_ID, FILE_NAME, SqliteDatabase, refuse_special_files, schema
from .findings import SalvageReport
from .normalise import CutPassages, normalise
from .raw_file import LEAF, RawFile
from .row_schema import RowSchema, Value, identify, row_schemas, row_schemas_of


def salvage(folder: Path, into: Path, cut: CutPassages, progress: Progress | None = None) -> SalvageReport:
    """Salvage the memory in `folder` into a new one in `into`, which must be empty or missing.

    `cut` cuts text that is in no passage. Pages, items and changes keep their ids and numbers. `BadInput` for a folder
    that is in use, `MemoryNotFound`, and `NotOurStore` if nothing of a memory is found.
    """
    if into.exists() and (not into.is_dir() or any(into.iterdir())):
        raise BadInput(f"{into} is not empty; salvage into a new folder.")
    if into.resolve().is_relative_to(folder.resolve()):
        raise BadInput(f"{into} lies in the damaged memory, which is not touched; choose a folder elsewhere.")
    existed = into.exists()
    source = _source(folder)
    SqliteDatabase(into, create=True).close()
    try:
        with closing(sqlite3.connect(into / FILE_NAME, isolation_level=None)) as db:
            db.execute("PRAGMA secure_delete = ON")
            report = _salvage(source, db, cut, progress)
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except BaseException:
        if existed:
            for file in into.iterdir():
                file.unlink()
        else:
            shutil.rmtree(into, ignore_errors=True)
        raise
    report.folder = into
    return report


def survey(folder: Path, cut: CutPassages) -> SalvageReport:
    """What `salvage` would give, put together in memory only."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.executescript(schema())
        return _salvage(_source(folder), db, cut, None)


def has_our_rows(path: Path) -> bool:
    """Whether a file that SQLite cannot open as a memory has rows of one."""
    with closing(_open(path)) as file:
        if file.application_id == APPLICATION_ID:
            return True
        known = row_schemas()
        found = (identify(known, _rows(file, [leaf])) for leaf in file.table_leaves())
        return any(one is not None and one.table in ("page", "session", "passage") for one in found)


def _source(folder: Path) -> Path:
    path = folder / FILE_NAME
    refuse_special_files(folder)
    if not path.is_file():
        raise MemoryNotFound(f"There is no memory at {folder}: it has no {FILE_NAME}.")
    if path.stat().st_size == 0:
        raise NotOurStore(f"{path} is empty (0 bytes): there is nothing to salvage; restore it from a backup.")
    if not has_our_rows(path):
        raise NotOurStore(f"{path} has nothing of a memory in it; it was not touched.")
    return path


def _open(path: Path) -> RawFile:
    try:
        return RawFile(path)
    except OSError as error:
        raise JitmemError(f"{path} cannot be read ({error.strerror}); run this as the user who owns it.") from error


def _salvage(path: Path, db: sqlite3.Connection, cut: CutPassages, progress: Progress | None) -> SalvageReport:
    before = _stamp(path)
    with closing(_open(path)) as file:
        db.execute("BEGIN")
        page_ids = _Copy(file, db, progress or (lambda _done, _of: None)).run()
        report = normalise(db, page_ids, cut)
        db.execute("COMMIT")
    if _stamp(path) != before:
        raise BadInput(f"{path} was written meanwhile; close the memory in every process, and try again.")
    return report


def _stamp(path: Path) -> list[tuple[int, int]]:
    stats = [file.stat() for file in (path, path.with_name(path.name + "-wal")) if file.exists()]
    return [(stat.st_size, stat.st_mtime_ns) for stat in stats]


class _Copy:
    """Copies the rows of a file into a new database: first those of its b-trees, then those of stray leaves."""

    def __init__(self, file: RawFile, db: sqlite3.Connection, progress: Progress) -> None:
        self._file, self._db, self._progress = file, db, progress
        self._seen: set[int] = set()
        self._new = row_schemas()
        master = [row for row in _rows(file, file.pages_with_rows(1)) if _is_master(row)]
        own = row_schemas_of([str(sql) for kind, name, _, _, sql in master if kind == "table" and name in self._new])
        self._known = {**self._new, **own}
        self._roots = {str(name): int(str(root)) for _, name, _, root, _ in master}

    def run(self) -> dict[int, str]:
        """Copy all; returns page ids by number, from the index on them."""
        for table, known in self._known.items():
            if root := self._roots.get(table):
                self._copy(known, self._leaves(root), whole=False)
        for leaf in self._file.table_leaves():
            if leaf not in self._seen and (stray := identify(self._known, _rows(self._file, [leaf]))):
                self._copy(stray, [leaf], whole=True)
        self._copy_sequences()
        index = self._file.pages_with_rows(self._roots.get("sqlite_autoindex_page_1", 0))
        return {
            row[1]: row[0]
            for row in _rows(self._file, index)
            if len(row) == 2 and isinstance(row[0], str) and isinstance(row[1], int)
        }

    def _leaves(self, root: int) -> Iterator[int]:
        for leaf in self._file.pages_with_rows(root):
            if leaf not in self._seen and self._file.kind(leaf) == LEAF:
                self._seen.add(leaf)
                self._progress(len(self._seen), self._file.page_count)
                yield leaf

    def _copy(self, source: RowSchema, leaves: Iterable[int], *, whole: bool) -> None:
        """Rows that match the table; of two with one key the first."""
        target = self._new.get(source.table)
        if target is None or source.table in ("mark", "indexed_page"):  # derived from what was saved
            return
        columns = [(at, name) for at, name in enumerate(source.columns) if name in target.columns]
        names = ", ".join(f'"{name}"' for _, name in columns)
        insert = f"INSERT OR IGNORE INTO {source.table} ({names}) VALUES ({','.join('?' * len(columns))})"
        for leaf in leaves:
            for rowid, values in self._file.records(leaf):
                if source.matches(values, whole=whole):
                    row = [rowid if at == source.alias else (*values, *[None] * at)[at] for at, _ in columns]
                    with suppress(sqlite3.IntegrityError):  # a damaged row that matches its table by chance
                        self._db.execute(insert, row)

    def _copy_sequences(self) -> None:
        """Numbers that were used once are never used again."""
        for row in _rows(self._file, self._leaves(self._roots.get("sqlite_sequence", 0))):
            if len(row) == 2 and row[0] in self._new and isinstance(row[1], int) and 0 < row[1] < 1 << 53:
                self._db.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?", (row[1], row[0]))
                if not self._db.execute("SELECT 1 FROM sqlite_sequence WHERE name = ?", (row[0],)).fetchone():
                    self._db.execute("INSERT INTO sqlite_sequence VALUES (?, ?)", row)


def _rows(file: RawFile, leaves: Iterable[int]) -> list[tuple[Value, ...]]:
    return [values for leaf in leaves for _, values in file.records(leaf)]


def _is_master(row: tuple[Value, ...]) -> bool:
    return len(row) == 5 and row[0] in ("table", "index", "view") and isinstance(row[3], int)
