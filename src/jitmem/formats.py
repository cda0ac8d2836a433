"""The files of a path, and the sessions in each: plain text here, every other form by a reader that is imported for it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from .readers.file_bytes import Lookup, decode_text, read_bytes
from .stores.records import Session

# Without a digit, also of Arabic, Persian and Indic script; every export of a chat has its times.
_PLAIN = re.compile(rb"(?![{<\xef\xfe\xff])[^\d\0\xd9\xdb\xe0]*")


class HistoryFile(NamedTuple):
    """A file to read, by its name from the folder that was given; `lookup` gives the bytes of files beside it."""

    name: str
    load: Callable[[], bytes]
    lookup: Lookup | None = None
    folder: str = ""

    def sessions(self, format: str | None = None, day_first: bool | None = None) -> list[Session]:
        """`BadInput` if it cannot be read. With the folder in `metadata["file"]`, since another may have the same names."""
        found = parse_sessions(self.load(), name=self.name, format=format, day_first=day_first, lookup=self.lookup)
        origin = {"file": f"{self.folder}/{self.name}"} if self.folder else {}
        return [replace(one, metadata={**one.metadata, **origin}) for one in found]


def history_files(path: Path, report: Callable[[str], None]) -> list[HistoryFile]:
    """The one file, or those of a folder or zip; `report` gets a line for what is left out of these."""
    if path.is_dir() or path.suffix.lower() == ".zip":
        from .readers.file_tree import tree_files

        folder = Path(os.path.abspath(path)).stem
        return [HistoryFile(*one, folder) for one in tree_files(path, report)]
    here, whole = Path.cwd(), Path(os.path.abspath(path))
    # With its folder where it is elsewhere: two chats may be called alike.
    parts = whole.relative_to(here).parts if whole.is_relative_to(here) else whole.parts[1:][-2:]
    root = whole.parents[len(parts) - 1]
    return [HistoryFile("/".join(parts), lambda: read_bytes(path), lambda name: _read_beside(root / name))]


def parse_sessions(
    data: bytes, *, name: str, format: str | None = None, day_first: bool | None = None, lookup: Lookup | None = None
) -> list[Session]:
    """The sessions in the bytes of one file, or of standard input when `name` is "-".

    `name`, a file name or a path relative to the folder, is used in messages and for default ids: `trip/day.md` gives
    `trip/day`, and `trip/day-2` for the second of several sessions; standard input gives none. The form is recognised by
    the content, or is `format`. `day_first` says how numeric dates are read where the file leaves it open.
    """
    suffix = PurePosixPath(name).suffix
    if format is None and suffix == ".txt" and not re.search(r"(?:19|20)\d\d", name) and _PLAIN.fullmatch(data):
        # A file name may hold bytes that are not Unicode; an id cannot.
        stem = name.removesuffix(suffix).encode("utf-8", "backslashreplace").decode()
        return [Session(text=decode_text(data, name), id=stem)]
    from .readers.choose_reader import read_file

    return read_file(data, name, format, day_first, lookup)


def _read_beside(file: Path) -> bytes | None:
    return read_bytes(file) if file.is_file() else None
