"""Rank entries for a query by words and likeness, brought to one scale as the memory's own search does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ..nodes.embedder import Embedder
from ..nodes.llm.sync_async import Computation, Wait
from ..stores.errors import ModelReplyError, StoreFull
from ..stores.index.keyword_index import IncrementalBM25, divide_by_best
from ..stores.truth.embeddings import FINGERPRINT_TEXT, EmbeddingStore
from ..stores.truth.entries import Entries, Path, SearchableText
from ..stores.truth.generations import start_generation

_BATCH = 128  # texts embedded in one request


class EntryRanking:
    """Searches entries; what has no vector yet is embedded by the first search that looks there."""

    def __init__(
        self, entries: Entries, embeddings: EmbeddingStore, embedder: Embedder, weights: Mapping[str, float]
    ) -> None:
        self._entries = entries
        self._embeddings = embeddings
        self._embedder = embedder
        self._weights = weights

    def rank_prefix(self, prefix: Path, query: str) -> Computation[list[tuple[int, float]]]:
        """As `rank`, of the entries under a prefix. `ModelError` when the embedding model fails."""
        texts = self._texts(prefix)
        if not texts:
            return []
        embedder = self._embedder
        vector: list[float] = yield Wait(lambda: embedder.embed_query(query), lambda: embedder.aembed_query(query))
        if any(text.vector is None for text in texts) and embedder.has_room:
            try:
                yield from self._embed(prefix)
            except StoreFull as error:
                embedder.report_full(error)
            texts = self._texts(prefix)
        if not _fit(texts, vector):  # another model answers under the name of the one whose vectors are on file
            changed = self._embeddings.model_changed(len(vector), self._generation())
            if self._embeddings.database.read_only:
                raise changed
            start_generation(self._embeddings)
            yield from self._embed(prefix)
            texts = self._texts(prefix)
            if not _fit(texts, vector):
                raise ModelReplyError(f"{embedder.name} gives vectors of changing dimension.")
        return rank_texts(texts, self._entries.namespace.database.analyzer.stems(query), vector, self._weights)

    def _texts(self, prefix: Path) -> list[SearchableText]:
        return self._entries.searchable_texts(prefix, self._generation())

    def _generation(self) -> int:
        return self._embeddings.state().generation

    def _embed(self, prefix: Path) -> Computation[None]:
        """Each batch is stored when it is paid."""
        if not self._embeddings.database.read_only:
            yield from self._embedder.embed_in_turn(
                lambda: bool(self._entries.missing(prefix, self._generation(), 1)), lambda: self._embed_batch(prefix)
            )

    def _embed_batch(self, prefix: Path) -> Computation[bool]:
        """Whether there was something to embed."""
        store, embedder, generation = self._embeddings, self._embedder, self._generation()
        missing = self._entries.missing(prefix, generation, _BATCH)
        if not missing:
            return False
        probing = store.needs_fingerprint()
        texts = [text for _, text in missing] + [FINGERPRINT_TEXT] * probing
        vectors: list[list[float]] = yield Wait(
            lambda: embedder.embed_documents(texts), lambda: embedder.aembed_documents(texts)
        )
        if probing and len(vectors) == len(texts) and not store.matches_fingerprint(vectors.pop()):
            start_generation(store)
        elif not self._entries.keep(generation, [n for n, _ in missing], vectors):
            store.model_changed(len(vectors[0]), generation)
            start_generation(store)
        return True


def rank_texts(
    texts: Sequence[SearchableText], terms: Sequence[str], vector: Sequence[float], weights: Mapping[str, float]
) -> list[tuple[int, float]]:
    """`(entry, score)` of every entry with a text, best first, ties in the order given; scores lie in [0, 1].

    BM25 divided by the best, and the cosine of the best text stretched over what was found, by their weights: a
    score compares the entries of one search, not those of two.
    """
    if not texts:
        return []
    numbers = list(dict.fromkeys(text.entry for text in texts))
    place = {n: at for at, n in enumerate(numbers)}
    owners = np.array([place[text.entry] for text in texts], np.int64)
    scores = weights["keyword"] * divide_by_best(_words(texts, owners, terms)) + weights["vector"] * _likeness(
        texts, owners, np.array(vector, np.float32)
    )
    return [(numbers[at], float(scores[at])) for at in np.argsort(-scores, kind="stable")]


def score_words(texts: Sequence[SearchableText], terms: Sequence[str]) -> dict[int, float]:
    """The BM25 of each entry with a text: unbounded, comparable within one call."""
    numbers = list(dict.fromkeys(text.entry for text in texts))
    place = {n: at for at, n in enumerate(numbers)}
    owners = np.array([place[text.entry] for text in texts], np.int64)
    return dict(zip(numbers, _words(texts, owners, terms).tolist(), strict=True)) if numbers else {}


def _words(texts: Sequence[SearchableText], owners: NDArray[np.int64], terms: Sequence[str]) -> NDArray[np.float64]:
    asked = set(terms)
    documents: list[list[str]] = [[] for _ in range(owners[-1] + 1)]
    for owner, text in zip(owners, texts, strict=True):
        # What was not asked for counts by its number alone; one name for all of it makes the index small.
        documents[owner].extend(stem if stem in asked else "" for stem in text.stems.split())
    index = IncrementalBM25()
    for document in documents:
        index.append(document)
    return index.get_scores(terms)


def _likeness(
    texts: Sequence[SearchableText], owners: NDArray[np.int64], query: NDArray[np.float32]
) -> NDArray[np.float64]:
    """(entries,) from 0 for the least like, or for one without a vector, to 1 for the most."""
    embedded = [at for at, text in enumerate(texts) if text.vector is not None]
    scores = np.zeros(owners[-1] + 1)
    if not embedded:
        return scores
    matrix = np.frombuffer(b"".join(texts[at].vector or b"" for at in embedded), "<f4").reshape(len(embedded), -1)
    lengths = np.linalg.norm(matrix, axis=1) * np.linalg.norm(query)
    cosines = (matrix @ query) / np.where(lengths > 0, lengths, 1)
    low, high = cosines.min(), cosines.max()
    np.maximum.at(scores, owners[embedded], (cosines - low) / (high - low) if high > low else 1.0)
    return scores


def _fit(texts: Sequence[SearchableText], vector: Sequence[float]) -> bool:
    return all(text.vector is None or len(text.vector) == 4 * len(vector) for text in texts)
