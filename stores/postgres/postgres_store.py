"""A memory in PostgreSQL: the database, with the vector index and the eraser that fit it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from ..index.vector_index import ExactVectors, VectorIndex
from .postgres_database import open_postgres
from .row_eraser import RowEraser

if TYPE_CHECKING:
    from ..analyzer import Analyzer
    from ..deletion.eraser import Eraser
    from ..truth.database import Database
    from ..truth.embeddings import EmbeddingStore


def open_store(
    place: object, *, create: bool, analyzer: Analyzer | None = None
) -> tuple[Database, Callable[[EmbeddingStore], VectorIndex], Callable[[], Eraser]]:
    """Vectors are searched by pgvector, or where the server has none by the exact scan in this process."""
    database = open_postgres(place, create=create, analyzer=analyzer)

    def make_index(embeddings: EmbeddingStore) -> VectorIndex:
        if database.halfvec is None:
            return ExactVectors(embeddings)
        from .pgvector_index import PgVectors

        return PgVectors(embeddings, database)

    return database, make_index, lambda: cast("Eraser", RowEraser(database))
