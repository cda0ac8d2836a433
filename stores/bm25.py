"""rank-bm25's BM25Plus made incremental: a document is added without a rebuild, a query reads only its postings.

With `delta = 0` BM25+ is BM25 with an idf that is never negative, ln((N + 1) / df), so that a word in one of
two pages still counts. Formula and parameters stay rank-bm25's own (Trotman, Puurula & Burgess 2014).
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from rank_bm25 import BM25Plus


class GrowingBM25(BM25Plus):  # type: ignore[misc]  # rank_bm25 ships no types
    """Scores equal those of a fresh `BM25Plus(corpus, k1=k1, b=b, delta=0)` over the same documents."""

    def __init__(self, k1: float = 1.2, b: float = 0.75) -> None:
        self.k1, self.b, self.delta = k1, b, 0.0
        self.corpus_size = 0
        self.doc_len = array("I")
        self._words_in_all = 0
        self._postings: dict[str, tuple[array[int], array[int]]] = {}  # term -> (documents, occurrences)

    def append(self, document: Iterable[str]) -> int:
        """Add a document's terms; returns its position, counted from 0."""
        position = self.corpus_size
        counts = Counter(document)
        for term, occurrences in counts.items():
            posting = self._postings.get(term)
            if posting is None:
                posting = self._postings[term] = (array("I"), array("I"))
            posting[0].append(position)
            posting[1].append(occurrences)
        length = counts.total()
        self.doc_len.append(length)
        self._words_in_all += length
        self.corpus_size += 1
        return position

    @property
    def avgdl(self) -> float:
        """Mean length of the documents, in terms."""
        return self._words_in_all / self.corpus_size if self.corpus_size else 0.0

    def frequency(self, term: str) -> int:
        """In how many documents the term occurs."""
        posting = self._postings.get(term)
        return len(posting[0]) if posting else 0

    def idf(self, term: str) -> float:
        """ln((N + 1) / df); for a term that no document has, that of one which a single document has."""
        return math.log((self.corpus_size + 1) / max(1, self.frequency(term)))

    def get_scores(self, query: Iterable[str]) -> NDArray[np.float64]:
        """(documents,) float64 in order of `append`; 0 where no term of the query occurs."""
        scores = np.zeros(self.corpus_size)
        average = self.avgdl or 1.0
        for term in query:
            posting = self._postings.get(term)
            if posting is None:
                continue
            # Copies: a live view of the buffer would forbid the next append.
            documents = np.array(posting[0], dtype=np.int64)
            occurrences = np.array(posting[1], dtype=np.float64)
            lengths = np.frombuffer(self.doc_len, dtype=np.uint32)[documents]
            norm = self.k1 * (1 - self.b + self.b * lengths / average)
            scores[documents] += self.idf(term) * occurrences * (self.k1 + 1) / (norm + occurrences)
        return scores

    def get_batch_scores(self, query: Iterable[str], doc_ids: Sequence[int]) -> list[float]:
        """The scores of some documents, in the order of `doc_ids`."""
        return [float(score) for score in self.get_scores(query)[list(doc_ids)]]
