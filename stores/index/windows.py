"""Where passages lie: which page and which windows of passages each one belongs to. Shared by all rankings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .growing_arrays import Column

WINDOW, STRIDE = 5, 3  # passages; evidence often answers a question that stands in the turn before


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
        """What is here now, whatever is appended later."""
        count = len(self._seqs)
        return LayoutView(
            self._seqs.head(count),
            self._page_of.head(count),
            self._first_window.head(count),
            self._last_window.head(count),
            self._position,
            self.windows,
        )


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
