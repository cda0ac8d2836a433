"""The keyword index of one namespace: BM25 over passages, windows of passages, and pages, fused to one score."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .bm25 import GrowingBM25
from .layout import Layout, best, to_one

PAGE_WEIGHT = 0.5  # against 1 for the passage and 1 for its best window


@dataclass(frozen=True, slots=True)
class IndexedPage:
    """A page as the index reads it: stems of its title and date, which every passage inherits, and its passages
    as `(seq, stems)` in page order."""

    seq: int
    context: Sequence[str]
    passages: Sequence[tuple[int, Sequence[str]]]


class KeywordIndex:
    """Grows page by page, searchable at once; not thread-safe by itself (its `Archive` holds the lock)."""

    def __init__(self) -> None:
        self.layout = Layout()
        self.passages = GrowingBM25(b=0.3)
        self.windows = GrowingBM25()
        self.pages = GrowingBM25()
        self._page_seqs = array("q")

    def append(self, page: IndexedPage) -> None:
        """Add a page with its passages."""
        stems = [stems for _, stems in page.passages]
        for start, end in self.layout.append([seq for seq, _ in page.passages]):
            self.windows.append([*page.context, *_flat(stems[start:end])])
        for own in stems:
            self.passages.append([*page.context, *own])
        self.pages.append([*page.context, *page.context, *_flat(stems)])
        self._page_seqs.append(page.seq)

    def search(self, terms: Sequence[str], k: int) -> list[tuple[int, float]]:
        """`(passage seq, score)`, best first, at most `k`, never a score of 0; `[]` for unknown terms only.

        The score is the sum of the passage's, its best window's and half its page's BM25, each divided by the
        best of its kind, so it lies in (0, 2.5]. Ties go to the older passage.
        """
        if not len(self.layout) or not terms:
            return []
        scores = to_one(self.passages.get_scores(terms))
        scores = scores + self.layout.best_window(to_one(self.windows.get_scores(terms)))
        scores += PAGE_WEIGHT * self.layout.of_page(to_one(self.pages.get_scores(terms)))
        return best(self.layout.seqs, scores, k)

    def search_pages(self, terms: Sequence[str], k: int) -> list[tuple[int, float]]:
        """`(page seq, BM25 of the whole page)`, best first, at most `k`, never a score of 0."""
        if not self._page_seqs or not terms:
            return []
        return best(np.array(self._page_seqs, dtype=np.int64), self.pages.get_scores(terms), k)


def _flat(lists: Sequence[Sequence[str]]) -> list[str]:
    return [stem for stems in lists for stem in stems]
