"""Chroma as the vector index: one owner process a folder; everybody else, and everybody when it fails, scans the truth."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import StoreFull
from ..truth.embeddings import EmbeddingStore
from .chroma_collection import ChromaVectors, Retired
from .chroma_folder import ChromaFolder
from .vector_index import ExactVectors

T = TypeVar("T")
MIN_VECTORS = int(os.environ.get("JITMEM_CHROMA_MIN_VECTORS", "20000"))
"""With fewer vectors the exact scan answers: at 10,000 vectors of 384 dimensions it takes a fifth of Chroma's CPU, finds
every neighbour, and filing feeds no graph (benchmarks/indexes.py)."""
_log = logging.getLogger("jitmem")


def _errors() -> tuple[type[Exception], ...]:
    """By which Chroma fails: its own, where it was imported, and those of the disk."""
    errors = sys.modules.get("chromadb.errors")
    return (StoreFull, OSError, errors.ChromaError) if errors else (StoreFull, OSError)


class OwnedChroma:
    """The vectors of one store: from Chroma where there are many and this process owns the folder, else from an exact scan.

    Where Chroma fails, as on a full disk, the exact scan answers as well for a minute, and the log says so: once, until
    it works again. Indexes of several stores over one folder share a `ChromaFolder`; when one is closed, all let go.
    """

    def __init__(self, embeddings: EmbeddingStore, folder: Path | ChromaFolder) -> None:
        self._embeddings = embeddings
        self._folder = folder if isinstance(folder, ChromaFolder) else ChromaFolder(folder)
        self._exact = ExactVectors(embeddings)
        self._failed = False
        self._kept_before = 0
        self._many = MIN_VECTORS <= 0

    @property
    def owner(self) -> bool:
        """Whether this process owns the folder now."""
        return self._folder.is_owner

    def search(self, vector: NDArray[np.float32], k: int, namespaces: Sequence[int]) -> list[tuple[int, float]]:
        """From Chroma where there are many vectors and we own it, else from the exact scan."""
        if not self._many:
            hits = self._exact.search(vector, k, namespaces)
            self._many = self._exact.newest >= MIN_VECTORS
            return hits
        found = self._try_chroma(lambda owned: owned.search(vector, k, namespaces))
        return self._exact.search(vector, k, namespaces) if found is None else found

    def catch_up(self, *, at_least: int = 1) -> None:
        """Feed Chroma if it is ours; with more than one vector at least, those that this process has written count."""
        kept = self._embeddings.kept
        if at_least > 1 and kept - self._kept_before < at_least:
            return
        self._kept_before = kept
        self._many = self._many or self._embeddings.newest()[1] >= MIN_VECTORS
        if self._many:
            self._try_chroma(lambda owned: owned.catch_up(at_least=at_least))

    def _try_chroma(self, what: Callable[[ChromaVectors], T]) -> T | None:
        """What Chroma answers; None where it is not ours, or fails."""
        try:
            while owned := self._folder.vectors(self._embeddings):
                with suppress(Retired):
                    answer = what(owned)
                    self._failed = False
                    return answer
        except _errors() as error:
            if not self._failed:
                _log.warning("Chroma cannot work, so vectors are compared one by one until it can: %s", error)
            self._failed = True
            self._folder.back_off()
        return None

    def close(self) -> None:
        """Stop Chroma and let the next process own it."""
        self._exact.close()
        self._folder.close()
