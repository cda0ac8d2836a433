"""Read history: a file, a folder or an archive, in any form that is recognised."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path

from .formats import history_files
from .readers.choose_reader import EmptyHistory
from .stores.errors import BadInput
from .stores.records import Session


def read_history(
    path: str | os.PathLike[str],
    *,
    format: str | None = None,
    day_first: bool | None = None,
    report: Callable[[str], None] | None = None,
) -> list[Session]:
    """The sessions of a file, of all files of a folder, or of a zip: `memory.memorize_many(read_history("export.zip"))`.

    Each file is recognised by its content, or is of the `format` that is given; `jitmem formats` lists them. Ids stay the
    same when an export is read again. `day_first` says how dates like 11/04/2025 are read where a file leaves it open.
    `report` is called with a line for what was left out or could not be read; without it the first is a warning, the
    second raises `BadInput`.
    """
    sessions = []
    files = history_files(Path(path), report or (lambda line: warnings.warn(line, stacklevel=3)))
    for file in files:
        try:
            sessions += file.sessions(format, day_first)
        except BadInput as error:
            if report is None and (len(files) == 1 or not isinstance(error, EmptyHistory)):
                raise
            if report is not None:
                report(str(error))
    return sessions
