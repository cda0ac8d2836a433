"""The memory items of one namespace as they are searched: by words in memory, by vectors, both caught up first."""

from __future__ import annotations

import threading
import time as clock
from array import array
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import forks
from .analyzer import stems
from .bm25 import GrowingBM25
from .embeddings import EmbeddingStore
from .items import Items
from .layout import best
from .namespace import one_of
from .pages import Extent, Pages
from .records import KINDS
from .times import show_iso
from .vectors import VectorIndex

ENTRY = "entry"  # what a BaseStore client stored; found by those who ask for this kind
Found = list[tuple[int, float]]
"""`(change number of the version, score)`, best first; `Items.by_change` gives the items."""

_GROUPS = {kind: group for group, kind in enumerate((*KINDS, ENTRY), start=1)}
_CHANGES = 5000  # read from the log at once
_FEW = 1000  # vectors: so many are compared one by one sooner than an index is asked for more than it holds of them
_MOST = 4000  # neighbours to ask an index for, before all vectors that are wanted are compared


class LivingBM25(GrowingBM25):
    """Documents are in groups and can be taken out. Scores for some groups equal those of a fresh
    `BM25Plus(…, k1=1.2, b=0.3, delta=0)` over the documents of these groups alone that are not taken out."""

    def __init__(self) -> None:
        super().__init__(b=0.3)
        self._group_of = array("B")  # 0: taken out
        self._sizes = [0] * (len(_GROUPS) + 1)
        self._words = [0] * (len(_GROUPS) + 1)

    def put(self, document: Iterable[str], group: int) -> int:
        """Add a document's terms; returns its position."""
        position = self.append(document)
        self._group_of.append(group)
        self._count(position, group, 1)
        return position

    def take_out(self, position: int) -> None:
        """It is neither found nor counted any more; its postings stay."""
        self._count(position, self._group_of[position], -1)
        self._group_of[position] = 0

    def size(self, groups: Iterable[int]) -> int:
        """How many documents of these groups are there."""
        return sum(self._sizes[group] for group in groups)

    def group(self, position: int) -> int:
        """The group of a document; 0 for one that was taken out."""
        return self._group_of[position]

    def within(self, groups: Iterable[int]) -> NDArray[np.bool_]:
        """(documents,) whether each is there and in these groups."""
        asked = np.zeros(256, np.bool_)
        asked[list(groups)] = True
        return asked[np.array(self._group_of, dtype=np.uint8)]

    def scores(self, query: Iterable[str], groups: Sequence[int]) -> NDArray[np.float64]:
        """(documents,) float64 in order of `put`; 0 for the documents of other groups."""
        scores = np.zeros(self.corpus_size)
        size, words = self.size(groups), sum(self._words[group] for group in groups)
        average = words / size if words else 1.0
        within = self.within(groups)
        for term in query:
            posting = self._postings.get(term)
            if posting is None:
                continue
            documents = np.array(posting[0], dtype=np.int64)
            asked = within[documents]
            documents = documents[asked]
            if not len(documents):
                continue
            occurrences = np.array(posting[1], dtype=np.float64)[asked]
            lengths = np.frombuffer(self.doc_len, dtype=np.uint32)[documents]
            norm = self.k1 * (1 - self.b + self.b * lengths / average)
            idf = np.log((size + 1) / len(documents))
            scores[documents] += idf * occurrences * (self.k1 + 1) / (norm + occurrences)
        return scores

    def _count(self, position: int, group: int, sign: int) -> None:
        self._sizes[group] += sign
        self._words[group] += sign * self.doc_len[position]


class ItemIndex:
    """Thread-safe. Two indexes of one namespace, in one process or several, see each other's edits.

    Whatever `items` do not hold (any more) is not found. Vectors are found for what is embedded: whoever wants all,
    embeds first what `embeddings` says is waiting.
    """

    def __init__(self, items: Items, embeddings: EmbeddingStore, vectors: VectorIndex) -> None:
        self.items = items
        self.embeddings = embeddings
        self.vectors = vectors
        self._lock = threading.RLock()
        self.pages = Pages(items.namespace)
        self._extent = Extent((), 0, 0)
        self._versions: _Versions | None = None
        self._due: float | None = None  # when the next item is hidden by its age
        forks.renew(self)

    def after_fork_in_child(self) -> None:
        """Begin anew: another thread may have been reading."""
        self._lock = threading.RLock()
        self._versions = None

    def keyword(self, text: str, k: int, kind: str | None = None) -> Found:
        """Versions that share words with the text, at most `k`, scored by BM25 among those of the kind (all but
        entries without one); ties go to the older."""
        with self._lock:
            versions = self._caught_up()
            scores = versions.words.scores(stems(text), _groups(kind))
            return best(np.array(versions.numbers, dtype=np.int64), scores, k)

    def vector(self, vector: Sequence[float], k: int, kind: str | None = None, enough: int | None = None) -> Found:
        """Versions near a query vector, at most `k`, scored by cosine, which is above 0.

        With `enough` so many will do if the first answer of the vector index has no more that stand and are of the
        kind. `ModelChanged` for a vector of another dimension than those on file.
        """
        query, groups = np.array(vector, np.float32), _groups(kind)
        with self._lock:
            words = self._caught_up().words
            wanted, others = words.size(groups), words.size(_GROUPS.values()) - words.size(groups)
            namespaces = self._extent.namespaces
        ask = k + k // 4 + k * others // max(1, wanted)
        while wanted > _FEW and ask <= _MOST:
            near = self.vectors.search(query, ask, namespaces)
            with self._lock:
                standing = self._caught_up().standing
                found = [(number, cosine) for number, cosine in near if standing(number) in groups]
            if len(found) >= min(k, enough or k):
                return found[:k]
            ask *= 4
        # An approximate index that gives too little may have lost some: of vectors that are much alike, HNSW does.
        return self._compared(query, k, groups) if query.any() else []

    def catch_up(self) -> None:
        """Read what was edited since the last time; the first time, and when more than half is dead, what stands."""
        with self._lock:
            self._caught_up()

    def number(self) -> int:
        """The namespace as a number; 0 while it is empty."""
        with self.items.namespace.database.read() as db:
            return self.items.namespace.number(db)

    def _compared(self, query: NDArray[np.float32], k: int, groups: Sequence[int]) -> Found:
        """`vector` without an index: exact, and as slow as there are many."""
        with self._lock:
            numbers = self._caught_up().of(groups)
        pairs: Found = []
        for start in range(0, len(numbers), _CHANGES):
            pairs += self.embeddings.cosines(numbers[start : start + _CHANGES], query)
        pairs.sort()
        return best(np.array([n for n, _ in pairs], np.int64), np.array([cosine for _, cosine in pairs]), k)

    def _caught_up(self) -> _Versions:
        extent = self.pages.extent()
        gone = (extent.namespaces, extent.erased) != (self._extent.namespaces, self._extent.erased)
        overdue = self._due is not None and clock.time() >= self._due
        if self._versions is None or gone or overdue or self._versions.worn():
            self._versions = self._standing()
            self._due = self.items.next_expiry()
        self._extent = extent
        while rows := self._changes(self._versions.read):
            for n, seq, kind, stemmed, time, gone in rows:
                if seq is not None:
                    self._versions.replace(n, seq, kind, None if gone else _terms(stemmed, time))
            self._versions.read = rows[-1][0]
            self._due = self._due or self.items.next_expiry()
        return self._versions

    def _standing(self) -> _Versions:
        """From what stands now, so that the past costs nothing."""
        versions = _Versions()
        with self.items.namespace.database.read() as db:
            readable = one_of(self.items.namespace.readable(db))
            # Read first: what comes between the two is read once more as a change, which does no harm.
            read = db.execute(f"SELECT max(n) FROM change WHERE namespace {readable}").fetchone()[0] or 0
            rows = db.execute(
                "SELECT item_version.n, item.seq, kind, stems, time FROM standing_item AS item"
                " JOIN item_version ON item_version.item = item.seq AND item_version.version = item.version"
                f" WHERE namespace {readable} AND sketch IS NOT NULL ORDER BY item_version.n"
            )
            for n, seq, kind, stemmed, time in rows:
                versions.replace(n, seq, kind, _terms(stemmed, time))
        versions.read = read
        return versions

    def _changes(self, after: int) -> list[Any]:
        """The next changes; those of pages have no item, and neither has a version that was erased."""
        with self.items.namespace.database.read() as db:
            return db.execute(
                "SELECT change.n, item.seq, item.kind, stems, time, content IS NULL FROM change"
                " LEFT JOIN item_version ON change.kind = 'item' AND item_version.n = change.n"
                " LEFT JOIN item ON item.seq = item_version.item"
                f" WHERE change.namespace {one_of(self.items.namespace.readable(db))} AND change.n > ?"
                " ORDER BY change.n LIMIT ?",
                (after, _CHANGES),
            ).fetchall()


class _Versions:
    """The words of versions, in the order they were made, and which of them stand."""

    def __init__(self) -> None:
        self.read = 0
        self.words = LivingBM25()
        self.numbers = array("q")
        self._newest: dict[int, int] = {}  # item to the number of its version
        self._positions: dict[int, int] = {}  # number of a version that stands to its position

    def replace(self, n: int, item: int, kind: str, terms: list[str] | None) -> None:
        """Version `n` of an item takes the place of what was there; without terms the item is gone."""
        before = self._newest.get(item, 0)
        if before >= n:
            return
        if before:
            del self._newest[item]
            self.words.take_out(self._positions.pop(before))
        if terms is not None:
            self._newest[item] = n
            self._positions[n] = self.words.put(terms, _GROUPS[kind])
            self.numbers.append(n)

    def standing(self, n: int) -> int:
        """The group of a version that stands; 0 for one that does not, or is not of this namespace."""
        position = self._positions.get(n)
        return 0 if position is None else self.words.group(position)

    def of(self, groups: Iterable[int]) -> list[int]:
        """The versions of these groups that stand."""
        numbers: list[int] = np.array(self.numbers, dtype=np.int64)[self.words.within(groups)].tolist()
        return numbers

    def worn(self) -> bool:
        """Whether more is dead than alive, and so much that it counts."""
        return len(self.numbers) > max(2 * len(self._positions), _FEW)


def _groups(kind: str | None) -> Sequence[int]:
    return [_GROUPS[kind] for kind in (KINDS if kind is None else (kind,))]


def _terms(stemmed: str, time: str | None) -> list[str]:
    return [*_date(time), *stemmed.split()] if time else stemmed.split()


@lru_cache(maxsize=4096)
def _date(time: str) -> tuple[str, ...]:
    """The words of a date, so that `May 2023` finds what happened then."""
    return tuple(stems(show_iso(time)))
