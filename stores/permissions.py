"""Only the owner may read a memory: folders 0700 and files 0600, whatever the umask.

The umask itself is never set: all threads of the process share it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

FOLDER_MODE, FILE_MODE = 0o700, 0o600


def make_folder(folder: Path) -> None:
    """Create it with its parents; an existing folder is not changed."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    for place in reversed(missing):
        place.mkdir(mode=FOLDER_MODE, exist_ok=True)


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
            path.chmod(path.lstat().st_mode & (FOLDER_MODE if path.is_dir() else FILE_MODE))
