"""What a process must know of Chroma before Chroma is loaded: whether one was started in its parent."""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Any

_started = _inherited_threads = False


def mark_started() -> None:
    """Chroma is about to be imported here, or to be started."""
    global _started
    _started = True


def inherits_threads() -> bool:
    """Whether this process is a child of one that had started Chroma, or tried to."""
    return _inherited_threads


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
