"""Import an export: read and check all of it first, without a lock, then bring it in, in one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import BinaryIO

from ..stores.connection import Database
from ..stores.errors import BadInput, StoreFull, StoreReadOnly
from .merge import Merge
from .moved import Imported
from .reading import read
from .staging import staged

Tell = Callable[[int], None] | None


def load(database: Database, namespace: str | None, source: BinaryIO, name: str, tell: Tell = None) -> Imported:
    """Into one namespace, or with None each namespace of the file into the one of its name.

    One transaction, since a citation, an item and a proposal may stand on a page that comes later or earlier: whoever
    looks sees nothing of the file, or all of it, and what fails leaves nothing behind. It is short, since parsing,
    checking and stemming are done before it. `tell` hears how many bytes are read.
    """
    if database.read_only:
        raise StoreReadOnly(f"{database.path} cannot be written by this user; nothing was imported.")
    with database.read() as db, staged(db):
        try:
            names = read(db, source, name, tell)
        except sqlite3.OperationalError as error:
            if "full" not in str(error):
                raise
            raise StoreFull(
                "The disk for temporary files is full; nothing was imported. Free some space, or name another folder in"
                " SQLITE_TMPDIR."
            ) from error
        if namespace is not None and len(names) > 1:
            raise BadInput(
                f"{name}: holds {len(names)} namespaces, and they cannot all become {namespace!r}; import each under its"
                " own name with all_namespaces=True (--all). Nothing was imported."
            )
        with database.writing(db):
            return Merge(db).all(namespace)
