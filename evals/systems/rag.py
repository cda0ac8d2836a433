"""Retrieval over fixed chunks: by words, by vectors, or by both."""

from __future__ import annotations

import time
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ..datasets.benchmark_records import Question, Sample
from .chunks import BM25Ranking, fixed_chunks
from .setups import CONTEXT_TOKENS, Preparation, Setup, SystemAnswer, SystemContext, pack_context

CHUNK_TOKENS = 512
_BATCH = 256


class Rag:
    """The best chunks that fit into the context, at most `pages`. Hybrid is the sum of both scores, each scaled to 0 …
    1."""

    def __init__(self, setup: Setup, context: SystemContext, *, words: bool, vectors: bool) -> None:
        self._size = setup.chunk_tokens or CHUNK_TOKENS
        self._budget = setup.context_tokens or CONTEXT_TOKENS
        self._limit = setup.pages
        self._words, self._by_vector = words, vectors
        self._embeddings = context.models.open_embeddings()
        self._ranked = BM25Ranking([])
        self._vectors: NDArray[np.float32] = np.zeros((0, 1), dtype=np.float32)

    def prepare(self, sample: Sample) -> Preparation:
        started = time.perf_counter()
        self._ranked = BM25Ranking(fixed_chunks(sample.sessions, self._size))
        if self._by_vector:
            texts = [chunk.text for chunk in self._ranked.chunks]
            batches = [texts[at : at + _BATCH] for at in range(0, len(texts), _BATCH)]
            rows = [row for batch in batches for row in self._embeddings.embed_documents(batch)]
            self._vectors = _unit_rows(np.asarray(rows, dtype=np.float32))
        return Preparation(time.perf_counter() - started)

    def answer(self, question: Question) -> SystemAnswer:
        started = time.perf_counter()
        order = self._order(question.text)[: self._limit]
        found = [self._ranked.chunks[at] for at in order]
        context, marks = pack_context([(chunk.source, chunk.text) for chunk in found], self._budget)
        sources = tuple(dict.fromkeys(chunk.source for chunk in found))
        return SystemAnswer(context, marks, sources, seconds=time.perf_counter() - started)

    def close(self) -> None: ...

    def _order(self, question: str) -> list[int]:
        scores = np.zeros(len(self._ranked.chunks))
        if self._words:
            scores = scores + _min_max(self._ranked.scores(question))
        if self._by_vector and len(scores):
            query = _unit_rows(np.asarray([self._embeddings.embed_query(question)], dtype=np.float32))[0]
            scores = scores + _min_max((self._vectors @ query).astype(np.float64))
        return [int(at) for at in np.argsort(-scores, kind="stable") if scores[at] > 0]


RagBm25 = partial(Rag, words=True, vectors=False)
RagVector = partial(Rag, words=False, vectors=True)
RagHybrid = partial(Rag, words=True, vectors=True)


def _min_max(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = (scores.min(), scores.max()) if len(scores) else (0.0, 0.0)
    return np.zeros_like(scores) if high <= low else (scores - low) / (high - low)


def _unit_rows(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: NDArray[np.float32] = rows / np.maximum(norms, np.float32(1e-12))
    return unit
