"""What was saved from a damaged memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class SalvageReport:
    """What was saved, and what was not. Pages, sessions and items by id."""

    folder: Path | None = None
    """The new memory; None for a survey."""
    pages: int = 0
    sessions: int = 0
    waiting: int = 0
    """Sessions that were accepted and not filed; `resume` files them."""
    items: int = 0
    entries: int = 0
    lost_pages: list[str] = field(default_factory=list)
    """Ids, or `#` and the number of a page whose id is lost too."""
    incomplete_sessions: list[str] = field(default_factory=list)
    lost_sessions: list[str] = field(default_factory=list)
    lost_items: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What else was reconstructed or left out, one sentence each."""

    @property
    def whole(self) -> bool:
        """Whether nothing is missing."""
        return not (self.lost_pages or self.incomplete_sessions or self.lost_sessions or self.lost_items or self.notes)
