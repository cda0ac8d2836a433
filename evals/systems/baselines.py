"""Baselines without a memory: the whole history in the prompt, and retrieval over fixed chunks."""

from __future__ import annotations

from functools import partial
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from ..datasets.benchmark_records import Question, Sample
from ..metrics.text_metrics import context_tokens
from .chunks import BM25Ranking, Chunk, session_chunks
from .setups import CONTEXT_TOKENS, CitedText, Preparation, Setup, SystemAnswer, SystemContext, answer_from_texts

CHUNK_TOKENS = 512
_BATCH = 256


class WholeHistory:
    """Every session, oldest first; with `history_tokens`, the newest that fit, as a chat would be truncated."""

    def __init__(self, setup: Setup, context: SystemContext) -> None:
        self._budget = setup.history_tokens
        self._sessions: list[Chunk] = []

    def prepare(self, sample: Sample) -> Preparation:
        self._sessions = session_chunks(sample.sessions)
        return Preparation()

    def answer(self, question: Question) -> SystemAnswer:
        used = list(accumulate(context_tokens(chunk.text) + 4 for chunk in reversed(self._sessions)))
        fitting = len(used) if self._budget is None else sum(total <= self._budget for total in used)
        chunks = self._sessions[len(used) - fitting :]
        context = "\n\n".join(f"{chunk.text} [{number}]" for number, chunk in enumerate(chunks, start=1))
        marks = tuple(CitedText(chunk.source, chunk.text) for chunk in chunks)
        return SystemAnswer(context, marks, tuple(dict.fromkeys(mark.source for mark in marks)))

    def close(self) -> None: ...


class Rag:
    """The best chunks that fit into the context, at most `pages`. Hybrid adds both scores, each scaled to 0 … 1."""

    def __init__(self, setup: Setup, context: SystemContext, *, words: bool, vectors: bool) -> None:
        self._size = setup.chunk_tokens or CHUNK_TOKENS
        self._budget = setup.context_tokens or CONTEXT_TOKENS
        self._limit = setup.pages
        self._words, self._by_vector = words, vectors
        self._embeddings = context.models.open_embeddings()
        self._ranked = BM25Ranking([])
        self._vectors: NDArray[np.float32] = np.zeros((0, 1), dtype=np.float32)

    def prepare(self, sample: Sample) -> Preparation:
        self._ranked = BM25Ranking(session_chunks(sample.sessions, self._size))
        if self._by_vector:
            texts = [chunk.text for chunk in self._ranked.chunks]
            batches = [texts[at : at + _BATCH] for at in range(0, len(texts), _BATCH)]
            rows = [row for batch in batches for row in self._embeddings.embed_documents(batch)]
            self._vectors = _unit_rows(np.asarray(rows, dtype=np.float32))
        return Preparation()

    def answer(self, question: Question) -> SystemAnswer:
        found = [self._ranked.chunks[at] for at in self._order(question.text)[: self._limit]]
        texts = [(chunk.source, chunk.text) for chunk in found]
        return answer_from_texts(texts, self._budget, [chunk.source for chunk in found])

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
