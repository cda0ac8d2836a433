"""Search memory items by vector: by the vector index, or by comparing those that are wanted one by one."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..truth.embeddings import EmbeddingStore, to_matrix, vector_label
from .item_index import CHANGES, FEW, GROUPS, Found, ItemView
from .keyword_index import top_k

_MOST = 4000  # neighbours to ask an index for, before all vectors that are wanted are compared


def search_vectors(
    view: ItemView, query: NDArray[np.float32], k: int, groups: Sequence[int], enough: int | None = None
) -> Found:
    """Versions of these groups near a query vector, at most `k`, scored by cosine, which is above 0.

    With `enough` so many will do if the first answer of the vector index has no more that stand and are wanted.
    `ModelChanged` for a vector of another dimension than those on file.
    """
    wanted = view.words.size(groups)
    others = view.words.size(GROUPS.values()) - wanted
    ask = k + k // 4 + k * others // max(1, wanted)
    while wanted > FEW and ask <= _MOST:
        near = view.index.vectors.search(query, ask, view.namespaces)
        found = [(number, cosine) for number, cosine in near if view.group_of(number) in groups]
        if len(found) >= min(k, enough or k):
            return found[:k]
        ask *= 4
    # An approximate index that gives too little may have lost some: of vectors that are much alike, HNSW does.
    return _scan(view, query, k, groups) if query.any() else []


def _scan(view: ItemView, query: NDArray[np.float32], k: int, groups: Sequence[int]) -> Found:
    """Without an index: exact, and as slow as there are many."""
    numbers: list[int] = view.numbers[view.words.within(groups)].tolist()
    pairs: Found = []
    for start in range(0, len(numbers), CHANGES):
        pairs += cosines(view.index.embeddings, numbers[start : start + CHANGES], query)
    pairs.sort()
    return top_k(np.array([n for n, _ in pairs], np.int64), np.array([cosine for _, cosine in pairs]), k)


def cosines(store: EmbeddingStore, numbers: Sequence[int], vector: NDArray[np.float32]) -> list[tuple[int, float]]:
    """`(number, cosine)` of those of these that are embedded, in any order.

    `ModelChanged` for a vector of another dimension.
    """
    key = store.subject.key
    with store.database.read() as db:
        generation = store.read_generation(db)
        found = db.execute(
            f"SELECT {key}, vector FROM {store.subject.table}"
            f" WHERE model = ? AND {key} IN (SELECT value FROM json_each(?))",
            (vector_label(store.model, generation), json.dumps(list(numbers))),
        ).fetchall()
    matrix = to_matrix([blob for _, blob in found])
    if not len(matrix):
        return []
    if matrix.shape[1] != len(vector):
        raise store.model_changed(len(vector), generation)
    lengths = np.linalg.norm(matrix, axis=1) * np.linalg.norm(vector)
    near = np.divide(matrix @ vector, lengths, where=lengths > 0, out=np.zeros(len(matrix), np.float32))
    return [(number, float(cosine)) for (number, _), cosine in zip(found, near, strict=True)]
