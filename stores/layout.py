"""Where passages lie: which page and which windows of passages each one belongs to. Shared by all rankings."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

WINDOW, STRIDE = 5, 3  # passages; evidence often answers a question that stands in the turn before


class Layout:
    """Positions count from 0 in the order of filing: of passages, of windows, of pages."""

    def __init__(self) -> None:
        self._seqs = array("q")
        self._page_of = array("I")
        self._first_window = array("I")
        self._last_window = array("I")
        self._position: dict[int, int] = {}
        self.windows = 0
        self.pages = 0

    def __len__(self) -> int:
        return len(self._seqs)

    def append(self, seqs: Sequence[int]) -> list[tuple[int, int]]:
        """Lay out one page's passages; returns the `(start, end)` slices of `seqs` that are its windows."""
        starts = [0, *range(STRIDE, len(seqs) - (WINDOW - STRIDE), STRIDE)]
        for at, seq in enumerate(seqs):
            last = min(at // STRIDE, len(starts) - 1)
            also_in_the_one_before = last > 0 and (last - 1) * STRIDE + WINDOW > at
            self._position[seq] = len(self._seqs)
            self._seqs.append(seq)
            self._page_of.append(self.pages)
            self._first_window.append(self.windows + last - also_in_the_one_before)
            self._last_window.append(self.windows + last)
        self.windows += len(starts)
        self.pages += 1
        return [(start, min(start + WINDOW, len(seqs))) for start in starts]

    @property
    def seqs(self) -> NDArray[np.int64]:
        """(passages,) their sequence numbers in the truth."""
        return np.array(self._seqs, dtype=np.int64)

    def position(self, seq: int) -> int | None:
        """Where the passage with this sequence number lies; None for one that is not laid out yet."""
        return self._position.get(seq)

    def best_window(self, window_scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """(windows,) to (passages,): for each passage the higher score of the windows that hold it."""
        first = window_scores[np.array(self._first_window, dtype=np.int64)]
        return np.maximum(first, window_scores[np.array(self._last_window, dtype=np.int64)])

    def of_page(self, page_scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """(pages,) to (passages,): each passage with its page's score."""
        return page_scores[np.array(self._page_of, dtype=np.int64)]

    def window_sums(self, positions: NDArray[np.int64], scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """(windows,) the sums of the scores of some passages over the windows that hold them."""
        sums = np.zeros(self.windows)
        first = np.array(self._first_window, dtype=np.int64)[positions]
        last = np.array(self._last_window, dtype=np.int64)[positions]
        np.add.at(sums, first, scores)
        np.add.at(sums, last, np.where(first == last, 0.0, scores))
        return sums


def to_one(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divided by the highest, so that 1 is the best; the lowest possible score is 0 by itself."""
    highest = scores.max(initial=0.0)
    return scores / highest if highest > 0 else scores


def best(ids: NDArray[np.int64], scores: NDArray[np.float64], k: int) -> list[tuple[int, float]]:
    """The `k` highest scores above 0 with their ids, best first; ties go to the lower position."""
    candidates = np.flatnonzero(scores > 0)
    if 0 < k < len(candidates):
        threshold = np.partition(scores[candidates], -k)[-k]
        candidates = candidates[scores[candidates] >= threshold]
    order = candidates[np.argsort(-scores[candidates], kind="stable")][: max(0, k)]
    return [(int(ids[i]), float(scores[i])) for i in order]
