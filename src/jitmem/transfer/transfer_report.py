"""What an export wrote, and what an import added."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ExportReport:
    """Lines by type between the first and the last, the sha256 that the last one holds, and the size of the file."""

    lines: Mapping[str, int]
    sha256: str
    bytes: int


@dataclass(slots=True)
class ImportReport:
    """`new` and `known` count by type: session, page, item, version, proposal, entry, share, retention, vectors.

    `notes` say in a sentence each what was left out, and why; everything else in the file is in the memory.
    """

    new: dict[str, int] = field(default_factory=dict)
    known: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, type: str, new: int, known: int = 0) -> None:
        """So many were added, and so many were here."""
        for counts, count in ((self.new, new), (self.known, known)):
            if count:
                counts[type] = counts.get(type, 0) + count
