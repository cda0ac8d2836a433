"""Embeddings in the truth: what is still to be embedded, and the vectors that were paid for."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from .connection import Database
from .errors import ModelReplyError
from .times import show_iso

PROBE = "The miller of Viana sold 47 sacks of maize flour in March 2025, and the river was higher than last year."
"""Embedded now and then, so that a model which was changed behind its name is noticed."""

_ALIKE = 0.98  # one model on two machines stays above it, two models stay far below
_PROBES = "CREATE TABLE IF NOT EXISTS probe (model TEXT PRIMARY KEY, vector BLOB NOT NULL) STRICT"  # see schema.sql

Rows = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]


def model_name(embeddings: Embeddings) -> str:
    """What the vectors of an embedding model are filed under: its class and its model's name."""
    own = getattr(embeddings, "model", None) or getattr(embeddings, "model_name", None) or ""
    return f"{type(embeddings).__name__}:{own}"


class ModelChanged(ModelReplyError):
    """The embedding model gives other vectors than those on file: `EmbeddingStore.renew()`, embed, and ask again."""


class EmbeddingStore:
    """The vectors of one embedding model, of all namespaces. Vectors of two models never meet.

    A model may change behind its name. Its vectors are filed under a generation; `renew` begins the next one, and
    those of the former are gone. The generation is kept in the truth, and other processes see it at their next step.
    """

    def __init__(self, database: Database, model: str) -> None:
        self.database = database
        self.model = model
        self._asked: dict[int, int] = {}  # by namespace, the generation that the texts of a batch were given out for
        self._probed: int | None = None  # the generation in which this object has seen the probe
        self._doubted: int | None = None  # the generation that does not fit the model
        self._renewed: int | None = None  # the generation that this object began and has not completed

    # -- generations ---------------------------------------------------------------------------------------

    def newest(self) -> tuple[int, int]:
        """The generation, and the number of its newest vector; 0 for none."""
        with self.database.read() as db:
            generation = self._generation(db)
            row = db.execute("SELECT max(n) FROM embedding WHERE model = ?", (self._label(generation),)).fetchone()
            return generation, row[0] or 0

    def dimension(self) -> int | None:
        """Of the vectors on file; None where there are none."""
        with self.database.read() as db:
            return self._dimension(db, self._generation(db))

    def wants_probe(self) -> bool:
        """Whether this object has not yet seen the vector of `PROBE` in this generation."""
        with self.database.read() as db:
            return self._probed != self._generation(db)

    def recognises(self, probe: Sequence[float]) -> bool:
        """Whether the model that gave this vector for `PROBE` is the one whose vectors are on file.

        The first probe of a generation is filed, and recognised if its dimension is that of the vectors.
        """
        vector = self._checked([0], [probe])[0]
        with self.database.write() as db:
            db.execute(_PROBES)
            generation = self._generation(db)
            known = self._dimension(db, generation) in (None, len(vector))
            row = db.execute("SELECT vector FROM probe WHERE model = ?", (self._label(generation),)).fetchone()
            if row is None and known:
                db.execute("INSERT INTO probe VALUES (?, ?)", (self._label(generation), vector.tobytes()))
            elif row is not None:
                known = known and _alike(vector, np.frombuffer(row[0], "<f4"))
            if known:
                self._probed = generation
            else:
                self._doubted = generation
        return known

    def changed(self, dimension: int, generation: int) -> ModelChanged:
        """To be raised by an index that was asked for a vector of another dimension than those it holds."""
        self._doubted = generation
        return ModelChanged(f"{self.model} gave a vector of {dimension} dimensions, those on file have others.")

    def renew(self) -> None:
        """Begin a new generation: the model's vectors and how far they go are deleted, to be embedded anew.

        Nothing happens if the generation that was found not to fit is gone already. `ModelReplyError` if the one
        that this object began was not even completed: the model gives now these vectors, now those.
        """
        with self.database.write() as db:
            if self._doubted in (None, self._generation(db)):
                self._renew(db)

    def _renew(self, db: sqlite3.Connection) -> None:
        generation = self._generation(db)
        if self._renewed == generation:
            self._renewed = None
            raise ModelReplyError(
                f"{self.model} changes while its vectors are being made; see that one model answers under this name."
            )
        label = self._label(generation)
        db.execute(_PROBES)
        db.execute("DELETE FROM embedding WHERE model = ?", (label,))
        db.execute("DELETE FROM probe WHERE model = ?", (label,))
        spaces = [row[0] for row in db.execute("SELECT id FROM namespace")]
        db.executemany("DELETE FROM mark WHERE name = ?", [(self._progress(n, generation),) for n in spaces])
        # By the clock, so that a truth restored from a backup does not give a number out a second time.
        following = max(generation + 1, int(time.time()))
        self._advance(db, f"generation:{self.model}", following)
        self._renewed, self._doubted = following, None

    def _generation(self, db: sqlite3.Connection) -> int:
        return self._mark(db, f"generation:{self.model}")

    def _label(self, generation: int) -> str:
        """What the vectors of a generation are filed under."""
        return f"{self.model} #{generation}" if generation else self.model

    def _dimension(self, db: sqlite3.Connection, generation: int) -> int | None:
        label = self._label(generation)
        row = db.execute("SELECT length(vector) FROM embedding WHERE model = ? LIMIT 1", (label,)).fetchone()
        return row[0] // 4 if row else None

    # -- embedding what is filed ---------------------------------------------------------------------------

    def missing(self, namespace: int, pages: int) -> tuple[int, list[tuple[int, str]]]:
        """The next pages without vectors: the seq of the last, and `(passage seq, text to embed)`.

        Each text stands under its page's date and title, as the keyword index reads it too.
        """
        with self.database.read() as db:
            generation = self._asked[namespace] = self._generation(db)
            after = self._mark(db, self._progress(namespace, generation))
            rows = db.execute(
                "SELECT page.seq, title, text, session.time FROM page JOIN session ON session.n = page.session"
                " WHERE page.namespace = ? AND page.seq > ? ORDER BY page.seq LIMIT ?",
                (namespace, after, pages),
            ).fetchall()
            texts = []
            for page, title, text, time in rows:
                context = " · ".join(part for part in (show_iso(time), title) if part)
                for seq, start, end in db.execute(
                    'SELECT seq, start, "end" FROM passage WHERE page = ? ORDER BY seq', (page,)
                ):
                    texts.append((seq, f"[{context}] {text[start:end]}" if context else text[start:end]))
        return (rows[-1][0] if rows else after), texts

    def waiting(self, namespace: int) -> bool:
        """Whether a page of the namespace has no vectors yet."""
        with self.database.read() as db:
            return self._waiting(db, namespace, self._generation(db))

    def keep(self, namespace: int, last_page: int, seqs: Sequence[int], vectors: Sequence[Sequence[float]]) -> None:
        """Write the vectors of some passages and how far the pages are done, in one transaction.

        A batch of another dimension than the vectors on file begins a new generation, and is itself forgotten, as
        is one that was given out before such a beginning: `missing` then starts from the first page.
        `ModelReplyError` for a wrong number of vectors, ragged dimensions, or values that are not finite; nothing
        is written then.
        """
        matrix = self._checked(seqs, vectors)
        with self.database.write() as db:
            generation = self._generation(db)
            if generation != self._asked.get(namespace, generation):
                return
            if len(seqs) and self._dimension(db, generation) not in (None, matrix.shape[1]):
                self._renew(db)
                return
            label = self._label(generation)
            db.executemany(
                "INSERT INTO embedding (model, passage, vector) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                [(label, seq, row.tobytes()) for seq, row in zip(seqs, matrix, strict=True)],
            )
            self._advance(db, self._progress(namespace, generation), last_page)
            if self._renewed == generation and not self._waiting(db, namespace, generation):
                self._renewed = None

    # -- read by the indexes -------------------------------------------------------------------------------

    def rows(self, generation: int, after: int, limit: int, namespace: int | None = None) -> Rows:
        """Vectors in the order they were kept: `n`, passage seq, namespace, (rows, dim) float32.

        None for a generation that is gone.
        """
        condition, values = ("", []) if namespace is None else (" AND page.namespace = ?", [namespace])
        with self.database.read() as db:
            found = db.execute(
                "SELECT embedding.n, passage, page.namespace, vector FROM embedding"
                " JOIN passage ON passage.seq = embedding.passage JOIN page ON page.seq = passage.page"
                f" WHERE model = ? AND embedding.n > ?{condition} ORDER BY embedding.n LIMIT ?",
                (self._label(generation), after, *values, limit),
            ).fetchall()
        numbers, seqs, spaces, blobs = zip(*found, strict=True) if found else ((), (), (), ())
        matrix = (
            np.frombuffer(b"".join(blobs), dtype="<f4").reshape(len(found), -1) if found else np.zeros((0, 0), "<f4")
        )
        return np.array(numbers, np.int64), np.array(seqs, np.int64), np.array(spaces, np.int64), matrix

    def mark(self, name: str) -> int:
        """How far a derived index has read these vectors; 0 for one that has not begun."""
        with self.database.read() as db:
            return self._mark(db, name)

    def advance(self, name: str, n: int) -> None:
        """Remember how far a derived index has read, after it has applied what it read."""
        with self.database.write() as db:
            self._advance(db, name, n)

    def _progress(self, namespace: int, generation: int) -> str:
        return f"embedded:{namespace}:{self._label(generation)}"

    def _waiting(self, db: sqlite3.Connection, namespace: int, generation: int) -> bool:
        after = self._mark(db, self._progress(namespace, generation))
        found = db.execute("SELECT 1 FROM page WHERE namespace = ? AND seq > ? LIMIT 1", (namespace, after))
        return found.fetchone() is not None

    @staticmethod
    def _mark(db: sqlite3.Connection, name: str) -> int:
        row = db.execute("SELECT n FROM mark WHERE name = ?", (name,)).fetchone()
        return int(row[0]) if row else 0

    @staticmethod
    def _advance(db: sqlite3.Connection, name: str, n: int) -> None:
        db.execute(
            "INSERT INTO mark (name, n) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET n = max(n, excluded.n)",
            (name, n),
        )

    def _checked(self, seqs: Sequence[int], vectors: Sequence[Sequence[float]]) -> NDArray[np.float32]:
        if len(vectors) != len(seqs):
            raise ModelReplyError(f"{self.model} gave {len(vectors)} vectors for {len(seqs)} texts.")
        try:
            matrix = np.array(vectors, dtype="<f4")
        except (ValueError, TypeError) as error:
            raise ModelReplyError(f"{self.model} gave vectors of different lengths in one reply.") from error
        if not len(seqs):
            return matrix.reshape(0, 0)
        if matrix.ndim != 2 or not matrix.shape[1]:
            raise ModelReplyError(f"{self.model} gave something that is no list of numbers for a text.")
        if not np.isfinite(matrix).all():
            raise ModelReplyError(f"{self.model} gave a vector with NaN or infinity; nothing of the batch was kept.")
        return matrix


def _alike(one: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    if len(one) != len(other):
        return False
    lengths = float(np.linalg.norm(one)) * float(np.linalg.norm(other))
    return float(one.astype(np.float64) @ other) >= _ALIKE * lengths
