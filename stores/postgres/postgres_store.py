"""A memory in PostgreSQL: the database, with the vector index and the eraser that fit it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from ..index.vector_index import ExactVectors, VectorIndex
from .postgres_database import open_postgres

if TYPE_CHECKING:
    from ..deletion.eraser import Eraser
    from ..truth.database import Database
    from ..truth.embeddings import EmbeddingStore


class PostgresStore:
    """Vectors are searched by pgvector, or where the server has none by the exact scan in this process."""

    def __init__(self, place: object, *, create: bool) -> None:
        self.place = place
        self._postgres = open_postgres(place, create=create)
        self.database = cast("Database", self._postgres)

    def vector_index(self, embeddings: EmbeddingStore) -> VectorIndex:
        if self._postgres.halfvec is None:
            return ExactVectors(embeddings)
        from .pgvector_index import PgVectors

        return PgVectors(embeddings, self._postgres)

    def eraser(self) -> Eraser:
        from .row_eraser import RowEraser

        return cast("Eraser", RowEraser(self._postgres))
