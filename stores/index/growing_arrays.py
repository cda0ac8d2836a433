"""Arrays that only grow, so that a view of their beginning stays valid while another thread appends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_FIRST = 64  # entries of a column that has just been made


class Column:
    """Numbers of one dtype. It doubles when it is full, and never changes an entry: a prefix is shared, not copied."""

    def __init__(self, dtype: Any) -> None:
        self._data = np.zeros(_FIRST, dtype)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def extend(self, values: Sequence[int]) -> None:
        """Append them in order."""
        end = self._count + len(values)
        if end > len(self._data):
            grown = np.zeros(max(end, 2 * len(self._data)), self._data.dtype)
            grown[: self._count] = self._data[: self._count]
            self._data = grown
        self._data[self._count : end] = values
        self._count = end

    def head(self, count: int) -> NDArray[Any]:
        """(count,) the first so many; not to be written."""
        return self._data[:count]
