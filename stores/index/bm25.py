"""rank-bm25's BM25Plus made incremental: a document is added without a rebuild, a query reads only its postings.

With `delta = 0` BM25+ is BM25 with an idf that is never negative, ln((N + 1) / df), so that a word in one of
two pages still counts. Formula and parameters stay rank-bm25's own (Trotman, Puurula & Burgess 2014).
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rank_bm25 import BM25Plus

from .growing_arrays import Column

Posting = tuple[NDArray[np.uint32], NDArray[np.uint32]]
"""Documents in rising order, and how often each has the term."""


class IncrementalBM25(BM25Plus):  # type: ignore[misc]  # rank_bm25 ships no types
    """Scores equal those of a fresh `BM25Plus(corpus, k1=k1, b=b, delta=0)` over the same documents.

    Documents are only appended, by one thread at a time; a `view` may be read by any thread meanwhile.
    """

    def __init__(self, k1: float = 1.2, b: float = 0.75) -> None:
        self.k1, self.b, self.delta = k1, b, 0.0
        self.corpus_size = 0
        self.doc_len = Column(np.uint32)
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
            posting[1].append(occurrences)
            posting[0].append(position)
        length = counts.total()
        self.doc_len.extend((length,))
        self._words_in_all += length
        self.corpus_size += 1
        return position

    @property
    def avgdl(self) -> float:
        """Mean length of the documents, in terms."""
        return self._words_in_all / self.corpus_size if self.corpus_size else 0.0

    def view(self) -> BM25View:
        """What is here now, whatever is appended later."""
        return BM25View(self, self.corpus_size, self._words_in_all)

    def posting(self, term: str, documents: int) -> Posting | None:
        """Of the first so many documents; None where none of them has the term."""
        found = self._postings.get(term)
        if found is None:
            return None
        end = bisect_left(found[0], documents)
        # Slices: an array that lends its buffer refuses the next append.
        return (np.frombuffer(found[0][:end], np.uint32), np.frombuffer(found[1][:end], np.uint32)) if end else None

    def frequency(self, term: str, documents: int) -> int:
        """In how many of the first so many documents the term occurs."""
        found = self._postings.get(term)
        return bisect_left(found[0], documents) if found else 0

    def weigh(
        self, idf: float, occurrences: NDArray[Any], lengths: NDArray[Any], average: float
    ) -> NDArray[np.float64]:
        """What one term adds to the scores of the documents that have it."""
        norm = self.k1 * (1 - self.b + self.b * lengths / average)
        scores: NDArray[np.float64] = idf * occurrences * (self.k1 + 1) / (norm + occurrences)
        return scores

    def get_scores(self, query: Iterable[str]) -> NDArray[np.float64]:
        """(documents,) float64 in order of `append`; 0 where no term of the query occurs."""
        return self.view().get_scores(query)

    def get_batch_scores(self, query: Iterable[str], doc_ids: Sequence[int]) -> list[float]:
        """The scores of some documents, in the order of `doc_ids`."""
        return [float(score) for score in self.get_scores(query)[list(doc_ids)]]


class BM25View(NamedTuple):
    """The first `documents` documents of an index, with `words` terms in all: it answers as if there were no others."""

    index: IncrementalBM25
    documents: int
    words: int

    def frequency(self, term: str) -> int:
        """In how many documents the term occurs."""
        return self.index.frequency(term, self.documents)

    def get_scores(self, query: Iterable[str]) -> NDArray[np.float64]:
        """(documents,) float64; 0 where no term of the query occurs."""
        scores = np.zeros(self.documents)
        average = self.words / self.documents if self.words else 1.0
        lengths = self.index.doc_len.head(self.documents)
        for term in query:
            posting = self.index.posting(term, self.documents)
            if posting is None:
                continue
            documents, occurrences = posting
            idf = math.log((self.documents + 1) / len(documents))
            scores[documents] += self.index.weigh(idf, occurrences, lengths[documents], average)
        return scores
