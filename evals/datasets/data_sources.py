"""Where the files of a data set are published, under which licence, and their checksums."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ...stores.errors import BadInput

NONE_PUBLISHED = "none published"


@dataclass(frozen=True, slots=True)
class DataSource:
    """`files` are the names at the `address`.

    `sha256` has a checksum by file name only where it is confirmed: by the publisher of the file, or by several public
    evaluations that fetch it from there.
    """

    title: str
    address: str
    files: tuple[str, ...]
    licence: str
    paper: str = ""
    sha256: Mapping[str, str] = field(default_factory=dict)

    def published_checksum(self, name: str) -> str:
        """ "none published" where it is not known."""
        return self.sha256.get(name, NONE_PUBLISHED)

    def is_official(self, name: str, sum: str) -> bool | None:
        """Whether a file of this name and checksum is the official one; None where the checksum is not known."""
        return sum == self.sha256[name] if name in self.sha256 else None

    def require(self, path: Path) -> Path:
        """The path itself if it exists; else `BadInput` with where to get the file."""
        if path.exists():
            return path
        raise self.missing_file_error(path)

    def missing_file_error(self, path: Path) -> BadInput:
        return BadInput(f"{path}: there is no such file. {self.instructions()}")

    def instructions(self) -> str:
        """A sentence on where to get the data."""
        names = " or ".join(self.files) or "the file"
        return f"{self.title} is at {self.address} (licence: {self.licence}): download {names} from there, and give its path."


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
