"""Carry repairs out on a memory: in one transaction for the truth, then Chroma's folder, then permissions."""

from __future__ import annotations

import shutil
import sqlite3
import stat
from collections.abc import Collection
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from ..chroma_folder import FOLDER, ChromaFolder
from ..connection import Database
from ..embeddings import SUBJECTS, EmbeddingStore
from ..errors import StoreDamaged
from ..owner_only import FOLDER_MODE, close_to_others
from .checks.file import open_to_others
from .checks.indexes import owned
from .repairs import (
    Repair,
    complete_log,
    drop_orphans,
    drop_vectors,
    models,
    newest_versions,
    write_sketches,
    write_stems,
)

_IN_THE_TRUTH: dict[str, tuple[Repair, str]] = {  # in the order in which one needs the other
    "orphans": (drop_orphans, "Removed {} rows that belonged to nothing."),
    "change log": (complete_log, "Told the change log of {} pages."),
    "newest versions": (newest_versions, "Put the number of the newest version right for {} items."),
    "sketches": (write_sketches, "Wrote {} sketches anew."),
    "stems": (write_stems, "Wrote the stems of {} rows anew."),
    "vectors": (drop_vectors, "Removed vectors and put back marks, {} in all; what is missing is embedded again."),
}


def mend(folder: Path, wanted: Collection[str]) -> list[str]:
    """Repairs by their name, as findings have it; a sentence for each that did something."""
    done = []
    if "permissions" in wanted:
        done += _tighten(folder)
    if set(wanted) == {"permissions"}:
        return done
    with closing(Database(folder, create=False)) as database:
        if "sqlite indexes" in wanted:
            done.append(_build_indexes(database))
        with database.write() as db:
            for name, (repair, sentence) in _IN_THE_TRUTH.items():
                if name in wanted and (count := repair(db)):
                    done.append(sentence.format(f"{count:,}"))
        if "chroma" in wanted:
            done += _build_chroma(database, folder)
    return done


def _tighten(folder: Path) -> list[str]:
    before = list(open_to_others(folder))
    mode = stat.S_IMODE(folder.stat().st_mode)
    folder.chmod(mode & FOLDER_MODE)
    close_to_others(folder)
    closed = len(before) - len(list(open_to_others(folder))) + bool(mode & ~FOLDER_MODE)
    return [f"Closed {closed} files or folders to others."] if closed else []


def _build_indexes(database: Database) -> str:
    """From the tables. Where SQLite cannot take the damaged ones down, the tables are copied into a new file, and
    that over this one, in one transaction."""
    try:
        with database.write() as db:
            db.execute("REINDEX")
            if db.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
                raise StoreDamaged(f"{database.path} is damaged in more than its indexes.")
    except StoreDamaged:
        _copy_over(database)
    return "Built SQLite's indexes anew from the tables."


def _copy_over(database: Database) -> None:
    with TemporaryDirectory(dir=database.path.parent, prefix=".mending-") as temporary:
        copy = Path(temporary, "copy.sqlite3")
        with database.read() as db:
            tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            before = _counts(db, tables)
            db.execute("VACUUM INTO ?", (str(copy),))
        with closing(sqlite3.connect(copy)) as made:
            if made.execute("PRAGMA integrity_check").fetchall() != [("ok",)] or _counts(made, tables) != before:
                raise StoreDamaged(f"{database.path} is damaged in more than its indexes; jitmem doctor --salvage.")
            with database.read() as db:
                made.backup(db)


def _counts(db: sqlite3.Connection, tables: Collection[str]) -> list[int]:
    """How many rows each table has, counted in the table itself."""
    return [db.execute(f"SELECT count(*) FROM {table} NOT INDEXED").fetchone()[0] for table in tables]


def _build_chroma(database: Database, folder: Path) -> list[str]:
    """From the vectors on file; nothing where another process has the folder open."""
    with owned(folder) as free:
        if not free:
            return []
        shutil.rmtree(folder / FOLDER, ignore_errors=True)
    with database.read() as db:
        named = list(models(db))
    made = ChromaFolder(folder)
    try:
        for model in named:
            for subject in SUBJECTS:
                if vectors := made.vectors(EmbeddingStore(database, model, subject)):
                    vectors.catch_up()
    finally:
        made.close()
    return ["Built Chroma's folder anew from the vectors on file."]
