"""Find what no version of this package puts into a truth: schema objects, and a journal that names another file."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import NotOurStore, StoreDamaged, UnknownSchema
from .database import DOCTOR, SCHEMA_VERSION, schema

_SUPER_JOURNAL = bytes.fromhex("d9d505f920a163d7")
_BLANK = r"(?:--[^\n]*+|\s)"
_TOKENS = re.compile(rf"('(?:[^']|'')*'|\"(?:[^\"]|\"\")*\")|{_BLANK}*+([(),]){_BLANK}*+|{_BLANK}++")
_MOST_NAMES = 9


def refuse_unknown_objects(path: Path, rows: Sequence[Any], version: int) -> None:
    """`UnknownSchema` for objects that the schema of the version does not have; `StoreDamaged` for missing ones of the
    newest (an older schema is completed by its upgrade). `rows` are `(type, name, tbl_name, sql)` of `sqlite_master`."""
    unknown, missing = compare_objects(rows, version)
    if unknown:
        names = f"{', '.join(unknown[:_MOST_NAMES])}{', …' if len(unknown) > _MOST_NAMES else ''}"
        raise UnknownSchema(
            f"{path} holds what no jitmem makes ({names}); nothing of it was run or changed. Restore a backup, or save the"
            " pages and items alone with: jitmem doctor --salvage NEW_FOLDER"
        )
    if missing and version == SCHEMA_VERSION:
        raise StoreDamaged(f"{path} is damaged (it has no {', no '.join(missing[:_MOST_NAMES])}). {DOCTOR}")


def refuse_super_journal(journal: Path) -> None:
    """`NotOurStore` for a journal that names another file, which SQLite would delete; none of ours does."""
    if ends_in_super_journal(journal):
        raise NotOurStore(f"{journal} names another file, which SQLite would delete; nothing was touched. Remove it.")


def ends_in_super_journal(journal: Path) -> bool:
    """Whether a rollback journal names another file at its end."""
    with journal.open("rb") as file:
        file.seek(max(0, journal.stat().st_size - len(_SUPER_JOURNAL)))
        return file.tell() > 0 and file.read() == _SUPER_JOURNAL


def compare_objects(rows: Sequence[Any], version: int) -> tuple[list[str], list[str]]:
    """The objects that the schema of the version does not have, and those that are missing, as `trigger NAME`.

    One of an older schema may have the newest form: a process that had the file open during an upgrade may have made it.
    """
    own, newest = _expected_objects(version), _expected_objects(SCHEMA_VERSION)
    found = {(kind, name, table): _plain(sql) for kind, name, table, sql in rows}
    unknown = [
        f"{kind} {name!r:.60}"
        for (kind, name, table), sql in found.items()
        if sql not in {one[kind, name, table] for one in (own, newest) if (kind, name, table) in one}
    ]
    missing = [f"{kind} {name}" for kind, name, _ in own.keys() - found.keys()]
    return sorted(unknown), sorted(missing)


@cache
def _expected_objects(version: int) -> dict[tuple[str, str, str], str | None]:
    """Definitions by kind, name and table."""
    name = "schema.sql" if version >= SCHEMA_VERSION else f"schema_{version}.sql"
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript(schema(name))
        rows = db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
    return {(kind, name, table): _plain(sql) for kind, name, table, sql in rows}


def _plain(sql: str | None) -> str | None:
    """A definition without comments, and with one blank for white space, except within quotes."""
    return None if sql is None else _TOKENS.sub(lambda found: found[1] or found[2] or " ", sql).strip()
