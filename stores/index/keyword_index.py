"""The keyword index of one namespace: BM25 over passages, windows of passages, and pages, fused to one score."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rank_bm25 import BM25Plus

_FIRST = 64  # entries of a column that has just been made


class Column:
    """Numbers of one dtype, or rows of `width`. It doubles when it is full, and never changes an entry: a prefix is
    shared, not copied."""

    def __init__(self, dtype: Any, *width: int) -> None:
        self._data = np.zeros((_FIRST, *width), dtype)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def extend(self, values: Sequence[int] | NDArray[Any]) -> None:
        end = self._count + len(values)
        if end > len(self._data):
            grown = np.zeros((max(end, 2 * len(self._data)), *self._data.shape[1:]), self._data.dtype)
            grown[: self._count] = self._data[: self._count]
            self._data = grown
        self._data[self._count : end] = values
        self._count = end

    def head(self, count: int | None = None) -> NDArray[Any]:
        """(count,) the first so many, all by default; not to be written."""
        return self._data[: self._count if count is None else count]


class IncrementalBM25(BM25Plus):  # type: ignore[misc]  # rank_bm25 ships no types
    """Scores equal those of a fresh `BM25Plus(corpus, k1=k1, b=b, delta=0)` over the same documents.

    Documents are only appended, by one thread at a time; a `view` may be read by any thread meanwhile.
    """

    def __init__(self, k1: float = 1.2, b: float = 0.75) -> None:
        self.k1, self.b, self.delta = k1, b, 0.0
        self.corpus_size = 0
        self.doc_len = Column(np.uint32)
        self._words_in_all = 0
        self._postings: dict[str, tuple[array[int], array[int]]] = {}
        """By term the documents in rising order, and how often each has the term."""

    def append(self, document: Iterable[str]) -> int:
        """Add a document's terms; returns its position, counted from 0."""
        position = self.corpus_size
        counts = Counter(document)
        for term, occurrences in counts.items():
            posting = self._postings.get(term)
            if posting is None:
                posting = self._postings[term] = (array("I"), array("I"))
            posting[1].append(occurrences)
            posting[0].append(position)
        length = counts.total()
        self.doc_len.extend((length,))
        self._words_in_all += length
        self.corpus_size += 1
        return position

    @property
    def avgdl(self) -> float:
        """Mean length of the documents, in terms."""
        return self._words_in_all / self.corpus_size if self.corpus_size else 0.0

    def view(self) -> BM25View:
        return BM25View(self, self.corpus_size, self._words_in_all)

    def frequency(self, term: str, documents: int) -> int:
        """In how many of the first so many documents the term occurs."""
        posting = self._postings.get(term)
        return bisect_left(posting[0], documents) if posting else 0

    def score(
        self, query: Iterable[str], documents: int, size: int, words: int, within: NDArray[np.bool_] | None = None
    ) -> NDArray[np.float64]:
        """(documents,) float64 of the first so many; 0 where no term of the query occurs.

        `within`: (documents,) which of them count, by default all. Those are `size` documents of `words` terms in all.
        """
        scores = np.zeros(documents)
        average = words / size if words else 1.0
        lengths = self.doc_len.head(documents)
        for term in query:
            if not (end := self.frequency(term, documents)):
                continue
            # Slices: an array that lends its buffer refuses the next append.
            found, occurrences = (np.frombuffer(one[:end], np.uint32) for one in self._postings[term])
            if within is not None:
                wanted = within[found]
                found, occurrences = found[wanted], occurrences[wanted]
            if len(found):
                idf = math.log((size + 1) / len(found))
                norm = self.k1 * (1 - self.b + self.b * lengths[found] / average)
                scores[found] += idf * occurrences * (self.k1 + 1) / (norm + occurrences)
        return scores

    def get_scores(self, query: Iterable[str]) -> NDArray[np.float64]:
        """(documents,) float64 in order of `append`; 0 where no term of the query occurs."""
        return self.view().get_scores(query)

    def get_batch_scores(self, query: Iterable[str], doc_ids: Sequence[int]) -> list[float]:
        return [float(score) for score in self.get_scores(query)[list(doc_ids)]]


class BM25View(NamedTuple):
    """The first `documents` documents of an index, with `words` terms in all: it answers as if there were no others."""

    index: IncrementalBM25
    documents: int
    words: int

    def frequency(self, term: str) -> int:
        """In how many documents the term occurs."""
        return self.index.frequency(term, self.documents)

    def get_scores(self, query: Iterable[str]) -> NDArray[np.float64]:
        """(documents,) float64; 0 where no term of the query occurs."""
        return self.index.score(query, self.documents, self.documents, self.words)


WINDOW, STRIDE = 5, 3  # passages; evidence often answers a question of the turn before


class WindowMap:
    """Positions count from 0 in the order of filing: of passages, of windows, of pages. It only grows."""

    def __init__(self) -> None:
        self._seqs = Column(np.int64)
        self._page_of = Column(np.int64)
        self._first_window = Column(np.int64)
        self._last_window = Column(np.int64)
        self._position: dict[int, int] = {}
        self.windows = 0
        self.pages = 0

    def append(self, seqs: Sequence[int]) -> list[tuple[int, int]]:
        """Lay out one page's passages; returns the `(start, end)` slices of `seqs` that are its windows."""
        starts = [0, *range(STRIDE, len(seqs) - (WINDOW - STRIDE), STRIDE)]
        last = [min(at // STRIDE, len(starts) - 1) for at in range(len(seqs))]
        in_two = [window > 0 and (window - 1) * STRIDE + WINDOW > at for at, window in enumerate(last)]
        self._first_window.extend([self.windows + window - two for window, two in zip(last, in_two, strict=True)])
        self._last_window.extend([self.windows + window for window in last])
        self._page_of.extend([self.pages] * len(seqs))
        self._position |= {seq: at for at, seq in enumerate(seqs, start=len(self._seqs))}
        self._seqs.extend(seqs)
        self.windows += len(starts)
        self.pages += 1
        return [(start, min(start + WINDOW, len(seqs))) for start in starts]

    def view(self) -> LayoutView:
        first, last = self._first_window.head(), self._last_window.head()
        return LayoutView(self._seqs.head(), self._page_of.head(), first, last, self._position, self.windows)


@dataclass(frozen=True, slots=True)
class LayoutView:
    """The first passages of a layout. `seqs`: (passages,) their sequence numbers in the truth."""

    seqs: NDArray[np.int64]
    _page_of: NDArray[np.int64]
    _first_window: NDArray[np.int64]
    _last_window: NDArray[np.int64]
    _position: dict[int, int]
    windows: int

    def __len__(self) -> int:
        return len(self.seqs)

    def position(self, seq: int) -> int | None:
        """Where the passage with this sequence number lies; None for one that is not in this view."""
        at = self._position.get(seq)
        return at if at is not None and at < len(self.seqs) else None

    def best_window(self, window_scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """(windows,) to (passages,): for each passage the higher score of the windows that hold it."""
        return np.maximum(window_scores[self._first_window], window_scores[self._last_window])

    def of_page(self, page_scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """(pages,) to (passages,): each passage with its page's score."""
        return page_scores[self._page_of]

    def window_sums(self, positions: NDArray[np.int64], scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """(windows,) the sums of the scores of some passages over the windows that hold them."""
        sums = np.zeros(self.windows)
        first, last = self._first_window[positions], self._last_window[positions]
        np.add.at(sums, first, scores)
        np.add.at(sums, last, np.where(first == last, 0.0, scores))
        return sums


def divide_by_best(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divided by the highest, so that 1 is the best; the lowest possible score is 0 by itself."""
    highest = scores.max(initial=0.0)
    return scores / highest if highest > 0 else scores


def scale_cosines(cosines: NDArray[np.float64]) -> NDArray[np.float64]:
    """Min-max over what was found, with a little left for the last: a cosine has no natural zero."""
    low, high = cosines.min(), cosines.max()
    return np.full(len(cosines), 1.0) if high == low else 0.02 + 0.98 * (cosines - low) / (high - low)


def top_k(ids: NDArray[np.int64], scores: NDArray[np.float64], k: int) -> list[tuple[int, float]]:
    """The `k` highest scores above 0 with their ids, best first; ties go to the lower position."""
    candidates = np.flatnonzero(scores > 0)
    if 0 < k < len(candidates):
        threshold = np.partition(scores[candidates], -k)[-k]
        candidates = candidates[scores[candidates] >= threshold]
    order = candidates[np.argsort(-scores[candidates], kind="stable")][: max(0, k)]
    return list(zip(ids[order].tolist(), scores[order].tolist(), strict=True))


PAGE_WEIGHT = 0.5  # against 1 for the passage and 1 for its best window


@dataclass(frozen=True, slots=True)
class IndexedPage:
    """A page as the index reads it: stems of its title and date, which every passage inherits, and its passages
    as `(seq, stems)` in page order."""

    seq: int
    context: Sequence[str]
    passages: Sequence[tuple[int, Sequence[str]]]


class KeywordIndex:
    """Grows page by page, searchable at once. One thread appends at a time; any thread may read a `view` meanwhile."""

    def __init__(self) -> None:
        self._layout = WindowMap()
        self._passages = IncrementalBM25(b=0.3)
        self._windows = IncrementalBM25()
        self._pages = IncrementalBM25()
        self._page_seqs = Column(np.int64)

    def append(self, page: IndexedPage) -> None:
        stems = [stems for _, stems in page.passages]
        for start, end in self._layout.append([seq for seq, _ in page.passages]):
            self._windows.append([*page.context, *chain.from_iterable(stems[start:end])])
        for own in stems:
            self._passages.append([*page.context, *own])
        self._pages.append([*page.context, *page.context, *chain.from_iterable(stems)])
        self._page_seqs.extend((page.seq,))

    def view(self) -> KeywordView:
        return KeywordView(
            self._layout.view(),
            self._passages.view(),
            self._windows.view(),
            self._pages.view(),
            self._page_seqs.head(),
        )


@dataclass(frozen=True, slots=True)
class KeywordView:
    """The index as it was at one moment: every word is weighed by the same counts."""

    layout: LayoutView
    passages: BM25View
    windows: BM25View
    pages: BM25View
    page_seqs: NDArray[np.int64]

    def search(self, terms: Sequence[str], k: int) -> list[tuple[int, float]]:
        """`(passage seq, score)`, best first, at most `k`, never a score of 0; `[]` for unknown terms only.

        The score is the sum of the passage's, its best window's and half its page's BM25, each divided by the
        best of its kind, so it lies in (0, 2.5]. Ties go to the older passage.
        """
        if not len(self.layout) or not terms:
            return []
        scores = divide_by_best(self.passages.get_scores(terms))
        scores = scores + self.layout.best_window(divide_by_best(self.windows.get_scores(terms)))
        scores += PAGE_WEIGHT * self.layout.of_page(divide_by_best(self.pages.get_scores(terms)))
        return top_k(self.layout.seqs, scores, k)

    def search_pages(self, terms: Sequence[str], k: int) -> list[tuple[int, float]]:
        """`(page seq, BM25 of the whole page)`, best first, at most `k`, never a score of 0."""
        if not len(self.page_seqs) or not terms:
            return []
        return top_k(self.page_seqs, self.pages.get_scores(terms), k)
