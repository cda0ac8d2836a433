"""What came of reading a damaged memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Salvaged:
    """What was saved, and what was not. Pages and items by their ids, sessions by theirs."""

    folder: Path | None = None
    """The new memory; None where it was only tried."""
    pages: int = 0
    sessions: int = 0
    waiting: int = 0
    """Sessions that were accepted and not filed; `resume` files them."""
    items: int = 0
    entries: int = 0
    lost_pages: list[str] = field(default_factory=list)
    """Ids, or where that is lost too `#` and its number."""
    incomplete_sessions: list[str] = field(default_factory=list)
    lost_sessions: list[str] = field(default_factory=list)
    lost_items: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """Whatever else had to be made up or was left out, one sentence each."""

    @property
    def whole(self) -> bool:
        """Whether nothing that was kept is missing."""
        return not (self.lost_pages or self.incomplete_sessions or self.lost_sessions or self.lost_items or self.notes)
