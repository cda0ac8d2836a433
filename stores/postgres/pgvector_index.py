"""Vector search in PostgreSQL by pgvector: half precision finds the candidates, the stored vectors give the cosines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from psycopg.errors import ForeignKeyViolation

from ..errors import BadInput
from ..index.vector_index import ExactVectors
from ..truth.embeddings import PASSAGES, SET_MARK, EmbeddingStore, vector_label
from .postgres_database import PostgresDatabase

_BATCH = 1000


class PgVectors:
    """A `VectorIndex` in a table beside the vectors, filled in the order in which these were written. It reads what is
    new before a search; all processes share it, and what is deleted goes with its vector, in the same transaction."""

    def __init__(self, embeddings: EmbeddingStore, database: PostgresDatabase) -> None:
        self._embeddings = embeddings
        self._database = database
        self._exact = ExactVectors(embeddings)
        self._table = "passage_vector" if embeddings.subject is PASSAGES else "item_vector"
        self._type = f"{database.halfvec}.halfvec"
        self._distance = f"OPERATOR({database.halfvec}.<=>)"

    def search(self, vector: NDArray[np.float32], k: int, namespaces: Sequence[int]) -> list[tuple[int, float]]:
        """`(number, cosine)`, best first; a vector of zeros is like nothing and never found."""
        generation, complete = self._read_new(1)
        if not complete:
            return self._exact.search(vector, k, namespaces)
        length = float(np.linalg.norm(vector))
        subject = self._embeddings.subject
        owner = "" if subject is PASSAGES else subject.owner
        query = (
            f"SELECT near.number, {subject.table}.vector FROM {self._table} AS near"
            f" JOIN {subject.table} ON {subject.table}.n = near.n {owner}"
            f" WHERE near.namespace IN ({', '.join(map(str, namespaces))}) AND near.model = :label"
            f" ORDER BY near.near {self._distance} CAST(:query AS {self._type}), near.n LIMIT :k"
        )
        label = vector_label(self._embeddings.model, generation)
        try:
            rows = self._database.fetch(query, {"label": label, "query": _text(vector), "k": k + k // 4 + 8})
        except BadInput as error:  # vectors of different dimensions, which only a changed model gives
            raise self._embeddings.model_changed(len(vector), generation) from error
        if not rows or not length:
            return []
        matrix = np.array([np.frombuffer(blob, "<f4") for _, blob in rows])
        if matrix.shape[1] != len(vector):
            raise self._embeddings.model_changed(len(vector), generation)
        lengths = np.linalg.norm(matrix, axis=1) * length
        cosines = np.divide(matrix @ vector, lengths, where=lengths > 0, out=np.zeros(len(rows), np.float32))
        found = [(int(number), float(cosine)) for (number, _), cosine in zip(rows, cosines, strict=True) if cosine > 0]
        return sorted(found, key=lambda pair: (-pair[1], pair[0]))[:k]

    def catch_up(self, *, at_least: int = 1) -> None:
        """Copy what is new into the index, if it is that many vectors or more; nothing where the memory is read-only."""
        self._read_new(at_least)

    def _read_new(self, at_least: int) -> tuple[int, bool]:
        """The generation, and whether all of its vectors are in the index now: who may not write cannot add any."""
        generation, last, _, _ = self._embeddings.state()
        label = vector_label(self._embeddings.model, generation)
        mark = f"near:{self._embeddings.subject.table}:{label}"
        read = self._embeddings.mark(mark)
        if last - read < at_least or self._database.read_only:
            return generation, last <= read
        while read < last:
            numbers, keys, spaces, matrix = self._embeddings.rows(generation, read, _BATCH)
            read = int(numbers[-1]) if len(numbers) else last
            with self._database.named_errors():
                self._copy(mark, read, label, numbers, keys, spaces, matrix)
        return generation, True

    def close(self) -> None:
        """Forget what a reader has compared by itself."""
        self._exact.close()

    def _copy(
        self,
        mark: str,
        read: int,
        label: str,
        numbers: NDArray[np.int64],
        keys: NDArray[np.int64],
        spaces: NDArray[np.int64],
        matrix: NDArray[np.float32],
    ) -> None:
        """These rows, and how far they go, in one transaction that waits for no writer: a second copy of a row does no
        harm, and what was deleted meanwhile stays away."""
        insert = (
            f"INSERT INTO {self._table} (namespace, model, n, number, near)"
            f" SELECT owner, ?, stored.n, number, CAST(near AS {self._type})"
            " FROM unnest(?::bigint[], ?::bigint[], ?::bigint[], ?::text[]) AS fresh (owner, n, number, near)"
            f" JOIN {self._embeddings.subject.table} AS stored ON stored.n = fresh.n"
            " WHERE EXISTS (SELECT 1 FROM namespace WHERE id = owner) ON CONFLICT DO NOTHING"
        )
        lists = [spaces.tolist(), numbers.tolist(), keys.tolist(), [_text(row) for row in matrix]]
        for last_try in (False, True):
            try:
                with self._database.transaction() as db:
                    if len(numbers):
                        db.execute(insert, (label, *lists))
                    db.execute(f"{SET_MARK} n = max(mark.n, excluded.n)", (mark, read))
                return
            except ForeignKeyViolation:  # a row was deleted between the look at it and the check of its key
                if last_try:
                    raise


def _text(vector: NDArray[np.float32]) -> str:
    """Of length 1, so that half precision has room for it; zeros stay."""
    length = float(np.linalg.norm(vector))
    unit = vector / length if length else vector
    return "[" + ",".join(f"{value:.6g}" for value in unit.tolist()) + "]"
