"""Chunks ranked by the package rank-bm25 with jitmem's analyzer, so that the baseline does not lose by its tokenizer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rank_bm25 import BM25Plus

from ...stores.analyzer import stems
from .chunks import Chunk


class BM25Ranking:
    """BM25Plus with delta 0: plain BM25 whose idf is never negative."""

    def __init__(self, chunks: Sequence[Chunk]) -> None:
        self.chunks = list(chunks)
        words = [stems(chunk.text) for chunk in self.chunks]
        self._engine = BM25Plus(words, delta=0) if any(words) else None

    def scores(self, question: str) -> NDArray[np.float64]:
        """(chunks,) float64, 0 for a chunk without a word of the question."""
        if self._engine is None:
            return np.zeros(len(self.chunks))
        return np.asarray(self._engine.get_scores(stems(question)), dtype=np.float64)

    def best(self, question: str, k: int | None = None) -> list[Chunk]:
        """Best first, none with a score of 0; of equals the earlier first."""
        scores = self.scores(question)
        order = np.argsort(-scores, kind="stable")
        return [self.chunks[at] for at in order if scores[at] > 0][:k]
