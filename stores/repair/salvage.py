"""Read everything that can still be read from a damaged memory into a new one, and never write into the old."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path

from ..connection import APPLICATION_ID, FILE_NAME, Database, schema
from ..errors import BadInput, JitmemError, MemoryNotFound, NotOurStore
from .btree import Pages, Record, Value
from .saved import Salvaged
from .settle import settle
from .settle_passages import Fill
from .shapes import Shape, only, shapes

Tell = Callable[[int, int], None]
"""Told how many pages of the file are read, and of how many."""

_DERIVED_MARKS = ("mark",)  # said anew of what was saved
_BATCH = 500


def salvage(folder: Path, into: Path, fill: Fill, tell: Tell | None = None) -> Salvaged:
    """A new memory in the folder `into`, which must be empty or not there, of what can be read in `folder`.

    `fill` cuts a text without passages into some. Pages, items and changes keep their ids and numbers. `BadInput` for
    a folder that is in use, `MemoryNotFound`, and `NotOurStore` where nothing of a memory is to be found.
    """
    if into.exists() and (not into.is_dir() or any(into.iterdir())):
        raise BadInput(f"{into} is not empty; salvage into a new folder.")
    if into.resolve().is_relative_to(folder.resolve()):
        raise BadInput(f"{into} lies in the damaged memory, which is not touched; choose a folder elsewhere.")
    there = into.exists()
    source = _source(folder)
    Database(into, create=True).close()
    try:
        with closing(sqlite3.connect(into / FILE_NAME, isolation_level=None)) as db:
            db.execute("PRAGMA secure_delete = ON")
            saved = _salvage(source, db, fill, tell)
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except BaseException:
        if there:
            for file in into.iterdir():
                file.unlink()
        else:
            shutil.rmtree(into, ignore_errors=True)
        raise
    saved.folder = into
    return saved


def survey(folder: Path, fill: Fill, tell: Tell | None = None) -> Salvaged:
    """What `salvage` would give; it is put together in memory only."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.executescript(schema())
        return _salvage(_source(folder), db, fill, tell)


def looks_like_ours(path: Path) -> bool:
    """Whether a file that SQLite does not open as ours has rows of a memory all the same."""
    with closing(_open(path)) as pages:
        if pages[1][68:72] == APPLICATION_ID.to_bytes(4, "big"):
            return True
        known = shapes()
        found = (only(known, _values(pages, leaf)) for leaf in pages.leaves())
        return any(shape is not None and shape.table in ("page", "session", "passage") for shape in found)


def _source(folder: Path) -> Path:
    path = folder / FILE_NAME
    if not path.is_file():
        raise MemoryNotFound(f"There is no memory at {folder}: it has no {FILE_NAME}.")
    if path.stat().st_size == 0:
        raise NotOurStore(f"{path} is empty (0 bytes): there is nothing to salvage; restore it from a backup.")
    if not looks_like_ours(path):
        raise NotOurStore(f"{path} has nothing of a memory in it; it was not touched.")
    return path


def _open(path: Path) -> Pages:
    try:
        return Pages(path)
    except OSError as error:
        raise JitmemError(f"{path} cannot be read ({error.strerror}); run this as the user who owns it.") from error


def _salvage(path: Path, db: sqlite3.Connection, fill: Fill, tell: Tell | None) -> Salvaged:
    before = _stamp(path)
    with closing(_open(path)) as pages:
        db.execute("BEGIN")
        ids = _Rows(pages, db, tell or (lambda _done, _of: None)).copy()
        saved = settle(db, ids, fill)
        db.execute("COMMIT")
    if _stamp(path) != before:
        raise BadInput(f"{path} was written meanwhile; close the memory in every process, and try again.")
    return saved


def _stamp(path: Path) -> list[tuple[int, int]]:
    """Size and time of the file and of its log."""
    stamps = []
    for file in (path, path.with_name(path.name + "-wal")):
        with suppress(FileNotFoundError):
            status = file.stat()
            stamps.append((status.st_size, status.st_mtime_ns))
    return stamps


class _Rows:
    """The rows of a file on their way into a new database: first along the trees, then whatever lies about."""

    def __init__(self, pages: Pages, db: sqlite3.Connection, tell: Tell) -> None:
        self._pages, self._db, self._tell = pages, db, tell
        self._seen: set[int] = set()
        self._new = shapes()
        master = [row for row in self._rows(pages.below(1)) if _is_master(row)]
        own = shapes([str(sql) for kind, _, _, _, sql in master if kind == "table"])
        self._known = {**self._new, **own}
        self._trees = {str(name): int(str(root)) for _, name, _, root, _ in master}

    def copy(self) -> dict[int, str]:
        """All of it; gives the ids of pages by number, as their index has them."""
        for table, shape in self._known.items():
            if root := self._trees.get(table):
                self._put(shape, self._leaves(root), whole=False)
        self._strays()
        self._sequences()
        return self._page_ids()

    def _strays(self) -> None:
        for leaf in self._pages.leaves():
            if leaf not in self._seen and (shape := only(self._known, _values(self._pages, leaf))):
                self._put(shape, [leaf], whole=True)

    def _leaves(self, root: int) -> Iterator[int]:
        for leaf in self._pages.below(root):
            if leaf not in self._seen and self._pages.kind(leaf) == 0x0D:
                self._seen.add(leaf)
                self._tell(len(self._seen), len(self._pages))
                yield leaf

    def _put(self, shape: Shape, leaves: Iterable[int], *, whole: bool) -> None:
        """Rows that fit the table, those that came first where two have one key."""
        target = self._new.get(shape.table)
        if target is None or shape.table in _DERIVED_MARKS:
            return
        columns = [(at, name) for at, name in enumerate(shape.columns) if name in target.columns]
        names = ", ".join(f'"{name}"' for _, name in columns)
        insert = f"INSERT OR IGNORE INTO {shape.table} ({names}) VALUES ({','.join('?' * len(columns))})"
        batch: list[tuple[Value, ...]] = []
        for leaf in leaves:
            for record in self._pages.records(leaf):
                if record is not None and shape.fits(record[1], whole=whole):
                    batch.append(tuple(_at(shape, record, at) for at, _ in columns))
            if len(batch) >= _BATCH:
                self._insert(insert, batch)
        self._insert(insert, batch)

    def _insert(self, insert: str, batch: list[tuple[Value, ...]]) -> None:
        for row in batch:
            with suppress(sqlite3.IntegrityError):  # of a damaged row that fits its table by chance
                self._db.execute(insert, row)
        batch.clear()

    def _sequences(self) -> None:
        """Numbers that were given out once are never given out again."""
        for row in self._rows(self._leaves(self._trees.get("sqlite_sequence", 0))):
            if len(row) == 2 and row[0] in self._new and isinstance(row[1], int) and 0 < row[1] < 1 << 53:
                self._db.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?", (row[1], row[0]))
                if not self._db.execute("SELECT 1 FROM sqlite_sequence WHERE name = ?", (row[0],)).fetchone():
                    self._db.execute("INSERT INTO sqlite_sequence VALUES (?, ?)", row)

    def _page_ids(self) -> dict[int, str]:
        root = self._trees.get("sqlite_autoindex_page_1", 0)
        rows = self._rows(self._pages.below(root))
        return {row[1]: row[0] for row in rows if len(row) == 2 and isinstance(row[0], str) and isinstance(row[1], int)}

    def _rows(self, leaves: Iterable[int]) -> Iterator[tuple[Value, ...]]:
        return (record[1] for leaf in leaves for record in self._pages.records(leaf) if record is not None)


def _values(pages: Pages, leaf: int) -> list[tuple[Value, ...]]:
    return [record[1] for record in pages.records(leaf) if record is not None]


def _at(shape: Shape, record: Record, at: int) -> Value:
    rowid, values = record
    if at == shape.alias:
        return rowid
    return values[at] if at < len(values) else None


def _is_master(row: tuple[Value, ...]) -> bool:
    return len(row) == 5 and row[0] in ("table", "index", "view") and isinstance(row[3], int)
