"""One namespace as it is read: the truth with its keyword and vector indexes, caught up before every search."""

from __future__ import annotations

import math
import re
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from . import forks
from .analyzer import ANALYZER, stems, words
from .embeddings import EmbeddingStore
from .errors import UnknownRecord
from .items import Items, as_page
from .journal import Journal
from .keyword import IndexedPage, KeywordIndex
from .layout import best, to_one
from .namespace import Namespace
from .pages import Extent, PageRow, Pages
from .records import Hit, Page, Passage
from .times import show
from .vectors import VectorIndex

KEYWORD, VECTOR = "keyword", "vector"
_CHANGES = 500  # read from the log at once


class Archive:
    """Thread-safe. Two archives of one namespace, in one process or several, see each other's pages."""

    def __init__(self, namespace: Namespace, embeddings: EmbeddingStore, vectors: VectorIndex) -> None:
        self.journal = Journal(namespace)
        self.pages = Pages(namespace)
        self.embeddings = embeddings
        self.vectors = vectors
        self._lock = threading.RLock()
        self.items = Items(namespace)
        self._extent = Extent((), 0, 0)
        self._begin()
        forks.renew(self)

    def after_fork_in_child(self) -> None:
        """Begin anew: another thread may have been reading."""
        self._lock = threading.RLock()
        self._begin()

    def _begin(self) -> None:
        """As if nothing had been read yet."""
        self._keyword = KeywordIndex()
        self._read = 0
        self._due: float | None = None
        self._places: dict[int, Passage] = {}
        self._by_page: dict[str, list[Passage]] = {}
        # New ones: who is just reading a page that is forgotten puts it into the old one.
        self._page = lru_cache(maxsize=4096)(self.pages.page)
        self.page_stems = lru_cache(maxsize=4096)(self._stems_of)
        self.speakers: set[str] = set()
        """Everybody who speaks in a page of this namespace, as they are written there."""
        self.titles: dict[str, list[str]] = {}
        """`title_key` of a title to the ids of the pages that bear it."""

    def keyword(self, text: str, k: int) -> list[Hit]:
        """Passages that share words with the text, best first; scores as `KeywordIndex.search` gives them."""
        with self._lock:
            self.catch_up()
            found = self._placed(self._keyword.search(stems(text), k))
        return self._hits(found, KEYWORD)

    def vector(self, vector: Sequence[float], k: int) -> list[Hit]:
        """Passages near a query vector, best first: cosine scaled to (0, 1] plus that of the best window.

        A window's share is the mean over its passages, as the mean of their vectors would have it.
        """
        query, ask, last = np.array(vector, np.float32), k, False
        while not last:
            near = self.vectors.search(query, ask, self.pages.numbers())
            with self._lock:
                self.catch_up()
                layout = self._keyword.layout
                laid = [(at, cosine) for seq, cosine in near if (at := layout.position(seq)) is not None][:k]
            # What is hidden by its age takes no place of what is not.
            last = len(laid) == min(k, len(near)) or len(near) < ask
            ask *= 4
        if not laid:
            return []
        with self._lock:
            if layout is not self._keyword.layout:  # begun anew meanwhile
                return self.vector(vector, k)
            positions = np.array([at for at, _ in laid], np.int64)
            cosines = np.array([cosine for _, cosine in laid])
            scores = np.zeros(len(layout))
            scores[positions] = _stretched(cosines)
            windows = to_one(layout.window_sums(positions, scores[positions]))
            own = scores > 0
            scores[own] += layout.best_window(windows)[own]
            found = self._placed(best(layout.seqs, scores, k))
        return self._hits(found, VECTOR)

    def pages_like(self, text: str, k: int) -> list[Page]:
        """Whole pages that share words with the text, best first."""
        with self._lock:
            self.catch_up()
            found = self._keyword.search_pages(stems(text), k)
        pages = []
        for seq, _ in found:
            with suppress(UnknownRecord):  # forgotten since it was found
                pages.append(self.pages.page_by_seq(seq))
        return pages

    def passages(self, page: Page, tool: str, score: float) -> list[Hit]:
        """Every passage of a page as hits of one score, in page order."""
        with self._lock:
            self.catch_up()
            places = self._by_page.get(page.id, [])
        return [Hit(page.id, p.start, p.end, page.text[p.start : p.end], tool, score, p.speaker) for p in places]

    def frequency(self, term: str) -> tuple[int, int]:
        """In how many passages a stem occurs, and of how many."""
        with self._lock:
            self.catch_up()
            return self._keyword.passages.frequency(term), self._keyword.passages.corpus_size

    def unknown(self, text: str) -> float:
        """How much of a text stands in no passage, from 0 to 1: the share of its words, weighed by idf, that of a
        word never met being that of one met once."""
        weighed = []
        for term in set(stems(text)):
            documents, total = self.frequency(term)
            weighed.append((math.log((total + 1) / max(1, documents)), documents == 0))
        whole = sum(weight for weight, _ in weighed)
        return sum(weight for weight, absent in weighed if absent) / whole if whole else 0.0

    def page(self, page_id: str) -> Page:
        """A page, from a cache (pages never change) that is as old as the last search, or a memory item in the form
        of one, so that it can be cited; `UnknownRecord` for an id that is neither here."""
        try:
            return self._page(page_id)
        except UnknownRecord:
            item = self.items.found(page_id)
            if item is None:
                raise
            return as_page(item)

    def opened(self, page_id: str) -> Page:
        """The same as it stands now, whatever was read before."""
        self.catch_up()
        return self.page(page_id)

    def number(self) -> int:
        """The namespace as a number; 0 while it is empty."""
        return self.pages.number()

    def origins(self, page_id: str) -> tuple[str, ...]:
        """The pages behind an id that may be cited: itself, or those that an item comes from."""
        page = self.page(page_id)
        return (page_id,) if page.session_id else self.pages.standing(page.metadata["page_ids"])

    def gone(self, ids: Iterable[str]) -> set[str]:
        """Those of some ids of pages and items that may not be read any more, as the truth has it now."""
        left = set(ids)
        left.difference_update(self.pages.standing(left))
        return {one for one in left if self.items.found(one) is None}

    def _stems_of(self, page_id: str) -> frozenset[str]:
        """The distinct stems of a page and its header."""
        page = self.page(page_id)
        kept = self.pages.stems(page_id)
        return frozenset(stems(page.header)).union(stems(page.text) if kept is None else kept)

    def catch_up(self) -> None:
        """Read the change log from where we stood into the keyword index; from its beginning when something was
        read that is gone by now, or may not be read any more."""
        with self._lock:
            extent = self.pages.extent()
            overdue = self._due is not None and time.time() >= self._due
            if overdue or (extent.namespaces, extent.erased) != (self._extent.namespaces, self._extent.erased):
                self._begin()
            if self._read == 0 or self._read < extent.last:
                while self._read < extent.last:
                    read, rows = self.pages.changed_pages(self._read, _CHANGES)
                    for row in rows:
                        if row.id not in self._by_page:  # it is, where an interruption left a batch half read
                            with suppress(UnknownRecord):  # forgotten since it was read
                                self._append(row)
                    self._read = read
                self._due = self.pages.next_expiry()
            self._extent = extent

    def _append(self, row: PageRow) -> None:
        context = stems(" ".join(part for part in (show(row.time), row.title) if part))
        fresh = row.analyzer == ANALYZER  # else the stems on file are those of an older analyzer
        text = "" if fresh else self.page(row.id).text
        places = []
        passages: list[tuple[int, Sequence[str]]] = []
        for seq, start, end, speaker, kept in row.passages:
            place = self._places[seq] = Passage(row.id, start, end, speaker)
            places.append(place)
            passages.append((seq, kept.split() if fresh else stems(text[start:end])))
            if speaker:
                self.speakers.add(speaker)
        self._keyword.append(IndexedPage(row.seq, context, passages))
        if row.title:
            self.titles.setdefault(title_key(row.title), []).append(row.id)
        self._by_page[row.id] = places

    def _placed(self, found: Sequence[tuple[int, float]]) -> list[tuple[Passage, float]]:
        return [(self._places[seq], score) for seq, score in found]

    def _hits(self, found: Sequence[tuple[Passage, float]], tool: str) -> list[Hit]:
        hits = []
        for place, score in found:
            with suppress(UnknownRecord):  # forgotten since it was found
                text = self.page(place.page_id).text[place.start : place.end]
                hits.append(Hit(place.page_id, place.start, place.end, text, tool, score, place.speaker))
        return hits


def title_key(title: str) -> str:
    """A title as it is looked up: its words, without what stands in brackets at the end."""
    return " ".join(words(re.sub(r"\([^()]*\)$", "", title.rstrip())))


def _stretched(cosines: NDArray[np.float64]) -> NDArray[np.float64]:
    """Min-max over what was found, with a little left for the last: a cosine has no natural zero."""
    low, high = cosines.min(), cosines.max()
    return np.full(len(cosines), 1.0) if high == low else 0.02 + 0.98 * (cosines - low) / (high - low)
