"""One consistent view of what a namespace may read, as of one change number: taken once by a step and handed down."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from .. import fork_hooks
from ..analyzer import Analyzer, base_stems
from ..errors import RecordGone, UnknownRecord
from ..records import Hit, MemoryItem, Page, Passage
from ..times import DATE_TERM, Span
from ..truth.database import read_back
from ..truth.embeddings import EmbeddingStore
from ..truth.items import Items
from ..truth.journal import Journal
from ..truth.namespace import Namespace
from ..truth.pages import NOTHING_READ, Extent, IndexedPage, Pages, read_indexed
from .keyword_index import Column, TermPostings, WindowMap, divide_by_best, scale_cosines, top_k
from .vector_index import VectorIndex

T = TypeVar("T")
_MOST = 4096
_MOST_TERMS = 512  # whose postings are remembered
_MOST_COMMON = 64  # the same of terms that occur often: at 100,000 passages some have megabytes
_COMMON = 200  # occurrences
_HEADING = 40  # characters of the line above the passages of a page


class Cache(Generic[T]):
    """By id; the oldest entry makes room for a new one."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._entries: dict[Hashable, T] = {}

    def get(self, key: Hashable) -> T | None:
        """None where it is not, or not any more."""
        return self._entries.get(key)

    def put(self, key: Hashable, value: T) -> None:
        """Keep it for as long as there is room."""
        while len(self._entries) >= self._most:
            self._entries.pop(next(iter(self._entries), ""), None)
        self._entries[key] = value


class PageIndex:
    """What a process remembers of the pages that it may read: names and lengths, and some texts. One thread appends at a
    time, and others read what their snapshot covers meanwhile. Where something that was read is erased or hidden, the
    whole index is replaced by another."""

    def __init__(self, analyzer: Analyzer) -> None:
        self.analyzer = analyzer
        self.map = WindowMap()
        self.page_ids: list[str] = []
        self.positions: dict[int | str, int] = {}
        """By number and by id of a page its position in `page_ids`."""
        self.last = 0
        """The highest number of a page."""
        self.hidden: list[int] = []
        """The numbers of pages that are past their age."""
        self.speakers: dict[str, int] = {}
        """Everybody who speaks, as they are written, to the position of the first page in which they do."""
        self.speaker_stems: dict[str, list[str]] = {}
        """By speaker, the stems of the name."""
        self.speakers_of: list[tuple[str, ...]] = []
        """By position of a page."""
        self.titles: dict[str, list[int]] = {}
        """`title_key` of a title to the positions of the pages that have it."""
        self.first = Column(np.int64)
        """By position of a page the number of its first passage; the others follow it without a gap."""
        self.pages: Cache[tuple[Page, tuple[Passage, ...]]] = Cache()
        self.postings: Cache[TermPostings] = Cache(_MOST_TERMS)
        self.common_postings: Cache[TermPostings] = Cache(_MOST_COMMON)
        """Of terms that occur often: rare ones, which hardly come again, do not take their place."""
        self.frequencies: Cache[int] = Cache()
        """Of terms, as of the pages that were read."""
        self.items: Cache[MemoryItem] = Cache()
        """As they stand since the newest change of an item."""
        self.like_instructions: tuple[int, list[MemoryItem]] = -1, []
        """The newest change of an item of then, and the items that may be instructions."""
        self.date_terms: list[str] | None = None
        """The terms of dates that stand in the pages; None until they are looked up."""
        self.size = 0, 0
        """How many pages there were, and how many characters they had."""
        self.stems: Cache[frozenset[str]] = Cache()
        """By page id, the distinct stems of its header and its passages."""
        self.hit_stems: Cache[frozenset[str]] = Cache(_MOST // 4)
        """The same of a passage, by its page and its span."""

    def extend(self, rows: Sequence[IndexedPage]) -> None:
        """Add pages, in order."""
        self.hidden += [row.seq for row in rows if row.hidden]
        rows = [row for row in rows if not row.hidden and row.seq not in self.positions]
        if not rows:
            return
        self.postings, self.common_postings = Cache(_MOST_TERMS), Cache(_MOST_COMMON)
        self.frequencies, self.date_terms = Cache(), None
        for position, row in enumerate(rows, start=len(self.page_ids)):
            self.speakers_of.append(row.speakers)
            for speaker in row.speakers:
                if speaker not in self.speakers:
                    self.speaker_stems[speaker] = self.analyzer.stems(speaker)
                    self.speakers[speaker] = position
            if row.title:
                self.titles.setdefault(row.title, []).append(position)
        self.map.extend([len(row.context) for row in rows], [row.lengths for row in rows])
        self.first.extend([row.first for row in rows])
        for row in rows:
            self.positions[row.seq] = self.positions[row.id] = len(self.page_ids)
            self.page_ids.append(row.id)
            self.last = max(self.last, row.seq)


KEYWORD, VECTOR = "keyword", "vector"


class Snapshot:
    """Never refreshed. What is filed later is not in it; a record that is erased later raises `RecordGone` when it is
    first read. Each method is one statement at most, whatever the number of words or ids."""

    def __init__(self, index: PageIndex, extent: Extent, pages: Pages, items: Items, vectors: VectorIndex) -> None:
        self.extent = extent
        self._index = index
        self._known_items: Cache[MemoryItem] = Cache() if extent.items_expire else index.items
        self._source = pages
        self._terms = index.analyzer.stems
        self._items = items
        self._vectors = vectors
        self._map = index.map.view()
        self._last = index.last
        self._count = len(self._map.spans)
        self._rare, self._common, self._frequencies = index.postings, index.common_postings, index.frequencies
        self._pages: dict[str, tuple[Page, tuple[Passage, ...]]] = {}
        self._items_read: dict[str, MemoryItem] = {}

    # -- searching -----------------------------------------------------------------------------------------

    def keyword(self, text: str, k: int) -> list[Hit]:
        """Passages that share words with the text, best first; scores as `KeywordView.search` gives them."""
        terms = self._find_terms(self._index.analyzer.passage_stems(text, None))
        return self._hits(self._map.search(terms, k), KEYWORD)

    def read_postings(self, text: str) -> None:
        """Read at once what searches for the paragraphs of a text will need."""
        self._find_terms(self._index.analyzer.passage_stems(text, None))

    def keyword_places(self, text: str, k: int) -> list[tuple[Passage, Page, float]]:
        """The same as spans, without making hits of them."""
        return list(self._places(self._map.search(self._find_terms(self._terms(text)), k)))

    def vector(self, vector: Sequence[float], k: int) -> list[Hit]:
        """Passages near a query vector, best first: cosine scaled to (0, 1] plus that of the best window.

        A window's share is the mean over its passages, as the mean of their vectors would have it.
        """
        query, ask, last = np.array(vector, np.float32), k, False
        while not last:
            near = np.array(self._vectors.search(query, ask, self.extent.namespaces, self.extent.vectors)).reshape(
                -1, 2
            )
            positions = self._positions_of(near[:, 0].astype(np.int64))
            here = np.flatnonzero(positions >= 0)[:k]
            # What is not in this snapshot takes no place of what is.
            last = len(here) == min(k, len(near)) or len(near) < ask
            ask *= 4
        if not len(here):
            return []
        positions = positions[here]
        scores = np.zeros(len(self._map.page_of))
        scores[positions] = scale_cosines(near[here, 1])
        windows = divide_by_best(self._map.window_sums(positions, scores[positions]))
        own = scores > 0
        scores[own] += self._map.best_window(windows)[own]
        return self._hits(top_k(np.arange(len(scores)), scores, k), VECTOR)

    def passages_by_date(self, span: Span, k: int, search: str) -> list[Hit]:
        """Passages that name a date of a span, at most `k`; see `date_index.score_dates` for the scores."""
        from .date_index import find_dates, read_date_terms

        if self._index.date_terms is None:
            self._index.date_terms = read_date_terms(self._source, self.extent.namespaces)
        return self._hits(find_dates(self._index.date_terms, self._find_terms, span, k), search)

    def pages_like(self, text: str, k: int) -> list[Page]:
        """Whole pages that share words with the text, best first."""
        ids = [self._index.page_ids[at] for at, _ in self._map.search_pages(self._find_terms(self._terms(text)), k)]
        found = self.pages(ids)
        return [found[page_id] for page_id in ids if page_id in found]

    def _find_terms(self, terms: Sequence[str]) -> list[TermPostings]:
        """Where the terms of a query occur, in their order; what the snapshot has looked up before is not read again."""
        found = {term: known for term in terms if (known := self._known_term(term)) is not None}
        if missing := [term for term in dict.fromkeys(terms) if term not in found]:
            read = self._locate(self._source.postings(missing, self.extent.namespaces))
            for term in missing:
                found[term] = read.get(term) or self._map.locate([])
                (self._common if len(found[term].passages) > _COMMON else self._rare).put(term, found[term])
        return [found[term] for term in terms]

    def _known_term(self, term: str) -> TermPostings | None:
        return self._common.get(term) or self._rare.get(term)

    def _locate(self, rows: Iterable[tuple[str, int, int, bytes]]) -> dict[str, TermPostings]:
        """Rows of postings, those of the pages of this snapshot, by term."""
        by_term: dict[str, list[tuple[int, int, bytes]]] = {}
        positions, count = self._index.positions, self._count
        for term, page, context, passages in rows:
            at = positions.get(page, count)
            if at < count:
                by_term.setdefault(term, []).append((at, context, passages))
        return {term: self._map.locate(found) for term, found in by_term.items()}

    def _positions_of(self, passages: NDArray[np.int64]) -> NDArray[np.int64]:
        """(passages,) by their numbers; -1 for those that are not in this snapshot."""
        if not self._count:
            return np.full(len(passages), -1)
        first = self._index.first.head(self._count)
        order = np.argsort(first, kind="stable")
        page = order[np.searchsorted(first[order], passages, "right") - 1]
        at = passages - first[page]
        return np.where((at >= 0) & (at < self._map.spans[page, 1]), self._map.spans[page, 0] + at, -1)

    @property
    def passage_count(self) -> int:
        """How many passages there are."""
        return len(self._map.page_of)

    # -- words ---------------------------------------------------------------------------------------------

    def frequencies(self, terms: Iterable[str]) -> dict[str, tuple[int, int]]:
        """By stem, in how many passages it occurs, and of how many."""
        cached, found = self._frequencies, dict[str, int]()
        wanted = dict.fromkeys(terms)
        for term in wanted:
            if (known := cached.get(term)) is not None:
                found[term] = known
            elif (located := self._known_term(term)) is not None:
                found[term] = len(self._map.weigh(located)[0][0])
        if missing := [term for term in wanted if term not in found]:
            hidden, namespaces = self._index.hidden, self.extent.namespaces
            read = self._source.frequencies(missing, namespaces, self._last, hidden) if self._count else {}
            for term in missing:
                found[term] = read.get(term, 0)
                cached.put(term, found[term])
        return {term: (found[term], len(self._map.page_of)) for term in wanted}

    def unknown_share(self, text: str) -> float:
        """How much of a text occurs in no passage, from 0 to 1: the share of its words, weighed by idf, that of a
        word never met being that of one met once."""
        weighed = []
        for documents, total in self.frequencies(self._terms(text)).values():
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

    def hit_stems(self, hit: Hit) -> frozenset[str]:
        """The distinct stems of what a reader of a hit sees: its words under the header of its page."""
        place = hit.page_id, hit.start, hit.end
        found = self._index.hit_stems.get(place) if hit.page_id else None
        if found is None:
            found = frozenset(base_stems(self.record(hit.record_id).header)).union(self._terms(hit.dated_text))
            if hit.page_id:
                self._index.hit_stems.put(place, found)
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

    def speakers_of(self, page_id: str) -> tuple[str, ...]:
        """Who speaks in a page."""
        return self._index.speakers_of[self._index.positions[page_id]] if self.has(page_id) else ()

    @property
    def has_titles(self) -> bool:
        """Whether any page may have a title."""
        return bool(self._index.titles)

    def page_ids_by_title(self, key: str) -> list[str]:
        """The pages with a title, by `title_key` of it."""
        return [self._index.page_ids[at] for at in list(self._index.titles.get(key, ())) if at < self._count]

    # -- records -------------------------------------------------------------------------------------------

    def pages(self, page_ids: Iterable[str]) -> dict[str, Page]:
        """Those of some ids that are of pages here, by id."""
        return {page_id: page for page_id, (page, _) in self._with_passages(page_ids).items()}

    def _with_passages(self, page_ids: Iterable[str]) -> dict[str, tuple[Page, tuple[Passage, ...]]]:
        found, missing = {}, []
        for page_id in dict.fromkeys(page_ids):
            known = self._pages.get(page_id)
            if known is not None:
                found[page_id] = known
            elif self.has(page_id):
                known = self._index.pages.get(page_id)
                if known is None:
                    missing.append(page_id)
                else:
                    found[page_id] = self._pages[page_id] = known
        if missing:
            for page_id, read in self._source.with_passages(missing).items():
                found[page_id] = self._pages[page_id] = read
                self._index.pages.put(page_id, read)
        return found

    def record(self, record_id: str) -> Page | MemoryItem:
        """A page, or an item as it stands; `RecordGone` for an id that is neither here."""
        if (read := self._pages.get(record_id)) is not None:
            return read[0]
        known = self.records([record_id]).get(record_id)
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
                item = self._items_read.get(record_id) or self._known_items.get(record_id)
                if item is not None:
                    found[record_id] = self._items_read[record_id] = item
                else:
                    others.append(record_id)
        if others:
            for item_id, item in self._items.by_ids(others).items():
                found[item_id] = self._items_read[item_id] = item
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
        if known[0] != self.extent.items or self.extent.items_expire:
            known = self._index.like_instructions = (self.extent.items, self._items.like_instructions())
        return known[1]

    def passages(self, page: Page, search: str, score: float) -> list[Hit]:
        """Every passage of a page as hits of one score, in page order; `search` is "" where none found them."""
        found = self._with_passages([page.id])
        return [_make_hit(place, page, search, score) for _, places in found.values() for place in places]

    def whole_memory(self, chars: int) -> list[Hit]:
        """Every passage, the newest page first, where all pages with their headings have at most so many characters; else
        `[]`. Where many pages are in memory, nothing is read to know that."""
        left = chars - _HEADING * self._count
        if left <= 0:
            return []
        ids = self._index.page_ids[: self._count]
        size = self._index.size
        if size[0] != self._count:
            size = self._index.size = self._count, self._source.count_characters(ids)
        found = self.pages(ids) if size[1] <= left else {}
        return [hit for one in reversed(ids) if one in found for hit in self.passages(found[one], "", 0.0)]

    def has(self, page_id: str) -> bool:
        """Whether there is such a page."""
        return self._index.positions.get(page_id, self._count) < self._count

    def _hits(self, found: Sequence[tuple[int, float]], search: str) -> list[Hit]:
        return [_make_hit(place, page, search, score) for place, page, score in self._places(found)]

    def _places(self, found: Sequence[tuple[int, float]]) -> Iterator[tuple[Passage, Page, float]]:
        """Of passages by position, those that are still there."""
        positions = np.array([at for at, _ in found], np.int64)
        page_of = self._map.page_of[positions]
        ids = [self._index.page_ids[at] for at in page_of.tolist()]
        in_page = (positions - self._map.spans[page_of, 0]).tolist()
        pages = self._with_passages(ids)
        with read_back("The passages of a page"):
            for page_id, at, (_, score) in zip(ids, in_page, found, strict=True):
                if page_id in pages:
                    page, passages = pages[page_id]
                    yield passages[at], page, score


def _make_hit(place: Passage, page: Page, search: str, score: float) -> Hit:
    text = page.text[place.start : place.end]
    scores = {search: score} if search else {}
    return Hit(page.id, place.start, place.end, text, score, scores, place.speaker, None, page.time)


def _stems_of_dates(terms: Sequence[str]) -> list[str]:
    """Of a page that names dates the stems of what they mean."""
    if not any(term[0] == DATE_TERM for term in terms):
        return []
    from ..date_phrases import date_stems

    return date_stems(terms)


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
        self._latest: tuple[float, int, Snapshot] | None = None

    def snapshot(self, max_age_s: float = 0.0, terms: Sequence[str] = ()) -> Snapshot:
        """What may be read now. One statement where nothing has changed, or this process has filed all that is new; else
        what was filed since is read first, or everything from the beginning where something is gone or may not be read
        any more. The statement reads the frequencies of `terms` as well.

        `max_age_s`: the last one will do if it is no older and this process has written nothing since.
        """
        with self._lock:
            taken_at, writes = time.monotonic(), self.namespace.database.writes
            if self._latest and taken_at - self._latest[0] < max_age_s and writes == self._latest[1]:
                return self._latest[2]
            extent, known = self.pages.extent(self.embeddings, terms), self._extent
            overdue = known.due is not None and time.time() >= known.due
            if overdue or (extent.namespaces, extent.erased) != (known.namespaces, known.erased):
                self._index, known = PageIndex(self.analyzer), NOTHING_READ
            try:
                if extent.heads != known.heads:
                    self._index.extend(self._own_pages(known, extent) or self.pages.changed_pages(known, extent))
                if not (self._index.hidden or extent.ages):
                    for term, passages in extent.frequencies.items():
                        self._index.frequencies.put(term, passages)
                if extent.items != known.items:
                    self._index.items = Cache()
                self._extent = extent
            except BaseException:  # it may have been half extended
                self._index, self._extent = PageIndex(self.analyzer), NOTHING_READ
                raise
            snapshot = Snapshot(self._index, extent, self.pages, self.items, self.vectors)
            self._latest = taken_at, writes, snapshot
            return snapshot

    def _own_pages(self, before: Extent, extent: Extent) -> list[IndexedPage]:
        """The pages that were put since `before`; none where another process, or an edit of an item, made a change of these."""
        filed, own, head = self.journal.filed, extent.namespaces[0], extent.heads[0]
        rows = [filed.get((own, number)) for number in range(sum(before.heads[:1]) + 1, head + 1)]
        for place in [place for place in list(filed) if place <= (own, head)]:
            filed.pop(place, None)
        if extent.ages or extent.heads[1:] != before.heads[1:]:
            return []
        return [read_indexed(row) for row in rows if row is not None] if all(rows) else []

    def record(self, record_id: str) -> Page | MemoryItem:
        """The current page or item; `UnknownRecord` for an id that is neither here."""
        try:
            return self.pages.page(record_id)
        except UnknownRecord:
            item = self.items.find(record_id)
            if item is None:
                raise
            return item
