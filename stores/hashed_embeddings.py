"""The embedding that needs nothing: hashed stems and character n-grams. It forgives typos; it knows no meaning."""

from __future__ import annotations

import math
from collections import Counter
from functools import lru_cache
from zlib import crc32

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from .analyzer import ANALYZER, stems

_GRAMS = (3, 4)
_GRAM_SHARE = 1.2  # what all n-grams of a word weigh together, against 1 for the word itself


class HashedEmbeddings(Embeddings):
    """Feature hashing with signs (Weinberger et al. 2009): (dim,) rows of length 1, or all 0 for no known word.

    The same text gives the same vector in every process.
    """

    lexical = True  # similarity of letters, not of meaning: fusion trusts it less

    def __init__(self, dim: int = 384) -> None:
        self.dim = dim
        self.model = f"hashed-{dim}-{ANALYZER}"

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One vector a text, in order."""
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """The vector of a text, the same as `embed_documents` gives."""
        counts = Counter(stems(text))
        if not counts:
            return [0.0] * self.dim
        features = [_features(word, self.dim) for word in counts]
        weights = [(1 + math.log(n)) * values for n, (_, values) in zip(counts.values(), features, strict=True)]
        vector = np.bincount(
            np.concatenate([places for places, _ in features]), np.concatenate(weights), minlength=self.dim
        )
        length = float(np.linalg.norm(vector))
        result: list[float] = (vector / length if length else vector).tolist()
        return result


@lru_cache(maxsize=1 << 15)
def _features(word: str, dim: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    marked = f"<{word}>"
    grams = [marked[i : i + n] for n in _GRAMS for i in range(len(marked) - n + 1)]
    hashes = [crc32(word.encode()), *(crc32(b"#" + gram.encode()) for gram in grams)]
    sizes = np.array([1.0] + [_GRAM_SHARE / math.sqrt(len(grams))] * len(grams))
    signs = np.array([1.0 if value >> 31 else -1.0 for value in hashes])
    return np.array([value % dim for value in hashes], dtype=np.int64), sizes * signs
