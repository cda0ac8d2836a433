"""Only the owner may read a memory: folders 0700 and files 0600, whatever the umask.

The umask itself is never set: all threads of the process share it.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

FOLDER_MODE, FILE_MODE = 0o700, 0o600


def make_folder(folder: Path) -> None:
    """Create it with its parents; an existing folder is not changed."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    for place in reversed(missing):
        place.mkdir(mode=FOLDER_MODE, exist_ok=True)


def restrict_permissions(folder: Path) -> None:
    """Remove the permissions of group and others from everything in the folder; links are not followed.

    Files of another owner are not changed.
    """
    for place, folders, files in os.walk(folder):
        for name, allowed in [*((name, FOLDER_MODE) for name in folders), *((name, FILE_MODE) for name in files)]:
            path = os.path.join(place, name)
            with suppress(FileNotFoundError, PermissionError):
                mode = os.lstat(path).st_mode
                if mode & 0o077 and not os.path.islink(path):
                    os.chmod(path, mode & allowed)
