"""Vectors that are filed with their pages, in one transaction: those that this process computes itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .database import Connection
from .embeddings import EmbeddingStore, FilingVectors, validate_vectors
from .journal import PageDraft

# Nothing where a page before them has no vectors yet, or another generation has begun.
_FILED_WITH_PAGES = """
    INSERT INTO mark (name, n) SELECT :progress || ':' || space || ':' || label, :last FROM state, label
    WHERE state.generation = :generation_seen
      AND NOT EXISTS (SELECT 1 FROM page WHERE namespace = space AND seq > after AND seq < :first)
    ON CONFLICT (name) DO UPDATE SET n = max(mark.n, excluded.n) RETURNING n
"""


def embed_drafts(
    store: EmbeddingStore,
    embed: Callable[[list[str]], list[list[float]]],
    pages: Sequence[PageDraft],
    stamp: str | None,
    generation: int,
) -> FilingVectors:
    """The vectors of pages of a session's time, for `Journal.file`; by the model whose vectors the generation has."""
    passages = [(page.title, one.speaker, page.text[one.start : one.end]) for page in pages for one in page.passages]
    matrix = validate_vectors(store.model, passages, embed([store.with_header(stamp, *one) for one in passages]))

    def keep(db: Connection, namespace: int, pages: Sequence[int], passages: Sequence[int]) -> bool:
        statement, named = store.state_of(namespace)
        filed = {**named, "generation_seen": generation, "first": min(pages), "last": max(pages)}
        if not db.execute(f"{statement} {_FILED_WITH_PAGES}", filed).fetchall():
            return False
        if passages:
            store.insert(db, generation, passages, matrix)
        return True

    return keep
