"""What an evaluation consists of: where data come from, and data sets of samples, each a memory to fill with its questions."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...stores.errors import BadInput
from ...stores.records import Session

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
        if not path.exists():
            raise BadInput(f"{path}: there is no such file. {self.instructions()}")
        return path

    def instructions(self) -> str:
        """A sentence on where to get the data."""
        names = " or ".join(self.files) or "the file"
        return f"{self.title} is at {self.address} (licence: {self.licence}): download {names} from there, and give its path."


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True, slots=True)
class Question:
    """A question and its known answers.

    `answers` are alternatives, any of which is right, unless `metadata["match"]` is "all": then each is asked for.
    `evidence` supports the answer, in the form of the data set's `kind`; it may be empty. `metadata["time"]` is when
    the question was asked, where the data set has it.
    """

    id: str
    text: str
    answers: tuple[str, ...]
    category: str
    evidence: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def answer(self) -> str:
        """The first answer; "" where the data set has none."""
        return self.answers[0] if self.answers else ""

    @property
    def all_needed(self) -> bool:
        """Whether every answer is asked for, not any."""
        return self.metadata.get("match") == "all"


@dataclass(frozen=True, slots=True)
class Sample:
    """One memory to fill, and the questions about it."""

    name: str
    sessions: Sequence[Session]
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class DataSet:
    """`kind` is the form of evidence: "conversation" and "document" (text, verbatim in a session) or "paragraphs" (the
    id of a session). Samples may be generated or read lazily."""

    name: str
    kind: str
    samples: Sequence[Sample]
    source: DataSource
