"""Compare the indexes of an open memory with its truth."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jitmem import Memory
from jitmem.stores.truth.database import FILE_NAME

from . import plan

_QUERIES = ("Where does Ana live?", "harbour almanac", "boat rope Ben repaired", "goats in barn", "tower")
_NEAREST = 30
_LEAST_NEAR = 0.9
_ALL = 100_000
Search = Callable[[NDArray[np.float32]], list[tuple[int, float]]]

_PASSAGES = "SELECT passage.seq, vector FROM passage LEFT JOIN embedding ON embedding.passage = passage.seq ORDER BY passage.seq"
_ITEMS = (
    "SELECT item_version.n, vector FROM item JOIN item_version ON item_version.item = item.seq"
    " AND item_version.version = item.version LEFT JOIN item_embedding ON item_embedding.version = item_version.n"
    " WHERE content IS NOT NULL AND item.kind != 'entry' ORDER BY item_version.n"
)


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
    """What Chroma holds, and what is found, against the vectors of the truth compared one by one."""
    parts = memory._runtime
    assert parts.database.path.name == FILE_NAME
    with closing(sqlite3.connect(parts.database.path)) as db:
        passages, items = (db.execute(query).fetchall() for query in (_PASSAGES, _ITEMS))
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


def _of(name: str, memory: Memory, index: Any, rows: list[tuple[int, bytes | None]], search: Search) -> list[str]:
    told = [f"{name}: no vector of {missing}"] if (missing := [n for n, vector in rows if vector is None]) else []
    vectors = {n: np.frombuffer(vector, "<f4") for n, vector in rows if vector is not None}
    if not index.owner:
        return [*told, f"{name}: nobody else owns Chroma, and this process does not"]
    held = _held(index)
    if lost := sorted(vectors.keys() - held.keys()):
        told.append(f"{name}: Chroma does not hold {lost}")
    told += [
        f"{name}: Chroma holds another vector for {n}"
        for n in held
        if n in vectors and not np.allclose(held[n], vectors[n], atol=1e-6)
    ]
    for text in _QUERIES:
        asked = np.array(memory._runtime.embedder.embed_documents([text])[0], np.float32)
        told += _compared(f"{name} {text!r}", dict(search(asked)), _exact(vectors, asked))
    return told


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
