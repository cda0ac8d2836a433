"""Bring items in with every version: what is known is continued, what says the same as another is put aside."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from ..stores.sketch import sketch
from .into import CAUSE, Into, now

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


class MergedItems(Into):
    """Items first, then their versions in the order in which they were written, then what stands."""

    def _items(self, space: int, target: int) -> None:
        for n, item_id, kind in self._each(
            "SELECT n, id, kind FROM staged.item WHERE space = ? AND newest IS NOT NULL", space
        ):
            theirs = self._rows(
                "SELECT version, content, time, cause, at FROM staged.version WHERE item = ? ORDER BY version", n
            )
            own = item_id
            seq, known = self._standing(own, target, kind, theirs)
            if known is None:
                own = _derived(target, item_id, theirs[0])
                seq, known = self._standing(own, target, kind, theirs)
                if known is None:  # both were edited on their own since they were one
                    own = _derived(target, item_id, theirs)
                    seq, known = self._standing(own, target, kind, theirs)
            if own != item_id:
                self._rename(item_id, own)
            if seq is None:
                seq = self._db.execute(
                    "INSERT INTO item (id, namespace, kind, sketch, version) VALUES (?, ?, ?, NULL, 0)",
                    (own, target, kind),
                ).lastrowid
                self.done.came("item")
            else:
                self.done.was_known("item")
            self._db.execute("UPDATE staged.item SET target = ?, known = ? WHERE n = ?", (seq, known or 0, n))
        for n, item_id in self._rows("SELECT n, id FROM staged.item WHERE space = ? AND newest IS NULL", space):
            self._note(f"Line {n}: item {item_id} was left out, since no version of it follows.")

    def _standing(self, item_id: str, target: int, kind: str, theirs: list[Any]) -> tuple[int | None, int | None]:
        """The item here with that id, and up to which version it is the file's: `(None, 0)` for a free id,
        `(…, None)` for one that is something else."""
        row = self._db.execute("SELECT seq, namespace, kind FROM item WHERE id = ?", (item_id,)).fetchone()
        if row is None:
            return None, None if self._one("SELECT 1 FROM page WHERE id = ?", item_id) else 0
        ours = self._rows(
            "SELECT version, content, time, cause, change.at FROM item_version JOIN change ON change.n = item_version.n"
            " WHERE item = ? ORDER BY version",
            row[0],
        )
        if row[1:] != (target, kind) or ours[: len(theirs)] != theirs[: len(ours)]:
            return None, None
        return row[0], ours[-1][0]

    def _versions(self, space: int, target: int) -> None:
        """In the order in which they were written; then what stands of each item."""
        count = 0
        for _, seq, version, op, content, when, pages, words, cause, at in self._each(
            "SELECT version.n, target, version, op, content, time, pages, stems, cause, at FROM staged.version"
            " JOIN staged.item ON item.n = version.item WHERE space = ? AND version > known",
            space,
            by="version.n",
        ):
            mapped = json.dumps([self._renamed(page) for page in json.loads(pages)])
            change = self._log(target, "item", seq, op, cause, at)
            self._db.execute(
                "INSERT INTO item_version (n, item, version, content, time, pages, stems) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (change, seq, version, content, when, mapped, words),
            )
            self.done.came("version")
            count += 1
        total = self._one(
            "SELECT count(*) FROM staged.version JOIN staged.item ON item.n = version.item WHERE space = ?", space
        )
        if total > count:
            self.done.was_known("version", total - count)
        for n, seq in self._each("SELECT n, target FROM staged.item WHERE space = ? AND newest > known", space):
            self._stand(seq, n, target)

    def _stand(self, seq: int, n: int, target: int) -> None:
        """What an item says now; deleted, with its history kept, where another one says so already."""
        item_id, kind, version, content, when, pages = self._db.execute(
            "SELECT item.id, kind, item_version.version, content, time, pages FROM item JOIN item_version"
            " ON item_version.item = item.seq WHERE seq = ? ORDER BY item_version.version DESC LIMIT 1",
            (seq,),
        ).fetchone()
        mark = None if content is None else sketch(kind, content, datetime.fromisoformat(when) if when else None)
        holder = self._one(
            "SELECT id FROM item WHERE namespace = ? AND kind = ? AND sketch = ? AND seq != ?", target, kind, mark, seq
        )
        if holder is not None:
            said = "there is one core paragraph, and" if kind == "core" else "the same is said by"
            self._note(f"Line {n}: item {item_id} was put aside: {said} {holder} stands. `history` shows what it said.")
            change = self._log(target, "item", seq, "delete", CAUSE, now())
            version, mark = version + 1, None
            self._db.execute(
                "INSERT INTO item_version (n, item, version, content, time, pages, stems) VALUES (?, ?, ?, NULL, ?, ?, '')",
                (change, seq, version, when, pages),
            )
        self._db.execute("UPDATE item SET sketch = ?, version = ? WHERE seq = ?", (mark, version, seq))


def _derived(target: int, item_id: str, of: Iterable[Any]) -> str:
    """Another id, the same for the same item each time."""
    number = int.from_bytes(hashlib.sha256(json.dumps([target, item_id, list(of)]).encode()).digest()[:8])
    return "".join(_ALPHABET[(number >> shift) & 31] for shift in range(0, 60, 5))
