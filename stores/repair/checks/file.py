"""The file itself: whether SQLite and the schema find it whole, and who may read it."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path

from ...connection import APPLICATION_ID, FILE_NAME, SCHEMA_VERSION
from ...errors import JitmemError, MemoryNotFound, NotOurStore, StoreDamaged, StoreIsNewer
from ...owner_only import FOLDER_MODE
from ..btree import MAGIC, Pages
from ..repairs import DERIVED
from ..salvage import looks_like_ours
from ..shapes import shapes
from .finding import FIX, Finding, Look, Severity, many, some

SALVAGE = "You: restore a backup, or save the rest with jitmem doctor --salvage NEW_FOLDER."
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


def opened(folder: Path) -> Look:
    """Without a chance to write. `MemoryNotFound`, `NotOurStore` for what is none of ours, `StoreIsNewer`, and
    `StoreDamaged` for what was ours and cannot be opened."""
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
    if not (ours and header.startswith(MAGIC)):
        if not looks_like_ours(path):
            raise NotOurStore(f"{path} has nothing of a memory in it; it was not touched. Choose another folder.")
        raise StoreDamaged(f"The header of {path} is damaged: SQLite does not know it, or not as a memory.")
    wal = path.with_name(path.name + "-wal")
    mode = "ro" if wal.exists() and wal.stat().st_size else "ro&immutable=1"  # the latter makes no file beside it
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None, timeout=60.0)
    db.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
    try:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        rows = db.execute("SELECT type, name, rootpage FROM sqlite_master").fetchall()
    except (sqlite3.Error, UnicodeDecodeError) as error:  # the latter of the message in which SQLite names the damage
        db.close()
        why = error if isinstance(error, sqlite3.Error) else "its schema is no text"
        raise StoreDamaged(f"{path} cannot be opened: {why}.") from error
    if version > SCHEMA_VERSION:
        db.close()
        raise StoreIsNewer(f"{path} was written by a newer jitmem (schema {version}, this one knows {SCHEMA_VERSION}).")
    return Look(
        folder,
        db,
        frozenset(name for kind, name, _ in rows if kind == "table"),
        {root: name for kind, name, root in rows if kind in ("table", "index")},
        frozenset(name for kind, name, _ in rows if kind == "index"),
    )


def integrity(look: Look) -> Iterator[Finding]:
    """SQLite's own check, and that every row has the row it belongs to. Only tables count as lost: indexes are made
    anew from them."""
    said = [row[0] for row in look.rows("PRAGMA integrity_check")]
    if said != ["ok"]:
        struck = _struck(look, said)
        only_indexes = "" not in struck and all(name in look.indexes for name in struck)
        where = f" in {', '.join(sorted(filter(None, struck)))}" if struck - {""} else ""
        yield Finding(
            "damage",
            "file",
            f"SQLite finds {many(len(said), 'fault')}{where}: {'; '.join(said[:2])}",
            f"{FIX} builds the indexes anew." if only_indexes else SALVAGE,
            len(said),
            fix="sqlite indexes" if only_indexes else None,
        )
        if only_indexes:  # what follows is looked up in them
            return
    orphans: dict[str, int] = {}
    for table, *_ in look.each("PRAGMA foreign_key_check"):
        orphans[table] = orphans.get(table, 0) + 1
    derived = {table for table, *_ in DERIVED}
    for table, count in sorted(orphans.items()):
        yield Finding(
            "attention" if table in derived else "damage",
            "file",
            f"{many(count, 'row')} of table {table} without the row to belong to.",
            f"{FIX} removes them." if table in derived else SALVAGE,
            count,
            fix="orphans" if table in derived else None,
        )


def schema_version(look: Look) -> Iterator[Finding]:
    """Older is no fault; a table that is missing is."""
    version = look.rows("PRAGMA user_version")[0][0]
    if version < SCHEMA_VERSION:
        yield Finding(
            "note",
            "file",
            f"It is of an older jitmem (schema {version}, now {SCHEMA_VERSION}).",
            "Nobody has to: the next time it is opened to write, it is upgraded.",
        )
    elif missing := sorted(shapes().keys() - look.tables):
        yield Finding("damage", "file", f"Tables are missing: {', '.join(missing)}.", SALVAGE, len(missing))


def readable(look: Look) -> Iterator[Finding]:
    """Every row: text that is text, JSON that is JSON, times that are times."""
    for table, shape in shapes().items():
        if table not in look.tables:
            continue
        texts, wrong = [at for at, kind in enumerate(shape.types) if kind == "TEXT"], []
        names = ", ".join(f'"{name}"' for name in shape.columns)
        for rowid, *row in look.each(f"SELECT rowid, {names} FROM {table} NOT INDEXED"):
            if bad := [shape.columns[at] for at in texts if not _reads(table, shape.columns[at], row[at])]:
                wrong.append(f"{table} {rowid}: {', '.join(bad)}")
        if wrong:
            yield Finding(
                "damage",
                "file",
                f"{many(len(wrong), 'row')} of table {table} cannot be read as written.",
                SALVAGE,
                len(wrong),
                some(wrong),
            )


def permissions(look: Look) -> Iterator[Finding]:
    """0600 in 0700. The folder may have been there before, so that it can be listed is only noted."""
    if os.name != "posix":
        return
    mode = stat.S_IMODE(look.folder.stat().st_mode)
    if mode & ~FOLDER_MODE:
        what = f"The folder is open to others (mode {mode:04o}; it should be {FOLDER_MODE:04o})."
        yield _open("attention" if mode & 0o022 else "note", what, [look.folder])
    if inside := list(open_to_others(look.folder)):
        yield _open("attention", f"{many(len(inside), 'file')} in the folder open to others.", inside)


def open_to_others(folder: Path) -> Iterator[Path]:
    """Whatever lies in a folder and has a mode for group or others; links are not followed."""
    for place, folders, files in os.walk(folder):
        for name in sorted([*folders, *files]):
            path = Path(place, name)
            with suppress(FileNotFoundError):
                if not path.is_symlink() and path.lstat().st_mode & 0o077:
                    yield path


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


def _struck(look: Look, said: list[str]) -> set[str]:
    """The tables and indexes that the integrity check speaks of, "" where a fault is in neither.

    A page that is in no tree any more was an index's if it looks so; else it may hold the rows of a table, of which
    SQLite then says only that an index has too many entries.
    """
    with closing(Pages(look.folder / FILE_NAME)) as pages:
        owner = {page: name for root, name in look.trees.items() if root for page in pages.tree(root)}
        names: set[str] = set()
        for line in "\n".join(said).splitlines():
            if line.startswith("*** in database"):
                continue
            found = [look.trees.get(int(root), "") for root in _TREE.findall(line)] + _NAMED.findall(line)
            found += [owner.get(int(page), "") for page in ([] if found else _PAGE.findall(line))]
            if "never used" in line:
                found = [] if all(pages.of_an_index(int(page)) for page in _PAGE.findall(line)) else [""]
                names |= set(found)
            else:
                names |= set(found) or {""}
    return {name.partition(".")[0] for name in names}


def _reads(table: str, column: str, value: object) -> bool:
    if value is None:
        return True
    if not isinstance(value, str):
        return False
    with suppress(ValueError):
        value.encode()
        if column in _JSON.get(table, ()):
            json.loads(value)
        elif column in _TIMES:
            datetime.fromisoformat(value)
        return True
    return False
