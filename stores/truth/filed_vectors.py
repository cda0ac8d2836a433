"""Vectors that are filed with their pages, in one transaction: those that this process computes itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .database import Connection
from .embeddings import EmbeddingStore, FilingVectors, advance_mark, validate_vectors, vector_label
from .journal import PageDraft

_MARK_PAGES = 32
"""How many pages of a namespace are filed until it is marked how far the vectors go: a look for pages without any begins
at the mark, and one mark a session would be a statement more."""


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
        if not passages or not store.insert(db, generation, passages, matrix, (namespace, min(pages))):
            return False
        store.unmarked[namespace] = unmarked = store.unmarked.get(namespace, _MARK_PAGES) + len(pages)
        if unmarked > _MARK_PAGES:
            advance_mark(
                db, f"{store.subject.progress}:{namespace}:{vector_label(store.model, generation)}", max(pages)
            )
            store.unmarked[namespace] = 0
        return True

    return keep
