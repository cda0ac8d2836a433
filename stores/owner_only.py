"""What a memory keeps is its owner's alone: folders 0700 and files 0600, whatever the umask.

The umask itself is never set: it belongs to every thread of the process.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

FOLDER_MODE, FILE_MODE = 0o700, 0o600


def make_folder(folder: Path) -> None:
    """Make it, and the folders on the way to it; one that is there stays as it is."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    for place in reversed(missing):
        place.mkdir(mode=FOLDER_MODE, exist_ok=True)


def close_to_others(folder: Path) -> None:
    """Take from group and others what another program gave them on anything in the folder; links are not followed.

    What somebody else owns stays as it is.
    """
    for place, folders, files in os.walk(folder):
        for name, allowed in [*((name, FOLDER_MODE) for name in folders), *((name, FILE_MODE) for name in files)]:
            path = os.path.join(place, name)
            with suppress(FileNotFoundError, PermissionError):
                mode = os.lstat(path).st_mode
                if mode & 0o077 and not os.path.islink(path):
                    os.chmod(path, mode & allowed)
