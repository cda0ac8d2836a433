"""Embeddings in the truth: what is still to be embedded, and the vectors that were paid for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from .connection import Database
from .errors import ModelReplyError
from .times import show_iso

Rows = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]


def model_name(embeddings: Embeddings) -> str:
    """What the vectors of an embedding model are filed under: its class and its model's name."""
    own = getattr(embeddings, "model", None) or getattr(embeddings, "model_name", None) or ""
    return f"{type(embeddings).__name__}:{own}"


class EmbeddingStore:
    """The vectors of one embedding model, of all namespaces. Vectors of two models never meet."""

    def __init__(self, database: Database, model: str) -> None:
        self.database = database
        self.model = model

    def missing(self, namespace: int, pages: int) -> tuple[int, list[tuple[int, str]]]:
        """The next pages without vectors: the seq of the last, and `(passage seq, text to embed)`.

        Each text stands under its page's date and title, as the keyword index reads it too.
        """
        with self.database.read() as db:
            after = self._mark(db, self._progress(namespace))
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

    def keep(self, namespace: int, last_page: int, seqs: Sequence[int], vectors: Sequence[Sequence[float]]) -> None:
        """Write the vectors of some passages and how far the pages are done, in one transaction.

        `ModelReplyError` for a wrong number of vectors, ragged or changing dimensions, or values that are not
        finite; nothing is written then.
        """
        matrix = self._checked(seqs, vectors)
        with self.database.write() as db:
            known = db.execute("SELECT length(vector) FROM embedding WHERE model = ? LIMIT 1", (self.model,)).fetchone()
            if known and len(seqs) and known[0] != matrix.shape[1] * 4:
                raise ModelReplyError(
                    f"{self.model} gave vectors of {matrix.shape[1]} dimensions, before it gave {known[0] // 4};"
                    " name the changed model differently, or open the memory with the old one."
                )
            db.executemany(
                "INSERT INTO embedding (model, passage, vector) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                [(self.model, seq, row.tobytes()) for seq, row in zip(seqs, matrix, strict=True)],
            )
            self._advance(db, self._progress(namespace), last_page)

    def rows(self, after: int, limit: int, namespace: int | None = None) -> Rows:
        """Vectors in the order they were kept: `n`, passage seq, namespace, (rows, dim) float32."""
        condition, values = ("", []) if namespace is None else (" AND page.namespace = ?", [namespace])
        with self.database.read() as db:
            found = db.execute(
                "SELECT embedding.n, passage, page.namespace, vector FROM embedding"
                " JOIN passage ON passage.seq = embedding.passage JOIN page ON page.seq = passage.page"
                f" WHERE model = ? AND embedding.n > ?{condition} ORDER BY embedding.n LIMIT ?",
                (self.model, after, *values, limit),
            ).fetchall()
        numbers, seqs, spaces, blobs = zip(*found, strict=True) if found else ((), (), (), ())
        matrix = (
            np.frombuffer(b"".join(blobs), dtype="<f4").reshape(len(found), -1) if found else np.zeros((0, 0), "<f4")
        )
        return np.array(numbers, np.int64), np.array(seqs, np.int64), np.array(spaces, np.int64), matrix

    def last(self) -> int:
        """The number of the newest vector; 0 for none."""
        with self.database.read() as db:
            return db.execute("SELECT max(n) FROM embedding WHERE model = ?", (self.model,)).fetchone()[0] or 0

    def mark(self, name: str) -> int:
        """How far a derived index has read these vectors; 0 for one that has not begun."""
        with self.database.read() as db:
            return self._mark(db, name)

    def advance(self, name: str, n: int) -> None:
        """Remember how far a derived index has read, after it has applied what it read."""
        with self.database.write() as db:
            self._advance(db, name, n)

    def _progress(self, namespace: int) -> str:
        return f"embedded:{namespace}:{self.model}"

    @staticmethod
    def _mark(db: object, name: str) -> int:
        row = db.execute("SELECT n FROM mark WHERE name = ?", (name,)).fetchone()  # type: ignore[attr-defined]
        return int(row[0]) if row else 0

    @staticmethod
    def _advance(db: object, name: str, n: int) -> None:
        db.execute(  # type: ignore[attr-defined]
            "INSERT INTO mark (name, n) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET n = max(n, excluded.n)",
            (name, n),
        )

    def _checked(self, seqs: Sequence[int], vectors: Sequence[Sequence[float]]) -> NDArray[np.float32]:
        if len(vectors) != len(seqs):
            raise ModelReplyError(f"{self.model} gave {len(vectors)} vectors for {len(seqs)} texts.")
        try:
            matrix = np.array(vectors, dtype="<f4").reshape(len(seqs), -1)
        except ValueError as error:
            raise ModelReplyError(f"{self.model} gave vectors of different lengths in one reply.") from error
        if not np.isfinite(matrix).all():
            raise ModelReplyError(f"{self.model} gave a vector with NaN or infinity; nothing of the batch was kept.")
        return matrix
