"""One namespace as it is filed and read: the truth, its keyword index in memory, its vectors, and snapshots of both."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

from .. import fork_hooks
from ..analyzer import ANALYZER
from ..errors import UnknownRecord
from ..records import MemoryItem, Page
from ..truth.embeddings import EmbeddingStore
from ..truth.items import Items
from ..truth.journal import Journal
from ..truth.namespace import Namespace
from ..truth.pages import NOTHING_READ, Pages
from .cache import Cache
from .page_index import PageIndex
from .snapshot import Snapshot
from .vector_index import VectorIndex

_CHANGES = 500  # read from the log at once


class NamespaceStore:
    """Thread-safe. Two archives of one namespace, in one process or several, see each other's pages."""

    def __init__(self, namespace: Namespace, embeddings: EmbeddingStore, vectors: VectorIndex) -> None:
        self.namespace = namespace
        self.journal = Journal(namespace)
        self.pages = Pages(namespace)
        self.items = Items(namespace)
        self.embeddings = embeddings
        self.vectors = vectors
        self.after_fork_in_child()
        fork_hooks.call_in_child(self)

    def after_fork_in_child(self) -> None:
        """As if nothing had been read yet: another thread may have been reading."""
        self._lock = threading.Lock()
        self._index = PageIndex()
        self._extent = NOTHING_READ

    def snapshot(self) -> Snapshot:
        """What may be read now. One statement where nothing has changed; else what was filed since is read first, or
        everything from the beginning where something is gone or may not be read any more."""
        with self._lock:
            extent, known = self.pages.extent(), self._extent
            overdue = known.due is not None and time.time() >= known.due
            if overdue or (extent.namespaces, extent.erased) != (known.namespaces, known.erased):
                self._index = PageIndex()
            while self._index.read < extent.last:
                self._index.read = self._append(self._index, extent.last)
            self._extent = extent
            return Snapshot(self._index, extent, self.pages, self.items, self.vectors)

    def record(self, record_id: str) -> Page | MemoryItem:
        """A page, or an item, as it stands in the truth now; `UnknownRecord` for an id that is neither here."""
        try:
            return self.pages.page(record_id)
        except UnknownRecord:
            item = self.items.find(record_id)
            if item is None:
                raise
            return item

    def _append(self, index: PageIndex, last: int) -> int:
        """Read the next changes; how far that goes. `last` where nothing is left, though changes may be gone."""
        read, rows, newest_item = self.pages.changed_pages(index.read, _CHANGES, last)
        if newest_item > index.newest_item:
            index.newest_item, index.items = newest_item, Cache()
        for row in rows:
            if row.id not in index.passages:  # it is, where an interruption left a batch half read
                with suppress(UnknownRecord):  # forgotten since it was read
                    index.append(row, "" if row.analyzer == ANALYZER else self.pages.page(row.id).text)
        return read if read > index.read else last
