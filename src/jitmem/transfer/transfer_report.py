"""The reports of an export and an import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ExportReport:
    """Lines by type without the first and the last, the sha256 in the last one, and the size of the file in bytes."""

    lines: Mapping[str, int]
    sha256: str
    bytes: int


@dataclass(slots=True)
class ImportReport:
    """`new` and `known` count by type: session, page, item, version, proposal, entry, share, retention, vectors.

    `notes` has a sentence for each thing that was left out, `put_aside` one for each share, retention rule and proposal
    that was not asked for (`rules`); everything else in the file is in the memory.
    """

    new: dict[str, int] = field(default_factory=dict)
    known: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    put_aside: list[str] = field(default_factory=list)

    def add(self, type: str, new: int, known: int = 0) -> None:
        """Count records that were added, and that were in the memory already."""
        for counts, count in ((self.new, new), (self.known, known)):
            if count:
                counts[type] = counts.get(type, 0) + count
