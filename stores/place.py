"""Where a memory is: a folder, or a schema of PostgreSQL; and what is made of either."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from .database_urls import is_database_url
from .errors import MissingPackage
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

    place: Any
    """What opens it again."""
    database: Database

    def vector_index(self, embeddings: EmbeddingStore) -> VectorIndex: ...

    def eraser(self) -> Eraser: ...


class FolderStore:
    """A SQLite file, with Chroma beside it."""

    def __init__(self, folder: Path, *, create: bool) -> None:
        self.place = folder
        self.database = Database(folder, create=create)
        self._chroma = SharedChroma(folder)

    def vector_index(self, embeddings: EmbeddingStore) -> VectorIndex:
        return OwnedChroma(embeddings, self._chroma)

    def eraser(self) -> Eraser:
        from .deletion.eraser import Eraser

        return Eraser(self.database, self._chroma.folder)


def open_store(place: Place, *, create: bool) -> Store:
    """In a folder by its path; by the URL of a database, or a pool of connections, in PostgreSQL."""
    if isinstance(place, str | os.PathLike) and not is_database_url(place):
        return FolderStore(Path(place), create=create)
    store: Store = load_postgres("postgres_store").PostgresStore(place, create=create)
    return store


def load_postgres(module: str) -> Any:
    """A module of `stores.postgres`; `MissingPackage` where its extra is not installed."""
    try:
        return import_module(f".postgres.{module}", __package__)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("psycopg", "psycopg_pool"):
            raise
        raise MissingPackage('A memory in PostgreSQL needs: pip install "jitmem[postgres]"') from error
