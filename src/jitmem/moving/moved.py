"""What came of an export or an import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Exported:
    """How many lines of each type a file has between its first and its last, and the checksum that its last one gives."""

    lines: Mapping[str, int]
    sha256: str
    bytes: int


@dataclass(slots=True)
class Imported:
    """What came new, what was known, and everything that is not as it was in the file.

    `new` and `known` count by type: session, page, item, version, proposal, entry, share, retention, vectors.
    `mapped` are ids of pages, items and sessions that were taken by something else here: old to new.
    `notes` say in a sentence each what was left out, put aside or changed, and why; nothing else was.
    """

    new: dict[str, int] = field(default_factory=dict)
    known: dict[str, int] = field(default_factory=dict)
    mapped: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def came(self, type: str, count: int = 1) -> None:
        """One more that is new."""
        self.new[type] = self.new.get(type, 0) + count

    def was_known(self, type: str, count: int = 1) -> None:
        """One more that was here before."""
        self.known[type] = self.known.get(type, 0) + count
