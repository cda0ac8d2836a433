"""Where a memory is: a folder, or a schema of PostgreSQL; and what is made of either."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from .index.chroma_index import OwnedChroma, SharedChroma
from .index.vector_index import VectorIndex
from .truth.database import Database

if TYPE_CHECKING:
    from psycopg_pool import ConnectionPool

    from .deletion.eraser import Eraser
    from .truth.embeddings import EmbeddingStore

    Place = str | os.PathLike[str] | ConnectionPool


class Store(Protocol):
    """The truth at a place, with the vector index and the eraser that fit it."""

    database: Database

    def vector_index(self, embeddings: EmbeddingStore) -> VectorIndex: ...

    def eraser(self) -> Eraser: ...


class FolderStore:
    """A SQLite file, with Chroma beside it."""

    def __init__(self, folder: Path, *, create: bool) -> None:
        self.database = Database(folder, create=create)
        self._chroma = SharedChroma(folder)

    def vector_index(self, embeddings: EmbeddingStore) -> VectorIndex:
        return OwnedChroma(embeddings, self._chroma)

    def eraser(self) -> Eraser:
        from .deletion.eraser import Eraser

        return Eraser(self.database, self._chroma.folder)


def is_folder(place: Place) -> bool:
    """Whether it is a path; else it is the URL of a database, or a pool of connections."""
    return isinstance(place, str | os.PathLike) and not str(place).startswith(("postgresql://", "postgres://"))


def open_store(place: Place, *, create: bool) -> Store:
    if is_folder(place):
        return FolderStore(Path(os.fspath(place)), create=create)  # type: ignore[arg-type]
    from .errors import MissingPackage

    try:
        from .postgres.postgres_store import PostgresStore
    except ModuleNotFoundError as error:
        if error.name not in ("psycopg", "psycopg_pool"):
            raise
        raise MissingPackage('A memory in PostgreSQL needs: pip install "jitmem[postgres]"') from error
    return PostgresStore(place, create=create)
