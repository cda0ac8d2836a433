"""Chroma as the vector index: one owner process a folder; all others, and all when it fails, scan the truth."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..truth.embeddings import EmbeddingStore, VectorState
from .vector_index import ExactVectors, Found, Vector

if TYPE_CHECKING:
    from .chroma_folder import ChromaFolder
    from .chroma_vectors import ChromaVectors

T = TypeVar("T")
_started = _inherited_threads = False  # whether this process, or its parent, has used Chroma or tried to
MIN_VECTORS = int(os.environ.get("JITMEM_CHROMA_MIN_VECTORS", "50000"))
"""With fewer vectors the exact scan answers: at 10,000 vectors of 384 dimensions it takes a fifth of Chroma's CPU, at 50,000
two thirds; it finds every neighbour, and filing feeds no graph (benchmarks/indexes.py)."""


def open_systems() -> Any:
    """Where Chroma keeps what is open, by folder; None where it was never imported."""
    return getattr(sys.modules.get("chromadb.api.shared_system_client"), "SharedSystemClient", None)


def _note_threads() -> None:
    """In a child: whether its parent had started Chroma, here or in other code."""
    global _inherited_threads
    shared = open_systems()
    inherited = list(shared._identifier_to_system.values()) if shared else []
    _inherited_threads |= _started or bool(inherited)
    for system in inherited:
        keep_alive(system)


def keep_alive(of_chroma: object) -> None:
    """Never dealloc it, not even at exit. In a child, dropping a Chroma waits for ever for threads that did not cross
    the fork; dropping one that has failed sometimes hangs all threads of the process (1.5.9, on a full disk)."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(of_chroma))


if hasattr(os, "register_at_fork"):  # there is no fork elsewhere
    os.register_at_fork(after_in_child=_note_threads)


class SharedChroma:
    """The Chroma folder of a memory, loaded when it is first needed: a small memory never needs it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._loaded: dict[Path, ChromaFolder] = {}

    @property
    def is_loaded(self) -> bool:
        return bool(self._loaded)

    @property
    def folder(self) -> ChromaFolder:
        from .chroma_folder import ChromaFolder

        # `setdefault` is atomic: of two threads that come at once, both get the same one.
        return self._loaded.get(self._path) or self._loaded.setdefault(self._path, ChromaFolder(self._path))


class OwnedChroma:
    """The vectors of one store: from Chroma where there are many and this process owns the folder, else from an exact scan.

    Where Chroma fails, as on a full disk, the exact scan answers as well for a minute, and the log says so: once, until
    it works again. Indexes of several stores over one folder share a `SharedChroma`; closing one closes all.
    """

    def __init__(self, embeddings: EmbeddingStore, chroma: Path | SharedChroma) -> None:
        self._embeddings = embeddings
        self._chroma = chroma if isinstance(chroma, SharedChroma) else SharedChroma(chroma)
        self._exact = ExactVectors(embeddings)
        self._written_before = 0
        self._many = MIN_VECTORS <= 0

    @property
    def owner(self) -> bool:
        return self._chroma.is_loaded and self._chroma.folder.is_owner

    def search(self, vector: Vector, k: int, namespaces: Sequence[int], state: VectorState | None = None) -> Found:
        if not self._many:
            hits = self._exact.search(vector, k, namespaces, state)
            self._many = self._exact.newest >= MIN_VECTORS
            return hits
        erased = state.erased if state else None
        found = self._try(lambda owned: owned.search(vector, k, namespaces, state), erased)
        return self._exact.search(vector, k, namespaces, state) if found is None else found

    def catch_up(self, *, at_least: int = 1) -> None:
        """Feed Chroma if it is ours; with more than one vector at least, those that this process has written count."""
        written = self._embeddings.written
        if at_least > 1 and written - self._written_before < at_least:
            return
        self._written_before = written
        self._many = self._many or self._embeddings.state().last >= MIN_VECTORS
        if self._many:
            self._try(lambda owned: owned.catch_up(at_least=at_least))

    def _try(self, what: Callable[[ChromaVectors], T], erased: int | None = None) -> T | None:
        """As `ChromaFolder.try_vectors`; None in a child of a process that had started Chroma."""
        global _started
        if _inherited_threads:
            return None
        _started = True  # before the import: a child cannot finish an import that a thread of its parent started
        return self._chroma.folder.try_vectors(self._embeddings, what, erased)

    def close(self) -> None:
        self._exact.close()
        if self._chroma.is_loaded:
            self._chroma.folder.close()
