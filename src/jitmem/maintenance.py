"""What nobody waits for: erasures that are open, and in PostgreSQL the indexes of large namespaces."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from .stores.database_urls import is_database_url
from .stores.errors import JitmemError

if TYPE_CHECKING:
    from .runtime import MemoryRuntime

EVERY_S = 600.0
_log = logging.getLogger("jitmem")


def maintain(runtime: MemoryRuntime) -> None:
    """Once. What this role may not do is left to one that may."""
    if runtime.database.read_only:
        return
    runtime.make_eraser().finish()
    if is_database_url(runtime.place):
        from .stores.postgres import load_postgres

        load_postgres("hnsw_indexes").maintain_indexes(runtime.database)


def start_maintaining(runtime: MemoryRuntime) -> None:
    """In a thread, again and again for as long as the process lives. A failure is logged, and tried again."""

    def repeat() -> None:
        while True:
            try:
                maintain(runtime)
            except JitmemError as error:
                _log.warning("Maintenance failed, and is tried again: %s", error)
            time.sleep(EVERY_S)

    threading.Thread(target=repeat, name="jitmem maintenance", daemon=True).start()
