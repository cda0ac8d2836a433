"""What in a folder others may access, and how it is closed to them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from .database import FOLDER_MODE

_FILE_MODE = 0o600


def files_open_to_others(folder: Path) -> Iterator[Path]:
    """Everything in the folder that group or others may access; links are not followed."""
    for place, folders, files in os.walk(folder):
        for name in sorted([*folders, *files]):
            path = Path(place, name)
            with suppress(FileNotFoundError):
                if not path.is_symlink() and path.lstat().st_mode & 0o077:
                    yield path


def restrict_permissions(folder: Path) -> None:
    """Remove the permissions of group and others from everything in the folder; links are not followed.

    Files of another owner are not changed.
    """
    for path in files_open_to_others(folder):
        with suppress(FileNotFoundError, PermissionError):
            path.chmod(path.lstat().st_mode & (FOLDER_MODE if path.is_dir() else _FILE_MODE))
