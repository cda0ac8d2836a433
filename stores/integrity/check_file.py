"""Check the file: SQLite's integrity check, schema, readable rows, permissions."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import stat
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from ..errors import JitmemError, MemoryNotFound, NotOurStore, StoreDamaged, StoreIsNewer
from ..index.chroma_folder import ASIDE, FOLDER, files_open_to_others, is_owned
from ..index.chroma_layout import find_foreign, find_unreached_vectors
from ..times import parse_iso_time
from ..truth.database import (
    APPLICATION_ID,
    CONNECTION,
    FILE_NAME,
    FOLDER_MODE,
    OBJECTS,
    SCHEMA_VERSION,
    refuse_special_files,
)
from ..truth.foreign_content import compare_objects
from .findings import FIX, SALVAGE, Finding, ReadOnlyTruth, Severity, find, many, some
from .repairs import DERIVED
from .row_schema import row_schemas

_MAGIC = b"SQLite format 3\0"
_JSON = {
    "session": ("metadata", "payload"),
    "item_version": ("pages",),
    "proposal": ("edit",),
    "entry_path": ("labels",),
    "entry": ("value",),
    "erasure": ("counts",),
}
_TIMES = ("time", "at", "accepted_at", "filed_at", "decided_at", "created_at", "updated_at", "done_at")
_TREE, _PAGE = re.compile(r"\bTree (\d+)"), re.compile(r"\b[Pp]age (\d+)")
_NAMED = re.compile(r"\b(?:index|NULL value in|value in) (\w+)")


def open_read_only(folder: Path) -> ReadOnlyTruth:
    """`MemoryNotFound`, `NotOurStore` for a file that is not a memory, `StoreIsNewer`, and `StoreDamaged` for a memory
    that cannot be opened."""
    path = folder / FILE_NAME
    if not folder.is_dir() or not path.exists():
        raise MemoryNotFound(f"There is no memory at {folder}: it has no {FILE_NAME}.")
    if path.stat().st_size == 0:
        raise StoreDamaged(f"{path} is empty (0 bytes); restore it from a backup.")
    try:
        with path.open("rb") as file:
            header = file.read(100)
    except OSError as error:
        raise JitmemError(f"{path} cannot be read ({error.strerror}); run this as the user who owns it.") from error
    ours = header[68:72] == APPLICATION_ID.to_bytes(4, "big")
    if not (ours and header.startswith(_MAGIC)):
        from .salvage import has_our_rows

        if not has_our_rows(path):
            raise NotOurStore(f"{path} has nothing of a memory in it; it was not touched. Choose another folder.")
        raise StoreDamaged(f"The header of {path} is damaged: SQLite does not know it, or not as a memory.")
    wal = path.with_name(path.name + "-wal")
    mode = "ro" if wal.exists() and wal.stat().st_size else "ro&immutable=1"  # immutable: no file is created beside it
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", **CONNECTION)
    db.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
    try:
        db.execute("PRAGMA trusted_schema = OFF")
        version = db.execute("PRAGMA user_version").fetchone()[0]
        rows = db.execute("SELECT type, name, rootpage FROM sqlite_master").fetchall()
    except (sqlite3.Error, UnicodeDecodeError) as error:  # the latter from SQLite's error message
        db.close()
        why = error if isinstance(error, sqlite3.Error) else "its schema is no text"
        raise StoreDamaged(f"{path} cannot be opened: {why}.") from error
    if version > SCHEMA_VERSION:
        db.close()
        raise StoreIsNewer(f"{path} was written by a newer jitmem (schema {version}, this one knows {SCHEMA_VERSION}).")
    return ReadOnlyTruth(
        folder,
        db,
        frozenset(name for kind, name, _ in rows if kind == "table"),
        {root: name for kind, name, root in rows if kind in ("table", "index")},
        frozenset(name for kind, name, _ in rows if kind == "index"),
    )


def special_files(folder: Path) -> Iterator[Finding]:
    """Links, pipes and devices where files should be: nothing is read through them."""
    try:
        refuse_special_files(folder)
    except NotOurStore as error:
        yield Finding("damage", "file", str(error), "You: put the file itself into the folder, or restore a backup.")


def unknown_objects(look: ReadOnlyTruth) -> Iterator[Finding]:
    """Tables, views, triggers and definitions that no version has: a query might run them."""
    rows = look.rows(OBJECTS)
    unknown, _ = compare_objects(rows, look.column("PRAGMA user_version")[0])
    yield from find("damage", "file", unknown, "object", " in the file that no jitmem makes.", SALVAGE)


def vector_folder(look: ReadOnlyTruth) -> Iterator[Finding]:
    """Whether the vector index is one that Chroma and this package have written, and what was put aside since it was not."""
    if os.path.lexists(look.folder / FOLDER):
        reason = find_foreign(look.folder / FOLDER, roll_back=False)
        if is_owned(look.folder):  # the owner may be writing what was read
            reason = None
        elif reason is not None:
            what = f"The vector index is not one of this memory ({reason}): no search opens it."
            act = f"{FIX} puts it aside, as the next search does; it is rebuilt."
            yield Finding("attention", "indexes", what, act, fix="vector folder")
        elif unreached := sum(map(len, find_unreached_vectors(look.folder / FOLDER).values())):
            what = f"{many(unreached, 'vector')} that the graph of the index does not reach."
            act = "No action needed: each search compares them one by one, and there is nothing to repair."
            yield Finding("note", "indexes", what, act, unreached)
    aside = [name for name in ASIDE if os.path.lexists(look.folder / name)]
    act = "You: look at it, and delete it; no memory needs it. The next `forget` deletes it too."
    yield from find("note", "indexes", aside, "index", " put aside, for it was not one of this memory.", act)


def integrity(look: ReadOnlyTruth) -> Iterator[Finding]:
    """SQLite's own check, then rows without their owner. Damage in indexes alone loses nothing: they are rebuilt."""
    faults = look.column("PRAGMA integrity_check")
    if faults != ["ok"]:
        names = _damaged_names(look, faults)
        only_indexes = names <= look.indexes
        where = f" in {', '.join(sorted(filter(None, names)))}" if names - {""} else ""
        yield Finding(
            "damage",
            "file",
            f"SQLite finds {many(len(faults), 'fault')}{where}: {'; '.join(faults[:2])}",
            f"{FIX} rebuilds the indexes." if only_indexes else SALVAGE,
            len(faults),
            fix="sqlite indexes" if only_indexes else None,
        )
        if only_indexes:  # the rest is read through them
            return
    derived = {table for table, *_ in DERIVED}
    orphans = Counter(table for table, *_ in look.each("PRAGMA foreign_key_check"))
    for table, count in sorted(orphans.items()):
        yield Finding(
            "attention" if table in derived else "damage",
            "file",
            f"{many(count, 'row')} of table {table} without the row to belong to.",
            f"{FIX} removes them." if table in derived else SALVAGE,
            count,
            fix="orphans" if table in derived else None,
        )


def schema_version(look: ReadOnlyTruth) -> Iterator[Finding]:
    """An older version is only noted; a missing table is damage."""
    version = look.column("PRAGMA user_version")[0]
    if version < SCHEMA_VERSION:
        what = f"It is of an older jitmem (schema {version}, now {SCHEMA_VERSION})."
        yield Finding("note", "file", what, "No action needed: it is upgraded when it is next opened for writing.")
        return
    if missing := sorted(row_schemas().keys() - look.tables):
        yield Finding("damage", "file", f"Tables are missing: {', '.join(missing)}.", SALVAGE, len(missing))
    _, missing = compare_objects(look.rows(OBJECTS), version)
    others = [name for name in missing if not name.startswith("table ")]
    yield from find("damage", "file", others, "index or view", " missing.", SALVAGE)


def readable(look: ReadOnlyTruth) -> Iterator[Finding]:
    """In every row: text is UTF-8, JSON is JSON, times are times."""
    for table, known in row_schemas().items():
        if table not in look.tables or table == "posting":  # has no rowid; compared as a whole by another check
            continue
        texts, wrong = [at for at, kind in enumerate(known.types) if kind == "TEXT"], []
        names = ", ".join(f'"{name}"' for name in known.columns)
        for rowid, *row in look.each(f"SELECT rowid, {names} FROM {table} NOT INDEXED"):
            if bad := [known.columns[at] for at in texts if not _is_readable(table, known.columns[at], row[at])]:
                wrong.append(f"{table} {rowid}: {', '.join(bad)}")
        yield from find("damage", "file", wrong, "row", f" of table {table} cannot be read as written.", SALVAGE)


def permissions(look: ReadOnlyTruth) -> Iterator[Finding]:
    """0600 in 0700. A folder that others can list is only noted: it may have existed before."""
    if os.name != "posix":
        return
    mode = stat.S_IMODE(look.folder.stat().st_mode)
    if mode & ~FOLDER_MODE:
        what = f"The folder is open to others (mode {mode:04o}; it should be {FOLDER_MODE:04o})."
        yield _open("attention" if mode & 0o022 else "note", what, [look.folder])
    if inside := list(files_open_to_others(look.folder)):
        yield _open("attention", f"{many(len(inside), 'file')} in the folder open to others.", inside)


def _open(severity: Severity, what: str, paths: list[Path]) -> Finding:
    own = os.getuid() == 0 or all(path.lstat().st_uid == os.getuid() for path in paths)
    return Finding(
        severity,
        "file",
        what,
        f"{FIX} closes it." if own else "Its owner can close it with chmod.",
        len(paths),
        some(path.name for path in paths),
        "permissions" if own else None,
    )


def _damaged_names(look: ReadOnlyTruth, faults: list[str]) -> set[str]:
    """The tables and indexes that the integrity check names, "" for a fault in neither.

    A page that no b-tree reaches any more belonged to an index if it looks like one of an index; else it may hold rows
    of a table, of which SQLite then only says that an index has too many entries.
    """
    from .raw_file import RawFile

    with closing(RawFile(look.folder / FILE_NAME)) as file:
        owner = {page: name for root, name in look.trees.items() if root for page in file.tree(root)}
        names: set[str] = set()
        for line in "\n".join(faults).splitlines():
            if line.startswith("*** in database"):
                continue
            found = [look.trees.get(int(root), "") for root in _TREE.findall(line)] + _NAMED.findall(line)
            found += [owner.get(int(page), "") for page in ([] if found else _PAGE.findall(line))]
            if "never used" in line:
                names |= set() if all(file.is_index(int(page)) for page in _PAGE.findall(line)) else {""}
            else:
                names |= set(found) or {""}
    return {name.partition(".")[0] for name in names}


def _is_readable(table: str, column: str, value: object) -> bool:
    if value is None:
        return True
    if not isinstance(value, str):
        return False
    with suppress(ValueError):
        value.encode()
        if column in _JSON.get(table, ()):
            json.loads(value)
        elif column in _TIMES:
            parse_iso_time(value)
        return True
    return False
