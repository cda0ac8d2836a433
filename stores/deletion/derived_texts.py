"""Delete what memos, items and proposals of other pages repeat of a forgotten page.

Who writes a memo or edits an item sees memos and items of earlier pages, and may repeat their words. A text repeats what
was forgotten if, of its words that none of its own pages has, the forgotten pages or their memos have

- one that stands in no page that is left, or
- as many as half of the words of the text.

Of a memo the sentences that do are cut. A version of an item, and a proposal, is deleted; what a person wrote, and what
names no page, is kept and named. A text that says the same in other words is not recognised.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from ..analyzer import stems
from ..truth.database import PERSON, Connection
from ..truth.row_deletion import DeletionResult, delete_versions_of, item_id_of

_MEMO_CHARS = 240  # of the page, where no sentence of a memo is left
_SENTENCE = re.compile(r"[^.!?…\n]+[.!?…]*[\"'”’)]*\s*")
_REPEATS = "It has words of what was forgotten. Check whether it repeats it."


def delete_repetitions(db: Connection, result: DeletionResult) -> None:
    """Of the pages in `result`, within the transaction that deleted them."""
    forgotten = {stem for text in result.texts for stem in stems(text)}
    if not forgotten:
        return
    left = _PagesLeft(db, result.namespace)
    memos = _find_memos(db, result.namespace, forgotten)
    versions = _find_versions(db, result, left, forgotten)
    proposals = _find_proposals(db, result, left, forgotten)
    sentences = [sentence for memo in memos for sentence in memo.sentences]
    found = (*sentences, *(text for *_, text in versions), *(text for *_, text in proposals))
    unique = left.without(word for text in found for word in text.foreign)
    for memo in memos:
        memo.cut(db, result, unique)
    deleted: dict[int, set[int]] = {}
    for n, item, kept, text in versions:
        if text.repeats(unique):
            if kept:
                result.kept.setdefault(item_id_of(db, item), _REPEATS)
            else:
                deleted.setdefault(item, set()).add(n)
    for item, numbers in sorted(deleted.items()):
        delete_versions_of(db, result, item, numbers)
    for n, text in proposals:
        if text.repeats(unique):
            result.delete(db, "proposals", "proposal", "n = ?", n)


@dataclass(frozen=True)
class _Text:
    """A derived text, with the stems of its own pages, and those of what was forgotten."""

    text: str
    own: set[str]
    forgotten: set[str]

    @cached_property
    def _stems(self) -> set[str]:
        return set(stems(self.text))

    @cached_property
    def foreign(self) -> set[str]:
        return (self._stems & self.forgotten) - self.own

    def repeats(self, unique: set[str]) -> bool:
        return bool(self.foreign & unique) or 0 < len(self._stems) <= 2 * len(self.foreign)


class _PagesLeft:
    """The words of the pages of a namespace that are not deleted."""

    def __init__(self, db: Connection, namespace: int) -> None:
        self._db = db
        self._namespace = namespace
        self._stems: dict[str, set[str]] = {}

    def stems(self, page_ids: Iterable[str]) -> set[str]:
        return {stem for page_id in page_ids for stem in self._stems_of(page_id)}

    def _stems_of(self, page_id: str) -> set[str]:
        if page_id not in self._stems:
            row = self._db.execute("SELECT text, header, title FROM page WHERE id = ?", (page_id,)).fetchone()
            self._stems[page_id] = {stem for text in row or () for stem in stems(text)}
        return self._stems[page_id]

    def without(self, words: Iterable[str]) -> set[str]:
        """Those of the words that stand in no page."""
        missing = set(words)
        for (known,) in self._db.execute(
            "SELECT passage.stems FROM passage JOIN page ON page.seq = passage.page WHERE namespace = ?",
            (self._namespace,),
        ):
            if not missing:
                break
            missing.difference_update(known.split())
        return missing


@dataclass
class _Memo:
    """A memo by its sentences."""

    page: int
    page_id: str
    page_text: str
    sentences: list[_Text]

    def cut(self, db: Connection, result: DeletionResult, unique: set[str]) -> None:
        left = [one.text for one in self.sentences if not one.repeats(unique)]
        if len(left) < len(self.sentences):
            memo = "".join(left).strip() or " ".join(self.page_text[:_MEMO_CHARS].split())
            db.execute("UPDATE page SET memo = ? WHERE seq = ?", (memo, self.page))
            result.counts["memos"] += 1
            result.memo_page_ids.append(self.page_id)


def _find_memos(db: Connection, namespace: int, forgotten: set[str]) -> list[_Memo]:
    """Those with a sentence that their page does not have."""
    found = []
    for page, page_id, text, header, title, memo in db.execute(
        "SELECT seq, id, text, header, title, memo FROM page WHERE namespace = ?", (namespace,)
    ):
        parts = _SENTENCE.findall(memo)
        if any(part.strip() not in text for part in parts) and not forgotten.isdisjoint(stems(memo)):
            own = {stem for one in (text, header, title) for stem in stems(one)}
            found.append(_Memo(page, page_id, text, [_Text(part, own, forgotten) for part in parts]))
    return found


def _find_versions(
    db: Connection, result: DeletionResult, left: _PagesLeft, forgotten: set[str]
) -> list[tuple[int, int, bool, _Text]]:
    """`(version, item, whether it is kept, text)`: a person wrote it, or it names no page."""
    rows: Sequence[tuple[int, int, str, str, str]] = db.execute(
        "SELECT item_version.n, item, content, pages, change.cause FROM item JOIN item_version ON item_version.item = item.seq"
        " JOIN change ON change.n = item_version.n WHERE item.namespace = ? AND content IS NOT NULL",
        (result.namespace,),
    ).fetchall()
    return [
        (n, item, cause == PERSON or not json.loads(pages), _Text(content, left.stems(json.loads(pages)), forgotten))
        for n, item, content, pages, cause in rows
    ]


def _find_proposals(
    db: Connection, result: DeletionResult, left: _PagesLeft, forgotten: set[str]
) -> list[tuple[int, _Text]]:
    """Those that were drawn from pages."""
    rows = db.execute("SELECT n, edit FROM proposal WHERE namespace = ?", (result.namespace,)).fetchall()
    edits = [(n, json.loads(edit)) for n, edit in rows]
    return [
        (n, _Text(edit["content"], left.stems(edit["page_ids"]), forgotten))
        for n, edit in edits
        if edit.get("content") and edit.get("page_ids")
    ]
