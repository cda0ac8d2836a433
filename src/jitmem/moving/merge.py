"""Bring what was read and checked into the truth, in the one transaction that its caller holds.

What is there is never changed: what the file has besides is added, what is known is passed over, and what clashes gets
another id, or is put aside. Done twice it is done once, since another id is made from what it stands for.
"""

from __future__ import annotations

from .into import NOTES
from .merge_entries import MergedEntries
from .merge_items import MergedItems
from .merge_pages import MergedPages
from .moved import Imported
from .vectors import bring_vectors


class Merge(MergedPages, MergedItems, MergedEntries):
    """Of the tables `staged.…` into the truth, in the write transaction that is open on `db`."""

    def all(self, namespace: str | None) -> Imported:
        """Into one namespace whatever the file calls it, or with None each into its own."""
        for line, text in self._rows("SELECT line, text FROM staged.note ORDER BY line LIMIT ?", NOTES):
            self._note(f"Line {line}: {text}")
        for space, own in self._rows("SELECT n, name FROM staged.space ORDER BY n"):
            target = self._entered(namespace or own)
            self._db.execute("UPDATE staged.space SET target = ? WHERE n = ?", (target, space))
            empty = not self._one("SELECT 1 FROM change WHERE namespace = ? LIMIT 1", target) and not self._one(
                "SELECT 1 FROM session WHERE namespace = ? LIMIT 1", target
            )
            self._sessions(space, target)
            self._pages(space, target)
            self._items(space, target)
            self._versions(space, target)
            self._proposals(space, target)
            self._entries(space, target)
            self._rules(space, target, namespace or own, empty)
        bring_vectors(self._db, self.done)
        if self._untold:
            self.done.notes.append(f"… and {self._untold:,} more of this kind.")
        return self.done
