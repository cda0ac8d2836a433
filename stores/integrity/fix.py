"""Apply repairs to a memory: permissions, SQLite's indexes, the rows in one transaction."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Collection
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from ..errors import StoreDamaged
from ..index.chroma_folder import ChromaFolder, files_open_to_others, restrict_permissions
from ..truth.database import FOLDER_MODE, SqliteDatabase
from ..truth.migrations import REPAIR_FOLDER
from ..truth.numbers import number_rows
from ..truth.term_rebuild import rebuild_postings
from .repairs import (
    Repair,
    complete_log,
    drop_orphans,
    drop_vectors,
    write_newest_versions,
    write_sketches,
    write_stems,
)

_ROW_REPAIRS: dict[
    str, tuple[Repair, str, str]
] = {  # each may need those before it; what was done to how many of which
    "orphans": (drop_orphans, "Removed {} that belonged to nothing.", "row"),
    "change log": (complete_log, "Added {} to the change log.", "page"),
    "numbers": (number_rows, "Numbered the changes and proposals of namespaces again: {}.", "row"),
    "newest versions": (write_newest_versions, "Corrected the number of the newest version of {}.", "item"),
    "sketches": (write_sketches, "Rewrote {} by which duplicates are known.", "key"),
    "stems": (write_stems, "Rewrote the stems of {}.", "row"),
    "postings": (rebuild_postings, "Rewrote the keyword postings of {}.", "page"),
    "vectors": (
        drop_vectors,
        "Removed vectors and lowered marks, {} in all; what is missing is embedded again.",
        "row",
    ),
}


def apply_fixes(folder: Path, wanted: Collection[str]) -> list[str]:
    """Apply repairs by name (`Finding.fix`); returns a sentence for each that changed something."""
    done = []
    if "permissions" in wanted:
        done += _restrict(folder)
    if "vector folder" in wanted:
        done += filter(None, [ChromaFolder(folder).put_aside_foreign()])
    if set(wanted) <= {"permissions", "vector folder"}:
        return done
    with closing(SqliteDatabase(folder, create=False)) as database:
        if "sqlite indexes" in wanted:
            done.append(_rebuild_indexes(database))
        with database.write() as db:
            for name, (repair, sentence, noun) in _ROW_REPAIRS.items():
                if name in wanted and (count := repair(db)):
                    done.append(sentence.format(f"{count:,} {noun}{'' if count == 1 else 's'}"))
    return done


def _restrict(folder: Path) -> list[str]:
    before = list(files_open_to_others(folder))
    mode = stat.S_IMODE(folder.stat().st_mode)
    folder.chmod(mode & FOLDER_MODE)
    restrict_permissions(folder)
    closed = len(before) - len(list(files_open_to_others(folder))) + bool(mode & ~FOLDER_MODE)
    return [f"Removed the permissions of others on {closed} files or folders."] if closed else []


def _rebuild_indexes(database: SqliteDatabase) -> str:
    try:
        with database.write() as db:
            db.execute("REINDEX")
            if db.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
                raise StoreDamaged(f"{database.path} is damaged in more than its indexes.")
    except StoreDamaged:  # SQLite cannot always drop an index that is damaged
        _replace_by_copy(database)
    return "Rebuilt SQLite's indexes from the tables."


def _replace_by_copy(database: SqliteDatabase) -> None:
    """Copy the tables into a new file, whose content then replaces this one in one transaction."""
    with TemporaryDirectory(dir=database.path.parent, prefix=REPAIR_FOLDER) as temporary, database.read() as db:
        copy = Path(temporary, "copy.sqlite3")
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        before = _counts(db, tables)
        db.execute("VACUUM INTO ?", (str(copy),))
        with closing(sqlite3.connect(copy)) as rebuilt:
            if rebuilt.execute("PRAGMA integrity_check").fetchall() != [("ok",)] or _counts(rebuilt, tables) != before:
                raise StoreDamaged(f"{database.path} is damaged in more than its indexes; jitmem doctor --salvage.")
            rebuilt.backup(db)


def _counts(db: sqlite3.Connection, tables: Collection[str]) -> list[int]:
    """Rows of each table, counted without its indexes."""
    return [db.execute(f"SELECT count(*) FROM {table} NOT INDEXED").fetchone()[0] for table in tables]
