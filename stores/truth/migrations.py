"""Bring an older truth to today's schema: a copy of it first, then every step in one transaction."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from pathlib import Path

from ..analyzer import Analyzer
from ..errors import StoreDamaged, StoreFull
from .backup import sync_to_disk
from .database import SCHEMA_MARK, schema
from .numbers import number_rows
from .term_rebuild import index_pages

REPAIR_FOLDER = ".repair-"  # prefix of a temporary folder with a copy of the truth, see integrity/fix.py
_log = logging.getLogger("jitmem")


def _add_columns(db: sqlite3.Connection) -> None:
    for table, columns in NEW_COLUMNS.items():
        for column in columns:
            db.execute(f"ALTER TABLE {table} ADD COLUMN {column}")
    db.execute("DROP INDEX change_erased")


def _fill(db: sqlite3.Connection, analyzer: Analyzer) -> None:
    number_rows(db)
    index_pages(db, analyzer)


NEW_COLUMNS = {
    "namespace": tuple(f"{name} INTEGER NOT NULL DEFAULT 0" for name in ("head", "proposals", "items", "erased")),
    "session": ("leased_by TEXT", "leased_until REAL"),
    "change": ("number INTEGER NOT NULL DEFAULT 0",),
    "proposal": ("number INTEGER NOT NULL DEFAULT 0",),
}
CHANGES: dict[int, Callable[[sqlite3.Connection], object]] = {4: _add_columns}
"""By version, what is to be done to the rows and tables of the version before it, before those that are new are made."""
FILLS: Mapping[int, Callable[[sqlite3.Connection, Analyzer], object]] = {4: _fill}
"""By version, how the tables that are new are filled."""


def upgrade(
    db: sqlite3.Connection, reader: sqlite3.Connection, path: Path, target: int, analyzer: Analyzer
) -> Path | None:
    """From the version that the file has to `target`; where the copy of before lies, None where none was needed.

    `db` and `reader` are two connections to `path` without a transaction. Of several processes one upgrades, the
    others wait for it. A failure, a kill and a full disk leave the old version as it was.
    """
    db.execute("BEGIN IMMEDIATE")
    copy: Path | None = None
    try:
        version = _version(db)
        if version < target:
            copy = _copy_truth(reader, path, version)  # no process writes meanwhile: this one has the lock
            for step in range(version + 1, target + 1):
                _take(db, step, analyzer, newest=step == target)
        db.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            db.execute("ROLLBACK")
        if copy is not None:
            copy.unlink(missing_ok=True)
        raise
    if copy is not None:
        _log.warning(
            "%s was upgraded from schema %d to %d. A copy of before is %s; remove it when all is well.",
            path,
            version,
            target,
            copy.name,
        )
    return copy


def copies(folder: Path) -> list[Path]:
    """The copies of the truth that upgrades have left in a folder, also drafts and folders of killed processes, and
    indexes that were put aside: all may hold what was forgotten since."""
    patterns = ("truth.sqlite3.v*-copy", ".truth.sqlite3.v*-copy.part*", f"{REPAIR_FOLDER}*", "vectors.aside*")
    return sorted(path for pattern in patterns for path in folder.glob(pattern))


def _take(db: sqlite3.Connection, version: int, analyzer: Analyzer, *, newest: bool) -> None:
    for (view,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'view'").fetchall():
        db.execute(f'DROP VIEW "{view}"')  # created again below: a view holds no rows
    if version in CHANGES:
        CHANGES[version](db)
    for statement in schema("schema.sql" if newest else f"schema_{version}.sql").split(";"):
        db.execute(statement)
    if version in FILLS:
        FILLS[version](db, analyzer)
    db.execute(f"PRAGMA user_version = {version}")
    db.execute("INSERT OR REPLACE INTO mark (name, n) VALUES (?, ?)", (SCHEMA_MARK, version))


def _copy_truth(reader: sqlite3.Connection, path: Path, version: int) -> Path:
    """The truth as it is, beside it and for its owner alone; one that an attempt before this has left is replaced."""
    copy = path.with_name(f"{path.name}.v{version}-copy")
    draft = path.with_name(f".{copy.name}.part")
    try:
        draft.unlink(missing_ok=True)
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        with closing(sqlite3.connect(draft)) as target:
            reader.backup(target, pages=-1)
        with closing(sqlite3.connect(f"{draft.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as written:
            if written.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok" or _version(written) != version:
                raise StoreDamaged(f"{path} could not be copied faithfully before its upgrade; run: jitmem doctor")
        os.replace(draft, copy)
        sync_to_disk(path.parent)
    except OSError as error:
        raise StoreFull(
            f"No copy of {path} can be made before its upgrade ({error.strerror}); nothing was changed."
            f" Free {path.stat().st_size >> 20:,} MiB or more and try again."
        ) from error
    finally:
        for left in (draft, draft.with_name(draft.name + "-journal"), draft.with_name(draft.name + "-wal")):
            left.unlink(missing_ok=True)
    return copy


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])
