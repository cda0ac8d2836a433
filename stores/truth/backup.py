"""Copy the truth while others write it: one committed state, verified before it is renamed into place."""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import JitmemError, NotOurStore, StoreDamaged, StoreFull, StoreReadOnly
from .database import APPLICATION_ID, FILE_NAME, SqliteDatabase, make_folder

_COUNTED = ("session", "page", "passage", "item", "item_version", "entry")


@dataclass(frozen=True, slots=True)
class Backup:
    """A copy that can be opened with `Memory.open(path)`. Counts are of all namespaces in the folder."""

    path: Path
    bytes: int
    sessions: int
    pages: int
    items: int
    entries: int


def backup(database: SqliteDatabase, target: Path) -> Backup:
    """Copy the truth into a new folder `target` (0700, file 0600); indexes are rebuilt there when it is opened.

    `NotOurStore` if `target` exists and is not an empty folder. `StoreFull`, `StoreReadOnly`, `StoreDamaged` if the
    copy is not sound. After any error `target` is not created.
    """
    _check_target(target)
    draft = target.with_name(f".{target.name}-{os.getpid()}-{secrets.token_hex(4)}")
    try:
        make_folder(target.parent)
        draft.mkdir(mode=0o700)
        file = draft / FILE_NAME
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        counts = _copy(database, file)
        sync_to_disk(file)
        sync_to_disk(draft)
        with suppress(FileNotFoundError):
            target.rmdir()  # only an empty folder can be removed
        os.rename(draft, target)
        sync_to_disk(target.parent)
    except sqlite3.Error as error:  # of the copy; errors of the truth are JitmemErrors already
        raise JitmemError(f"The copy at {target} cannot be read again ({error}); no backup was made.") from error
    except PermissionError as error:
        raise StoreReadOnly(f"No permission to make a backup at {target}; choose a folder you can write.") from error
    except FileExistsError as error:
        raise NotOurStore(f"{target} was created by another process meanwhile; choose another folder.") from error
    except OSError as error:
        raise JitmemError(f"No backup can be made at {target}: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return Backup(
        path=target,
        bytes=(target / FILE_NAME).stat().st_size,
        sessions=counts["session"],
        pages=counts["page"],
        items=counts["item"],
        entries=counts["entry"],
    )


def _check_target(target: Path) -> None:
    if (target / FILE_NAME).exists():
        raise NotOurStore(f"{target} is a memory already; a backup never goes over one: choose another folder.")
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise NotOurStore(f"{target} is not a folder; a backup is a new one: choose another path.")
    if target.is_dir() and any(target.iterdir()):
        raise NotOurStore(f"{target} holds other files; choose an empty or a new folder.")


def _copy(database: SqliteDatabase, file: Path) -> dict[str, int]:
    """Rows by table in the copy, equal to those of the state that was copied."""
    with database.read() as source:
        source.execute("BEGIN")  # counts and copy are of one state, even while others write
        try:
            counts = _counts(source)
            with closing(sqlite3.connect(file)) as copy:
                source.backup(copy, pages=-1)
        except sqlite3.OperationalError as error:
            if "full" not in str(error):
                raise
            raise StoreFull(f"The disk of {file.parent.parent} is full; no backup was made.") from error
        finally:
            source.execute("ROLLBACK")
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as copy:
        found = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if found != "ok":
            raise StoreDamaged(f"The copy of {database.path} is not sound ({found}); no backup was made.")
        if copy.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID or _counts(copy) != counts:
            raise StoreDamaged(f"The copy of {database.path} does not hold what it should; no backup was made.")
    return counts


def _counts(db: sqlite3.Connection) -> dict[str, int]:
    return {table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in _COUNTED}


def sync_to_disk(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
