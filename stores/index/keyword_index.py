"""The keyword index of one namespace: BM25 over passages, windows of passages, and pages, fused to one score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .bm25 import BM25View, IncrementalBM25
from .growing_arrays import Column
from .windows import LayoutView, WindowMap, divide_by_best, top_k

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
        """Add a page with its passages."""
        stems = [stems for _, stems in page.passages]
        for start, end in self._layout.append([seq for seq, _ in page.passages]):
            self._windows.append([*page.context, *_flat(stems[start:end])])
        for own in stems:
            self._passages.append([*page.context, *own])
        self._pages.append([*page.context, *page.context, *_flat(stems)])
        self._page_seqs.extend((page.seq,))

    def view(self) -> KeywordView:
        """What is here now, whatever is appended later."""
        return KeywordView(
            self._layout.view(),
            self._passages.view(),
            self._windows.view(),
            self._pages.view(),
            self._page_seqs.head(self._pages.corpus_size),
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


def _flat(lists: Sequence[Sequence[str]]) -> list[str]:
    return [stem for stems in lists for stem in stems]
