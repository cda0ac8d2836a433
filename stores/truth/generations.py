"""Begin a new generation of vectors: those of the former are deleted, of every subject."""

from __future__ import annotations

import time

from ..errors import ModelReplyError
from .database import Connection
from .embeddings import PROBES, SUBJECTS, EmbeddingStore, advance_mark, vector_label


def start_generation(store: EmbeddingStore) -> None:
    """The model's vectors and how far they go are deleted, to be embedded again.

    Nothing happens if the generation that was found not to fit is gone already. `ModelReplyError` if the one that the
    store began was not even completed: the model gives now these vectors, now those.
    """
    with store.database.write() as db:
        if store.doubted in (None, store.read_generation(db)):
            start_generation_in(store, db)


def start_generation_in(store: EmbeddingStore, db: Connection) -> None:
    """The same inside a write transaction, whatever was found."""
    generation = store.read_generation(db)
    if store.renewed == generation:
        store.renewed = None
        raise ModelReplyError(
            f"{store.model} changes while its vectors are being made; see that one model answers under this name."
        )
    label = vector_label(store.model, generation)
    db.execute(PROBES)
    db.execute("DELETE FROM probe WHERE model = ?", (label,))
    spaces = [row[0] for row in db.execute("SELECT id FROM namespace")]
    for subject in SUBJECTS:
        db.execute(f"DELETE FROM {subject.table} WHERE model = ?", (label,))
        marks = [(f"{subject.progress}:{n}:{label}",) for n in spaces]
        db.executemany("DELETE FROM mark WHERE name = ?", marks)
    # By the clock, so that a truth restored from a backup does not give a number out a second time.
    following = max(generation + 1, int(time.time()))
    advance_mark(db, f"generation:{store.model}", following)
    store.renewed, store.doubted = following, None
