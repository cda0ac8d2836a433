"""Compare the indexes of an open memory with its truth."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jitmem import Memory
from jitmem.stores.postgres.pgvector_index import PgVectors

from . import plan

_QUERIES = ("Where does Ana live?", "harbour almanac", "boat rope Ben repaired", "goats in barn", "tower")
_NEAREST = 30
_LEAST_NEAR = 0.9
_ALL = 100_000
_HALF = 1e-3  # of the half precision of a vector of length 1
Search = Callable[[NDArray[np.float32]], list[tuple[int, float]]]

# The number, the vector, and what it is the vector of: time, title, speaker, text.
_PASSAGES = (
    'SELECT passage.seq, vector, session.time, title, speaker, substr(text, start + 1, "end" - start) FROM passage'
    " JOIN page ON page.seq = passage.page JOIN session ON session.n = page.session"
    " LEFT JOIN embedding ON embedding.passage = passage.seq ORDER BY passage.seq"
)
_ITEMS = (
    "SELECT item_version.n, vector, time, '', NULL, content FROM item JOIN item_version ON item_version.item = item.seq"
    " AND item_version.version = item.version LEFT JOIN item_embedding ON item_embedding.version = item_version.n"
    " WHERE content IS NOT NULL AND item.kind != 'entry' ORDER BY item_version.n"
)
Rows = list[tuple[int, bytes | None, str | None, str, str | None, str]]


def check_indexes(memory: Memory, fresh: Memory) -> list[str]:
    """`fresh` is the same memory, opened anew: its words are read from the truth alone."""
    memory.flush()
    return [*_words(memory, fresh), *_vectors(memory), *_drawn(memory)]


def _words(memory: Memory, fresh: Memory) -> list[str]:
    """Every score of the keyword indexes."""
    told = []
    for query in _QUERIES:
        here, anew = (
            [(hit.page_id, hit.start, hit.score) for hit in one._runtime.archive.snapshot().keyword(query, _ALL)]
            for one in (memory, fresh)
        )
        if sorted(here) != sorted(anew):
            told.append(f"keyword {query!r}: {len(here)} hits, a fresh index gives {len(anew)}")
        scores, scores_anew = (dict(one._runtime.item_index.view().keyword(query, _ALL)) for one in (memory, fresh))
        if scores.keys() != scores_anew.keys() or any(abs(scores[n] - scores_anew[n]) > 1e-9 for n in scores):
            told.append(f"items by words {query!r}: {scores}, a fresh index gives {scores_anew}")
    return told


def _vectors(memory: Memory) -> list[str]:
    """The vectors of the truth against their texts; what the index holds, and what is found, against those vectors
    compared one by one."""
    parts = memory._runtime
    passages, items = (parts.database.fetch(query) for query in (_PASSAGES, _ITEMS))
    namespaces = parts.archive.pages.extent().namespaces
    return [
        *_of(
            "passages",
            memory,
            parts.archive.vectors,
            passages,
            lambda v: parts.archive.vectors.search(v, _NEAREST, namespaces),
        ),
        *_of(
            "items",
            memory,
            parts.item_index.vectors,
            items,
            lambda v: parts.item_index.view().vector(v.tolist(), _NEAREST),
        ),
    ]


def _of(name: str, memory: Memory, index: Any, rows: Rows, search: Search) -> list[str]:
    told = [f"{name}: no vector of {missing}"] if (missing := [n for n, vector, *_ in rows if vector is None]) else []
    vectors = {n: np.frombuffer(vector, "<f4") for n, vector, *_ in rows if vector is not None}
    if other := _of_another_text(memory, index, rows):
        told.append(f"{name}: {other} has a vector that is not its text's")
    if isinstance(index, PgVectors):
        kind, held = "pgvector", _held_by_postgres(memory, index)
        right = {n: vector / (np.linalg.norm(vector) or 1) for n, vector in vectors.items()}
    elif index.owner:
        kind, held, right = "Chroma", _held(index), vectors
    else:
        return [*told, f"{name}: nobody else owns Chroma, and this process does not"]
    if lost := sorted(right.keys() - held.keys()):
        told.append(f"{name}: {kind} does not hold {lost}")
    told += [
        f"{name}: {kind} holds another vector for {n}"
        for n in held
        if n in right and not np.allclose(held[n], right[n], atol=_HALF if kind == "pgvector" else 1e-6)
    ]
    for text in _QUERIES:
        asked = np.array(memory._runtime.embedder.embed_documents([text])[0], np.float32)
        told += _compared(f"{name} {text!r}", dict(search(asked)), _exact(vectors, asked))
    return told


def _of_another_text(memory: Memory, index: Any, rows: Rows) -> list[int]:
    """The vectors that the embedding model does not give for the text and header on file."""
    filed = [row for row in rows if row[1] is not None]
    texts = [index._embeddings.with_header(*row[2:6]) for row in filed]
    again = memory._runtime.embedder.embed_documents(texts)
    return [
        n
        for (n, vector, *_), right in zip(filed, again, strict=True)
        if vector is not None and not np.allclose(np.frombuffer(vector, "<f4"), right, atol=1e-6)
    ]


def _held_by_postgres(memory: Memory, index: Any) -> dict[int, NDArray[np.float32]]:
    """Of length 1, in half precision."""
    rows = memory._runtime.database.fetch(f"SELECT number, near::text FROM {index._table}")
    return {n: np.array(json.loads(near), np.float32) for n, near in rows}


def _held(index: Any) -> dict[int, NDArray[np.float32]]:
    got = index._chroma.folder.vectors(index._embeddings)._collection.get(include=["embeddings"])
    return {int(n): vector for n, vector in zip(got["ids"], got["embeddings"], strict=True)}


def _exact(vectors: dict[int, NDArray[np.float32]], asked: NDArray[np.float32]) -> dict[int, float]:
    cosines = {
        n: float(vector @ asked) / ((float(np.linalg.norm(vector)) * float(np.linalg.norm(asked))) or 1)
        for n, vector in vectors.items()
    }
    return {n: cosine for n, cosine in cosines.items() if cosine > 1e-6}


def _compared(what: str, found: dict[int, float], exact: dict[int, float]) -> list[str]:
    """Every score is the vector's own, and nearly all of the nearest are found; where several are equally near, any.

    Chroma's graph is an approximate index: how it grew decides whether one of thirty is missed. Lost vectors are
    noticed by `_held`, and a broken graph finds few.
    """
    nearest = sorted(exact.values(), reverse=True)[:_NEAREST]
    wrong = [n for n, cosine in found.items() if abs(exact.get(n, 9) - cosine) > 1e-4]
    near = sum(1 for n in found if exact.get(n, -9) >= min(nearest) - 1e-4)
    if wrong or len(found) != len(nearest) or near < _LEAST_NEAR * len(nearest):
        return [f"{what}: {near} of the {len(nearest)} nearest in {len(found)} found, {wrong} with a wrong score"]
    return []


def _drawn(memory: Memory) -> list[str]:
    """From every page that is filed, memories were drawn, once."""
    told = [f"uncurated: {left}" for left in memory._runtime.archive.journal.uncurated_pages()]
    contents: list[Any] = [item.content for item in memory.items.list()]
    for n in {n for page in memory.pages() if (n := plan.number(page.session_id)) is not None}:
        if contents.count(plan.fact(n)) != 1:
            told.append(f"session {n}: its fact is there {contents.count(plan.fact(n))} times")
    return told
