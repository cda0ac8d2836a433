"""The memory items of one namespace as they are searched: by words in memory, by vectors, each search over one view."""

from __future__ import annotations

import threading
import time as clock
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import fork_hooks
from ..analyzer import base_stems
from ..records import KINDS
from ..times import format_iso_time
from ..truth.embeddings import EmbeddingStore
from ..truth.items import Items
from ..truth.pages import NOTHING_READ, Extent, Pages
from .keyword_index import Column, IncrementalBM25, top_k
from .snapshot import Snapshot
from .vector_index import VectorIndex

ENTRY = "entry"  # what a BaseStore client stored; found by those who ask for this kind
Found = list[tuple[int, float]]
"""`(change number of the version, score)`, best first; `Items.by_change` gives the items."""

GROUPS = {kind: group for group, kind in enumerate((*KINDS, ENTRY), start=1)}
CHANGES = 5000  # read from the log at once
FEW = 1000  # vectors: so many are compared one by one sooner than an index is asked for more than it holds of them


class GroupedBM25(IncrementalBM25):
    """Documents are in groups and can be taken out. Scores for some groups equal those of a fresh
    `BM25Plus(…, k1=1.2, b=0.3, delta=0)` over the documents of these groups alone that are not taken out."""

    def __init__(self) -> None:
        super().__init__(b=0.3)
        self._group_of = array("B")  # 0: taken out
        self._sizes = [0] * (len(GROUPS) + 1)
        self._words = [0] * (len(GROUPS) + 1)

    def put(self, document: Iterable[str], group: int) -> int:
        position = self.append(document)
        self._group_of.append(group)
        self._count(position, group, 1)
        return position

    def take_out(self, position: int) -> None:
        """It is neither found nor counted any more; its postings stay."""
        self._count(position, self._group_of[position], -1)
        self._group_of[position] = 0

    def viewgroups_of(self) -> GroupedView:
        return GroupedView(self, np.array(self._group_of, dtype=np.uint8), tuple(self._sizes), tuple(self._words))

    def _count(self, position: int, group: int, sign: int) -> None:
        self._sizes[group] += sign
        self._words[group] += sign * int(self.doc_len.head()[position])


class GroupedView(NamedTuple):
    """An index as it was at one moment. `group_of`: (documents,) the group of each, 0 for one that was taken out."""

    index: GroupedBM25
    group_of: NDArray[np.uint8]
    sizes: tuple[int, ...]
    words: tuple[int, ...]

    def size(self, groups: Iterable[int]) -> int:
        return sum(self.sizes[group] for group in groups)

    def within(self, groups: Iterable[int]) -> NDArray[np.bool_]:
        """(documents,) whether each is there and in these groups."""
        wanted = np.zeros(256, np.bool_)
        wanted[list(groups)] = True
        return wanted[self.group_of]

    def scores(self, query: Iterable[str], groups: Sequence[int]) -> NDArray[np.float64]:
        """(documents,) float64 in order of `put`; 0 for the documents of other groups."""
        words = sum(self.words[group] for group in groups)
        return self.index.score(query, len(self.group_of), self.size(groups), words, self.within(groups))


class ItemIndex:
    """Thread-safe. Two indexes of one namespace, in one process or several, see each other's edits.

    Vectors are found for what is embedded: to have all, embed first what `embeddings` says is waiting.
    """

    def __init__(self, items: Items, embeddings: EmbeddingStore, vectors: VectorIndex) -> None:
        self.items = items
        self.namespace = items.namespace
        self.embeddings = embeddings
        self.vectors = vectors
        self._pages = Pages(items.namespace)
        self.after_fork_in_child()
        fork_hooks.call_in_child(self)

    def after_fork_in_child(self) -> None:
        """As if nothing had been read yet: another thread may have been reading."""
        self._lock = threading.Lock()
        self._extent = NOTHING_READ
        self._versions: _Versions | None = None
        self._view: ItemView | None = None
        self._due: float | None = None  # when the next item is hidden by its age

    def view(self, snapshot: Snapshot | None = None) -> ItemView:
        """The items that stand as of a snapshot, or now. What was edited since the last time is read first; what stands
        now, the first time, and when something is gone, or more than half is dead."""
        with self._lock:
            extent, known = snapshot.extent if snapshot else self._pages.extent(), self._extent
            if extent.heads < known.heads and extent.namespaces == known.namespaces:
                extent = known  # another thread has read further meanwhile
            gone = (extent.namespaces, extent.erased) != (known.namespaces, known.erased)
            overdue = self._due is not None and clock.time() >= self._due
            versions = self._versions
            if versions is None or gone or overdue or versions.needs_rebuild():
                versions, self._view = self._load_current(extent), None
            while versions.read < extent.items:
                rows = self.items.changed_versions(extent.namespaces, versions.read, extent.items, CHANGES)
                for n, seq, kind, stemmed, time, deleted in rows:
                    if seq is not None:
                        versions.replace(n, seq, kind, None if deleted else _terms(stemmed, time))
                        self._view = None
                versions.read = rows[-1][0] if rows else extent.items
            if extent.items_expire and self._due is None and self._view is None:
                from ..truth.item_history import next_expiry

                self._due = next_expiry(self.items)
            self._extent = extent
            if self._view is None:
                words, numbers = versions.words.viewgroups_of(), versions.numbers.head()
                self._view = ItemView(self, extent.namespaces, words, numbers, versions.positions)
            return self._view

    def _load_current(self, extent: Extent) -> _Versions:
        """From what stands now, so that the past costs nothing."""
        versions = self._versions = _Versions()
        # What comes between the two is read once more as a change, which does no harm.
        for n, seq, kind, stemmed, time in self.items.newest_versions(extent.namespaces):
            versions.replace(n, seq, kind, _terms(stemmed, time))
        versions.read = extent.items
        self._due = None
        return versions


@dataclass(frozen=True, slots=True)
class ItemView:
    """The items that stood at one moment. `numbers`: (versions,) their change numbers, dead ones too."""

    index: ItemIndex
    namespaces: Sequence[int]
    words: GroupedView
    numbers: NDArray[np.int64]
    _positions: Mapping[int, int]

    def count(self, kind: str | None = None) -> int:
        return self.words.size(groups_of(kind))

    def keyword(self, text: str, k: int, kind: str | None = None) -> Found:
        """Versions that share words with the text, at most `k`, scored by BM25 among those of the kind (all but
        entries without one); ties go to the older."""
        return top_k(
            self.numbers, self.words.scores(self.index.namespace.database.analyzer.stems(text), groups_of(kind)), k
        )

    def vector(self, vector: Sequence[float], k: int, kind: str | None = None, enough: int | None = None) -> Found:
        """As `item_vectors.search_vectors`."""
        from .item_vectors import search_vectors

        return search_vectors(self, np.array(vector, np.float32), k, groups_of(kind), enough)

    def group_of(self, number: int) -> int:
        """Of a version that stands; 0 for one that does not, or is not of this namespace."""
        position = self._positions.get(number, len(self.numbers))
        return int(self.words.group_of[position]) if position < len(self.numbers) else 0


class _Versions:
    """The words of versions, in the order they were made, and which of them stand."""

    def __init__(self) -> None:
        self.read = 0
        self.words = GroupedBM25()
        self.positions: dict[int, int] = {}
        """The number of a version to its position, of dead ones too."""
        self.numbers = Column(np.int64)  # in the order they were made
        self._newest: dict[int, int] = {}  # item to the number of its version

    def replace(self, n: int, item: int, kind: str, terms: list[str] | None) -> None:
        """Version `n` of an item takes the place of what was there; without terms the item is gone."""
        before = self._newest.get(item, 0)
        if before >= n:
            return
        if before:
            del self._newest[item]
            self.words.take_out(self.positions[before])
        if terms is not None:
            self._newest[item] = n
            self.positions[n] = self.words.put(terms, GROUPS[kind])
            self.numbers.extend((n,))

    def needs_rebuild(self) -> bool:
        """Whether more is dead than alive, and so much that it counts."""
        return len(self.numbers) > max(2 * len(self._newest), FEW)


def groups_of(kind: str | None) -> Sequence[int]:
    """By number, those of a kind, or of all but entries."""
    return [GROUPS[kind] for kind in (KINDS if kind is None else (kind,))]


def _terms(stemmed: str, time: str | None) -> list[str]:
    return [*_date(time), *stemmed.split()] if time else stemmed.split()


@lru_cache(maxsize=4096)
def _date(time: str) -> tuple[str, ...]:
    return tuple(base_stems(format_iso_time(time)))
