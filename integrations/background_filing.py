"""File sessions behind the agent's back: one thread for each open memory, there while something is left to do."""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import TYPE_CHECKING

from ..stores import fork_hooks
from ..stores.errors import JitmemError, ModelUnavailable
from ..stores.records import Session

if TYPE_CHECKING:
    from ..memory import Memory

_log = logging.getLogger("jitmem")


def file_in_background(memory: Memory, session: Session) -> None:
    """File a session that `memory.accept` has put into the journal."""
    filer: BackgroundFiler = vars(memory.root).setdefault("_filer", BackgroundFiler())  # atomic: all threads get one
    filer.add(memory, session)


def wait(memory: Memory) -> None:
    """Until all that was handed over is filed, or has failed: of every namespace in the folder."""
    if memory.root._filer:
        memory.root._filer.wait()


class BackgroundFiler:
    """Files in the order given. What fails waits in the journal; when a model cannot be reached, all that is left is
    tried again with the next session that comes."""

    def __init__(self) -> None:
        self.after_fork_in_child()
        fork_hooks.call_in_child(self)

    def after_fork_in_child(self) -> None:
        """The thread that files is the parent's, and so is what it has to do."""
        self._queue: deque[tuple[Memory, Session]] = deque()
        self._left: deque[tuple[Memory, Session]] = deque()
        self._changed = threading.Condition()
        self._working = False

    def add(self, memory: Memory, session: Session) -> None:
        """Returns at once."""
        with self._changed:
            self._queue += [*self._left, (memory, session)]
            self._left.clear()
            if not self._working:
                self._working = True
                # A daemon: at the end of the process nothing more could be filed, and all of it is in the journal.
                threading.Thread(target=self._work, name="jitmem-file-later", daemon=True).start()

    def wait(self) -> None:
        """Until the thread has ended."""
        with self._changed:
            self._changed.wait_for(lambda: not self._working)

    def _work(self) -> None:
        while job := self._next():
            memory, session = job
            try:
                memory.memorize(session)
            except Exception as error:
                unexpected = not isinstance(error, JitmemError)
                _log.warning(
                    "Session %s is not filed and waits in the journal: %s", session.id, error, exc_info=unexpected
                )
                if isinstance(error, ModelUnavailable):
                    with self._changed:
                        self._left.extend([job, *self._queue])
                        self._queue.clear()

    def _next(self) -> tuple[Memory, Session] | None:
        with self._changed:
            if self._queue:
                return self._queue.popleft()
            self._working = False
            self._changed.notify_all()
            return None
