"""Keyword scores from the postings in the truth: BM25 over passages, windows of passages, and pages, fused to one."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rank_bm25 import BM25Plus

from ..truth.database import read_back

K1 = 1.2
_MOST_NAMED = 1 << 16  # times that a term is in a title
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

    Documents are only appended, by one thread at a time; any thread may score the first so many meanwhile.
    """

    def __init__(self, k1: float = K1, b: float = 0.75) -> None:
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

    def score(
        self, query: Iterable[str], documents: int, size: int, words: int, within: NDArray[np.bool_] | None = None
    ) -> NDArray[np.float64]:
        """(documents,) float64 of the first so many; 0 where no term of the query occurs.

        `within`: (documents,) which of them count, by default all. Those are `size` documents of `words` terms in all.
        """
        scores, lengths = np.zeros(documents), self.doc_len.head(documents)
        for term in query:
            posting = self._postings.get(term)
            if posting is None or not (end := bisect_left(posting[0], documents)):
                continue
            # Slices: an array that lends its buffer refuses the next append.
            found, occurrences = (np.frombuffer(one[:end], np.uint32) for one in posting)
            if within is not None:
                wanted = within[found]
                found, occurrences = found[wanted], occurrences[wanted]
            scores[found] += bm25_weights(found, occurrences, lengths, size, words, self.k1, self.b)[1]
        return scores

    def get_scores(self, query: Iterable[str]) -> NDArray[np.float64]:
        """(documents,) float64 in order of `append`; 0 where no term of the query occurs."""
        return self.score(query, self.corpus_size, self.corpus_size, self._words_in_all)


def bm25_weights(
    found: NDArray[Any], occurrences: NDArray[Any], lengths: NDArray[Any], size: int, words: int, k1: float, b: float
) -> Weighed:
    """From the documents that have a term of a query, and how often they do, what that adds to the score of each, as
    rank-bm25's BM25Plus at delta = 0 scores `size` documents of `words` terms in all. `lengths`: of all, in terms."""
    if not len(found):
        return found, np.zeros(0)
    idf = math.log((size + 1) / len(found))
    norm = k1 * (1 - b + b * lengths[found] / (words / size if words else 1.0))
    return found, idf * occurrences * (k1 + 1) / (norm + occurrences)


Weighed = tuple[NDArray[np.int64], NDArray[np.float64]]
"""Documents that have a term, and what it adds to the score of each."""


class Level(NamedTuple):
    """The documents of one kind: passages, windows or pages. `lengths`: (documents,) uint32, in terms."""

    lengths: NDArray[np.uint32]
    b: float

    def weigh(self, found: NDArray[np.int64]) -> Weighed:
        """The BM25 of one term, from the document of each of its occurrences, in any order."""
        size, words = len(self.lengths), int(self.lengths.sum())
        return bm25_weights(*_count(found, size), self.lengths, size, words, K1, self.b)

    def sum(self, terms: Iterable[Weighed]) -> NDArray[np.float64]:
        """(documents,) BM25 of a query by those of its terms."""
        scores = np.zeros(len(self.lengths))
        for found, weights in terms:
            scores[found] += weights
        return scores


@dataclass(slots=True, eq=False)
class TermPostings:
    """Where a term occurs, by position. `pages`: (pages,) that have it; `context`: (pages,) how often in title and
    date; `counts`: (pages,) how often in passages; `passages`: (occurrences,) the passage of each. `weighed`: what it adds
    to the scores of passages, windows and pages, once that was computed."""

    pages: NDArray[np.int64]
    context: NDArray[np.int64]
    counts: NDArray[np.int64]
    passages: NDArray[np.int64]
    weighed: tuple[Weighed, Weighed, Weighed] | None = None


WINDOW, STRIDE = 5, 3  # passages; evidence often answers a question of the turn before


class WindowMap:
    """Where passages, windows and pages lie, and how long they are, in terms. Positions count from 0 in the order of
    filing. It only grows: one thread appends at a time, any thread may read a `view` meanwhile."""

    def __init__(self) -> None:
        self._passages, self._windows, self._pages = (Column(np.uint32) for _ in range(3))
        self._spans = Column(np.int64, 4)
        self._page_of, self._first_window, self._last_window = (Column(np.int64) for _ in range(3))

    def extend(self, contexts: Sequence[int], lengths: Sequence[NDArray[np.uint32]]) -> None:
        """Lay out pages: by page the terms of its title and date, which every passage inherits, and by passage of it
        its own terms."""
        context, counts = np.array(contexts, np.int64), np.array([len(own) for own in lengths], np.int64)
        own = np.concatenate([*lengths, np.zeros(0)]).astype(np.int64)
        windows = 1 + np.maximum(0, (counts - STRIDE) // STRIDE)
        ends, window_ends = np.cumsum(counts), np.cumsum(windows)
        starts, window_starts = ends - counts, window_ends - windows
        page, window_page = (np.repeat(np.arange(len(counts)), each) for each in (counts, windows))
        at = np.arange(len(own)) - starts[page]
        last = np.minimum(at // STRIDE, windows[page] - 1)
        in_two = (last > 0) & ((last - 1) * STRIDE + WINDOW > at)
        until = np.concatenate([[0], np.cumsum(own)])
        first_of = (np.arange(len(window_page)) - window_starts[window_page]) * STRIDE
        end_of = np.minimum(first_of + WINDOW, counts[window_page])
        in_window = until[starts[window_page] + end_of] - until[starts[window_page] + first_of]
        pages_before, passages_before, windows_before = len(self._spans), len(self._page_of), len(self._windows)
        self._first_window.extend(windows_before + window_starts[page] + last - in_two)
        self._last_window.extend(windows_before + window_starts[page] + last)
        self._passages.extend(own + context[page])
        self._windows.extend(in_window + context[window_page])
        self._pages.extend(until[ends] - until[starts] + 2 * context)
        self._spans.extend(np.stack([passages_before + starts, counts, windows_before + window_starts, windows], 1))
        self._page_of.extend(pages_before + page)

    def view(self) -> KeywordView:
        return KeywordView(
            Level(self._passages.head(), 0.3),
            Level(self._windows.head(), 0.75),
            Level(self._pages.head(), 0.75),
            self._spans.head(),
            self._page_of.head(),
            self._first_window.head(),
            self._last_window.head(),
        )


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
class KeywordView:
    """The map as it was at one moment: every word is weighed by the same counts.

    `spans`: (pages, 4) of each its first passage, how many it has, its first window, and how many.
    """

    passages: Level
    windows: Level
    pages: Level
    spans: NDArray[np.int64]
    page_of: NDArray[np.int64]
    first_window: NDArray[np.int64]
    last_window: NDArray[np.int64]

    @read_back("Where a term occurs")
    def locate(self, rows: Sequence[tuple[int, int, bytes]]) -> TermPostings:
        """From `(page, occurrences in its context, passages in the page)` of one term, as the truth has them."""
        pages, context, blobs = zip(*rows, strict=True) if rows else ((), (), ())
        where, counts = np.array(pages, np.int64), np.array([len(blob) // 4 for blob in blobs], np.int64)
        first, most = np.repeat(self.spans[where, :2], counts, axis=0).T
        in_page = np.frombuffer(b"".join(blobs), "<u4").astype(np.int64)
        if (in_page >= most).any() or any(not 0 <= named < _MOST_NAMED for named in context):
            raise ValueError("beyond its page")
        return TermPostings(where, np.array(context, np.int64), counts, first + in_page)

    def search(self, terms: Sequence[TermPostings], k: int) -> list[tuple[int, float]]:
        """`(passage, score)`, best first, at most `k`, never a score of 0; `[]` for unknown terms only.

        The score is the sum of the passage's, its best window's and half its page's BM25, each divided by the
        best of its kind, so it lies in (0, 2.5]. Ties go to the older passage.
        """
        weighed = [self.weigh(term) for term in terms]
        scores = divide_by_best(self.passages.sum(term[0] for term in weighed))
        scores = scores + self.best_window(divide_by_best(self.windows.sum(term[1] for term in weighed)))
        scores += PAGE_WEIGHT * divide_by_best(self.pages.sum(term[2] for term in weighed))[self.page_of]
        return top_k(np.arange(len(scores)), scores, k)

    def search_pages(self, terms: Sequence[TermPostings], k: int) -> list[tuple[int, float]]:
        """`(page, BM25 of the whole page)`, best first, at most `k`, never a score of 0."""
        return top_k(np.arange(len(self.spans)), self.pages.sum(self.weigh(term)[2] for term in terms), k)

    def weigh(self, term: TermPostings) -> tuple[Weighed, Weighed, Weighed]:
        """What a term adds to passages, windows and pages; remembered with its postings, which are of this state alone."""
        if term.weighed is None:
            passages, windows, pages = self._in_passages(term), self._in_windows(term), _in_pages(term)
            term.weighed = self.passages.weigh(passages), self.windows.weigh(windows), self.pages.weigh(pages)
        return term.weighed

    def best_window(self, window_scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """(windows,) to (passages,): for each passage the higher score of the windows that hold it."""
        return np.maximum(window_scores[self.first_window], window_scores[self.last_window])

    def window_sums(self, positions: NDArray[np.int64], scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """(windows,) the sums of the scores of some passages over the windows that hold them."""
        sums = np.zeros(len(self.windows.lengths))
        first, last = self.first_window[positions], self.last_window[positions]
        np.add.at(sums, first, scores)
        np.add.at(sums, last, np.where(first == last, 0.0, scores))
        return sums

    def _in_passages(self, term: TermPostings) -> NDArray[np.int64]:
        return np.concatenate([term.passages, self._in_context_of(term, 0)])

    def _in_windows(self, term: TermPostings) -> NDArray[np.int64]:
        first, last = self.first_window[term.passages], self.last_window[term.passages]
        return np.concatenate([first, last[first != last], self._in_context_of(term, 2)])

    def _in_context_of(self, term: TermPostings, column: int) -> NDArray[np.int64]:
        """What lies in the pages that have a term in their context, each as often as it is there; `column` of
        `spans`: 0 for passages, 2 for windows."""
        named = term.context > 0
        if not named.any():
            return term.passages[:0]
        first, counts = self.spans[term.pages[named], column], self.spans[term.pages[named], column + 1]
        offsets = np.repeat(first - (np.cumsum(counts) - counts), counts)
        return np.repeat(offsets + np.arange(len(offsets)), np.repeat(term.context[named], counts))


def _in_pages(term: TermPostings) -> NDArray[np.int64]:
    """The context of a page counts twice."""
    return np.repeat(term.pages, term.counts + 2 * term.context)


def _count(found: NDArray[np.int64], size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of documents below `size`, with repetitions: each once, and how often it was there."""
    if 8 * len(found) < size:  # few: sorting them is less than a pass over all
        return np.unique(found, return_counts=True)
    counts = np.bincount(found, minlength=size)
    documents = np.flatnonzero(counts)
    return documents, counts[documents]
