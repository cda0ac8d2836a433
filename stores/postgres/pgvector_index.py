"""Vector search in PostgreSQL by pgvector: half precision finds the candidates, the stored vectors give the cosines."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from psycopg.errors import ForeignKeyViolation

from ..errors import BadInput
from ..index.vector_index import ExactVectors
from ..truth.embeddings import PASSAGES, SET_MARK, EmbeddingStore, VectorState, vector_label
from .hnsw_indexes import cast_near, find_indexes, index_name, search_settings
from .postgres_database import PostgresDatabase

_BATCH = 1000
_GRAPHS_S = 60.0  # for which it is remembered which namespaces have a graph


class PgVectors:
    """A `VectorIndex` in a table beside the vectors, filled in the order in which these were written. It reads what is
    new before a search; all processes share it, and what is deleted goes with its vector, in the same transaction."""

    def __init__(self, embeddings: EmbeddingStore, database: PostgresDatabase) -> None:
        self._embeddings = embeddings
        self._database = database
        self._exact = ExactVectors(embeddings)
        self._is_of_passages = embeddings.subject is PASSAGES
        self._table = "passage_vector" if self._is_of_passages else "item_vector"
        self._graphs: set[str] = set()
        self._graphs_until = 0.0
        self._type = f"{database.halfvec}.halfvec"
        self._distance = f"OPERATOR({database.halfvec}.<=>)"
        self._written_before = 0

    def search(
        self, vector: NDArray[np.float32], k: int, namespaces: Sequence[int], state: VectorState | None = None
    ) -> list[tuple[int, float]]:
        """`(number, cosine)`, best first; a vector of zeros is like nothing and never found."""
        generation, complete = self._read_new(1, state)
        if not complete:
            return self._exact.search(vector, k, namespaces, state)
        length, limit = float(np.linalg.norm(vector)), k + k // 4 + 8
        label = vector_label(self._embeddings.model, generation)
        query = self._passages(len(vector), label, namespaces) if self._is_of_passages else self._items(namespaces)
        settings = search_settings(limit) if self._database.has_graphs else "SELECT 1"
        database = self._database.for_numbers(namespaces, settings)
        try:
            rows = database.fetch(query, {"label": label, "query": _text(vector), "k": limit})
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

    def _passages(self, dimensions: int, label: str, namespaces: Sequence[int]) -> str:
        """A namespace with a graph is a query of its own, so that the server can use it; the graph orders by the cast."""
        order = f"{cast_near(self._database.halfvec, dimensions)} {self._distance} CAST(:query AS {self._type}), n"
        choose = (
            "SELECT n, number FROM passage_vector WHERE namespace {} AND model = :label ORDER BY " + order + " LIMIT :k"
        )
        alone = self._with_graphs(label, namespaces) if len(namespaces) > 1 else list(namespaces)
        rest = sorted(set(namespaces) - set(alone))
        parts = [choose.format(f"= {number}") for number in alone]
        parts += [choose.format(f"IN ({', '.join(map(str, rest))})")] if rest else []
        return (
            f"SELECT near.number, embedding.vector FROM (({') UNION ALL ('.join(parts)})) AS near"
            " JOIN embedding ON embedding.n = near.n"
        )

    def _items(self, namespaces: Sequence[int]) -> str:
        """Without what was replaced."""
        return (
            f"SELECT near.number, item_embedding.vector FROM item_vector AS near"
            f" JOIN item_embedding ON item_embedding.n = near.n {self._embeddings.subject.owner}"
            f" WHERE near.namespace IN ({', '.join(map(str, namespaces))}) AND near.model = :label"
            f" ORDER BY near.near {self._distance} CAST(:query AS {self._type}), near.n LIMIT :k"
        )

    def _with_graphs(self, label: str, namespaces: Sequence[int]) -> list[int]:
        """Those that have one, as of a minute ago: else they are searched exactly."""
        if time.monotonic() >= self._graphs_until:
            self._graphs = {name for name, is_valid in find_indexes(self._database).items() if is_valid}
            self._graphs_until = time.monotonic() + _GRAPHS_S
        return [number for number in namespaces if index_name(number, label) in self._graphs]

    def catch_up(self, *, at_least: int = 1) -> None:
        """Copy what is new into the index, if this process has written that many vectors; nothing where the memory is
        read-only."""
        written = self._embeddings.written
        if at_least <= 1 or written - self._written_before >= at_least:
            self._written_before = written
            self._read_new(at_least)

    def _read_new(self, at_least: int, state: VectorState | None = None) -> tuple[int, bool]:
        """The generation, and whether all of its vectors are in the index now: who may not write cannot add any."""
        generation, last, _, _ = state or self._embeddings.state()
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
        """These rows, and how far they go, in one message, a transaction that waits for no writer: a second copy of a row does no
        harm, and what was deleted meanwhile stays away."""
        insert = (
            f"INSERT INTO {self._table} (namespace, model, n, number, near)"
            f" SELECT owner, ?, stored.n, number, CAST(near AS {self._type})"
            " FROM unnest(?::bigint[], ?::bigint[], ?::bigint[], ?::text[]) AS fresh (owner, n, number, near)"
            f" JOIN {self._embeddings.subject.table} AS stored ON stored.n = fresh.n"
            " WHERE EXISTS (SELECT 1 FROM namespace WHERE id = owner) ON CONFLICT DO NOTHING"
        )
        lists = [spaces.tolist(), numbers.tolist(), keys.tolist(), [_text(row) for row in matrix]]
        inserts = [(insert, (label, *lists))] if len(numbers) else []
        for last_try in (False, True):
            try:
                with self._database.connection() as db:
                    db.execute_together([*inserts, (f"{SET_MARK} n = max(mark.n, excluded.n)", (mark, read))])
                return
            except ForeignKeyViolation:  # a row was deleted between the look at it and the check of its key
                if last_try:
                    raise


def _text(vector: NDArray[np.float32]) -> str:
    """Of length 1, so that half precision has room for it; zeros stay."""
    length = float(np.linalg.norm(vector))
    unit = vector / length if length else vector
    return "[" + ",".join(f"{value:.6g}" for value in unit.tolist()) + "]"
