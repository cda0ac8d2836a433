"""One consistent view of what a namespace may read, as of one change number: taken once by a step and handed down."""

from __future__ import annotations

import math
import re
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any, Generic, TypeVar

import numpy as np

from .. import fork_hooks
from ..analyzer import Analyzer, base_stems, words
from ..errors import RecordGone, UnknownRecord
from ..records import Hit, MemoryItem, Page, Passage
from ..times import DATE_TERM, Span, format_time
from ..truth.embeddings import EmbeddingStore
from ..truth.items import Items
from ..truth.journal import Journal
from ..truth.namespace import Namespace
from ..truth.pages import NOTHING_READ, Extent, PageRow, Pages
from .keyword_index import IndexedPage, KeywordIndex, divide_by_best, scale_cosines, top_k
from .vector_index import VectorIndex

T = TypeVar("T")
_MOST = 4096
_HEADING = 40  # characters of the line above the passages of a page


class Cache(Generic[T]):
    """By id; the oldest entry makes room for a new one."""

    def __init__(self) -> None:
        self._entries: dict[str, T] = {}

    def get(self, key: str) -> T | None:
        """None where it is not, or not any more."""
        return self._entries.get(key)

    def put(self, key: str, value: T) -> None:
        """Keep it for as long as there is room."""
        while len(self._entries) >= _MOST:
            self._entries.pop(next(iter(self._entries), ""), None)
        self._entries[key] = value


class PageIndex:
    """One thread appends at a time, and others read what their snapshot covers meanwhile. Where something that was
    read is erased or hidden, the whole index is replaced by another, and with it the texts that it holds."""

    def __init__(self, analyzer: Analyzer) -> None:
        self.analyzer = analyzer
        self.read = 0
        """The newest change that was read."""
        self.keyword = KeywordIndex()
        self.page_ids: list[str] = []
        self.by_seq: dict[int, str] = {}
        """The number of a page to its id."""
        self.places: dict[int, Passage] = {}
        """By the number of the passage."""
        self.passages: dict[str, tuple[int, list[Passage]]] = {}
        """By page: its position in `page_ids`, and its passages in order."""
        self.speakers: dict[str, int] = {}
        """Everybody who speaks, as they are written, to the position of the first page in which they do."""
        self.speaker_stems: dict[str, list[str]] = {}
        """By speaker, the stems of the name."""
        self.dates: list[tuple[str, int]] = []
        """The index terms of dates, each with the number of the passage that names it."""
        self.titles: dict[str, list[int]] = {}
        """`title_key` of a title to the positions of the pages that have it."""
        self.pages: Cache[Page] = Cache()
        self.newest_item = 0
        """The newest change of an item that was read."""
        self.items: Cache[MemoryItem] = Cache()
        """As they stood since then."""
        self.like_instructions: tuple[int, list[MemoryItem]] = 0, []
        """`newest_item` of then, and the items that may be instructions."""
        self.stems: Cache[frozenset[str]] = Cache()
        """By page id, the distinct stems of its header and its passages."""

    def append(self, row: PageRow, text: str) -> None:
        """Add a page. Its text is used where an older analyzer made the stems on file."""
        context = [*base_stems(format_time(row.time)), *self.analyzer.stems(row.title)]
        position = len(self.page_ids)
        current = row.analyzer == self.analyzer.name
        passages: list[tuple[int, Sequence[str]]] = []
        places = []
        for seq, start, end, speaker, stored in row.passages:
            place = self.places[seq] = Passage(row.id, start, end, speaker)
            places.append(place)
            own = stored.split() if current else self.analyzer.passage_stems(text[start:end], row.time)
            passages.append((seq, own))
            self.dates += [(term, seq) for term in own if term[0] == DATE_TERM]
            if speaker and speaker not in self.speakers:
                self.speaker_stems[speaker] = self.analyzer.stems(speaker)
                self.speakers[speaker] = position
        self.passages[row.id] = (position, places)
        if row.title:
            self.titles.setdefault(title_key(row.title), []).append(position)
        self.page_ids.append(row.id)
        self.by_seq[row.seq] = row.id
        self.keyword.append(IndexedPage(row.seq, context, passages))


def title_key(title: str) -> str:
    """A title as it is looked up: its words, without a part in brackets at the end."""
    return " ".join(words(re.sub(r"\([^()]*\)$", "", title.rstrip())))


KEYWORD, VECTOR = "keyword", "vector"


class Snapshot:
    """Never refreshed. What is filed later is not in it; a record that is erased later raises `RecordGone` when it is
    first read. Each method is one statement at most, whatever the number of words or ids."""

    def __init__(self, index: PageIndex, extent: Extent, pages: Pages, items: Items, vectors: VectorIndex) -> None:
        self.extent = extent
        self.change = index.read
        """The newest change that it covers."""
        self.newest_item = index.newest_item
        """The newest change of an item."""
        self._index = index
        self._known_items: Cache[MemoryItem] = Cache() if extent.items_expire else index.items
        self._source = pages
        self._terms = index.analyzer.stems
        self._items = items
        self._vectors = vectors
        self._keyword = index.keyword.view()
        self._dates = len(index.dates)
        self._count = len(self._keyword.page_seqs)
        self._records: dict[str, Page | MemoryItem] = {}

    # -- searching -----------------------------------------------------------------------------------------

    def keyword(self, text: str, k: int) -> list[Hit]:
        """Passages that share words with the text, best first; scores as `KeywordView.search` gives them."""
        return self._hits(self._keyword.search(self._index.analyzer.passage_stems(text, None), k), KEYWORD)

    def keyword_places(self, text: str, k: int) -> list[tuple[Passage, Page, float]]:
        """The same as spans, without making hits of them."""
        return self._places(self._keyword.search(self._terms(text), k))

    def vector(self, vector: Sequence[float], k: int) -> list[Hit]:
        """Passages near a query vector, best first: cosine scaled to (0, 1] plus that of the best window.

        A window's share is the mean over its passages, as the mean of their vectors would have it.
        """
        query, ask, last = np.array(vector, np.float32), k, False
        layout = self._keyword.layout
        while not last:
            near = self._vectors.search(query, ask, self.extent.namespaces)
            laid = [(at, cosine) for seq, cosine in near if (at := layout.position(seq)) is not None][:k]
            # What is not in this snapshot takes no place of what is.
            last = len(laid) == min(k, len(near)) or len(near) < ask
            ask *= 4
        if not laid:
            return []
        positions = np.array([at for at, _ in laid], np.int64)
        scores = np.zeros(len(layout))
        scores[positions] = scale_cosines(np.array([cosine for _, cosine in laid]))
        windows = divide_by_best(layout.window_sums(positions, scores[positions]))
        own = scores > 0
        scores[own] += layout.best_window(windows)[own]
        return self._hits(top_k(layout.seqs, scores, k), VECTOR)

    def passages_by_date(self, span: Span, k: int, search: str) -> list[Hit]:
        """Passages that name a date of a span, at most `k`; see `date_index.find_dates` for the scores."""
        from .date_index import find_dates

        return self._hits(find_dates(self._index.dates[: self._dates], span, k), search)

    def pages_like(self, text: str, k: int) -> list[Page]:
        """Whole pages that share words with the text, best first."""
        ids = [self._index.by_seq[seq] for seq, _ in self._keyword.search_pages(self._terms(text), k)]
        found = self.pages(ids)
        return [found[page_id] for page_id in ids if page_id in found]

    # -- words ---------------------------------------------------------------------------------------------

    def frequency(self, term: str) -> tuple[int, int]:
        """In how many passages a stem occurs, and of how many."""
        passages = self._keyword.passages
        return passages.frequency(term), passages.documents

    def unknown_share(self, text: str) -> float:
        """How much of a text occurs in no passage, from 0 to 1: the share of its words, weighed by idf, that of a
        word never met being that of one met once."""
        weighed = []
        for term in set(self._terms(text)):
            documents, total = self.frequency(term)
            weighed.append((math.log((total + 1) / max(1, documents)), documents == 0))
        whole = sum(weight for weight, _ in weighed)
        return sum(weight for weight, absent in weighed if absent) / whole if whole else 0.0

    def stems(self, ids: Iterable[str]) -> Mapping[str, frozenset[str]]:
        """By id, the distinct stems of a page or an item with its header. `RecordGone` for one that is gone."""
        found: dict[str, frozenset[str]] = {}
        missing = []
        for record_id in dict.fromkeys(ids):
            known = self._index.stems.get(record_id) if self.has(record_id) else None
            if known is None:
                missing.append(record_id)
            else:
                found[record_id] = known
        filed = self._source.stems(of_pages) if (of_pages := [one for one in missing if self.has(one)]) else {}
        self.records(missing)
        for record_id in missing:
            record = self.record(record_id)
            own = filed.get(record_id)
            if own is None:
                time = record.time if self.has(record_id) else None
                own = self._index.analyzer.passage_stems(record.text, time)
            found[record_id] = frozenset(base_stems(record.header)).union(own, _stems_of_dates(own))
            if self.has(record_id):
                self._index.stems.put(record_id, found[record_id])
        return found

    # -- names ---------------------------------------------------------------------------------------------

    @cached_property
    def speakers(self) -> frozenset[str]:
        """Everybody who speaks in a page, as they are written there."""
        return frozenset(name for name, at in list(self._index.speakers.items()) if at < self._count)

    @cached_property
    def speaker_stems(self) -> frozenset[str]:
        """The stems of their names."""
        return frozenset(stem for speaker in self.speakers for stem in self._index.speaker_stems[speaker])

    @property
    def has_titles(self) -> bool:
        """Whether any page may have a title."""
        return bool(self._index.titles)

    def page_ids_by_title(self, key: str) -> list[str]:
        """The pages with a title, by `title_key` of it."""
        return [self._index.page_ids[at] for at in list(self._index.titles.get(key, ())) if at < self._count]

    # -- records -------------------------------------------------------------------------------------------

    def page(self, page_id: str) -> Page:
        """`RecordGone` for an id that is of no page here."""
        found = self.pages([page_id])
        if page_id not in found:
            raise RecordGone(f"Page {page_id!r} is not in this memory, or not any more.")
        return found[page_id]

    def pages(self, page_ids: Iterable[str]) -> dict[str, Page]:
        """Those of some ids that are of pages here, by id."""
        found: dict[str, Page] = {}
        missing = []
        for page_id in dict.fromkeys(page_ids):
            if self.has(page_id):
                page = self._records.get(page_id) or self._index.pages.get(page_id)
                if isinstance(page, Page):
                    found[page_id] = self._records[page_id] = page
                else:
                    missing.append(page_id)
        if missing:
            for page_id, page in self._source.by_ids(missing).items():
                found[page_id] = self._records[page_id] = page
                self._index.pages.put(page_id, page)
        return found

    def record(self, record_id: str) -> Page | MemoryItem:
        """A page, or an item as it stands; `RecordGone` for an id that is neither here."""
        known = self._records.get(record_id) or self.records([record_id]).get(record_id)
        if known is None:
            raise RecordGone(f"{record_id!r} is no page and no item of this memory, or not any more.")
        return known

    def records(self, ids: Iterable[str]) -> dict[str, Page | MemoryItem]:
        """Those of some ids that are of pages and items here, by id."""
        wanted = list(dict.fromkeys(ids))
        found: dict[str, Page | MemoryItem] = {**self.pages(wanted)}
        others = []
        for record_id in wanted:
            if record_id not in found and not self.has(record_id):
                known = self._records.get(record_id) or self._known_items.get(record_id)
                if known is not None:
                    found[record_id] = self._records[record_id] = known
                else:
                    others.append(record_id)
        if others:
            for item_id, item in self._items.by_ids(others).items():
                found[item_id] = self._records[item_id] = item
                if item.change:  # an entry of a store changes without a number
                    self._known_items.put(item_id, item)
        return found

    def origins(self, ids: Iterable[str]) -> list[str]:
        """The pages behind some ids that may be cited: themselves, or those that an item comes from and that may still
        be read; each once, in order."""
        found = self.records(ids)
        named: dict[str, None] = {}
        for record in found.values():
            named |= dict.fromkeys([record.id] if isinstance(record, Page) else filter(self.has, record.page_ids))
        return list(named)

    def find_pages(self, **conditions: Any) -> list[Page]:
        """As `Pages.pages`, without pages that were filed since."""
        found = self._source.pages(namespaces=self.extent.namespaces, **conditions)
        return [page for page in found if self.has(page.id)]

    def core(self) -> MemoryItem | None:
        """The core paragraph; None while there is none."""
        return self._items.core()

    def items_like_instructions(self) -> list[MemoryItem]:
        """As `Items.like_instructions`, read once for each change of an item."""
        known = self._index.like_instructions
        if known[0] != self.newest_item or self.extent.items_expire:
            known = self._index.like_instructions = (self.newest_item, self._items.like_instructions())
        return known[1]

    def passages(self, page: Page, search: str, score: float) -> list[Hit]:
        """Every passage of a page as hits of one score, in page order; `search` is "" where none found them."""
        places = self._index.passages[page.id][1] if self.has(page.id) else []
        return [_make_hit(place, page, search, score) for place in places]

    def has_entries(self) -> bool:
        """Whether agents stored anything that is searched, as of now."""
        return bool(self._items.namespace.database.fetch("SELECT 1 FROM entry_text LIMIT 1"))

    def whole_memory(self, chars: int) -> list[Hit]:
        """Every passage, the newest page first, where all pages with their headings have at most so many characters; else
        `[]`. Nothing is read to know that."""
        left = chars - _HEADING * self._count
        ids = self._index.page_ids[: self._count] if left > 0 else []
        for page_id in ids:
            left -= max((place.end for place in self._index.passages[page_id][1]), default=0)
            if left < 0:
                return []
        found = self.pages(ids)
        return [hit for one in reversed(ids) if one in found for hit in self.passages(found[one], "", 0.0)]

    def has(self, page_id: str) -> bool:
        """Whether there is such a page."""
        known = self._index.passages.get(page_id)
        return known is not None and known[0] < self._count

    def _hits(self, found: Sequence[tuple[int, float]], search: str) -> list[Hit]:
        return [_make_hit(place, page, search, score) for place, page, score in self._places(found)]

    def _places(self, found: Sequence[tuple[int, float]]) -> list[tuple[Passage, Page, float]]:
        placed = [(self._index.places[seq], score) for seq, score in found]
        pages = self.pages([place.page_id for place, _ in placed])
        return [(place, pages[place.page_id], score) for place, score in placed if place.page_id in pages]


def _make_hit(place: Passage, page: Page, search: str, score: float) -> Hit:
    text = page.text[place.start : place.end]
    scores = {search: score} if search else {}
    return Hit(page.id, place.start, place.end, text, score, scores, place.speaker, time=page.time)


def _stems_of_dates(terms: Sequence[str]) -> list[str]:
    """Of a page that names dates the stems of what they mean."""
    if not any(term[0] == DATE_TERM for term in terms):
        return []
    from ..date_phrases import date_stems

    return date_stems(terms)


_CHANGES = 500  # read from the log at once


class NamespaceStore:
    """Thread-safe. Two stores of one namespace, in one process or several, see each other's pages."""

    def __init__(self, namespace: Namespace, embeddings: EmbeddingStore, vectors: VectorIndex) -> None:
        self.namespace = namespace
        self.analyzer = namespace.database.analyzer
        self.journal = Journal(namespace)
        self.pages = Pages(namespace)
        self.items = Items(namespace)
        self.embeddings = embeddings
        self.vectors = vectors
        self.after_fork_in_child()
        fork_hooks.call_in_child(self)

    def after_fork_in_child(self) -> None:
        """As if nothing had been read yet: another thread may have been reading."""
        self._lock = threading.Lock()
        self._index = PageIndex(self.analyzer)
        self._extent = NOTHING_READ

    def snapshot(self) -> Snapshot:
        """What may be read now. One statement where nothing has changed; else what was filed since is read first, or
        everything from the beginning where something is gone or may not be read any more."""
        with self._lock:
            extent, known = self.pages.extent(), self._extent
            overdue = known.due is not None and time.time() >= known.due
            if overdue or (extent.namespaces, extent.erased) != (known.namespaces, known.erased):
                self._index = PageIndex(self.analyzer)
            while self._index.read < extent.last:
                self._index.read = self._append(self._index, extent.last)
            self._extent = extent
            return Snapshot(self._index, extent, self.pages, self.items, self.vectors)

    def record(self, record_id: str) -> Page | MemoryItem:
        """The current page or item; `UnknownRecord` for an id that is neither here."""
        try:
            return self.pages.page(record_id)
        except UnknownRecord:
            item = self.items.find(record_id)
            if item is None:
                raise
            return item

    def _append(self, index: PageIndex, last: int) -> int:
        """Read the next changes; how far that goes. `last` where nothing is left, though changes may be gone."""
        read, rows, newest_item = self.pages.changed_pages(index.read, _CHANGES, last)
        if newest_item > index.newest_item:
            index.newest_item, index.items = newest_item, Cache()
        for row in rows:
            if row.id not in index.passages:  # it is, where an interruption left a batch half read
                with suppress(UnknownRecord):  # forgotten since it was read
                    index.append(row, "" if row.analyzer == self.analyzer.name else self.pages.page(row.id).text)
        return read if read > index.read else last
