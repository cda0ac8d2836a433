"""What must happen to open things when this process forks: neither SQLite's locks nor threads cross a fork."""

from __future__ import annotations

import os
import threading
from typing import Protocol
from weakref import WeakSet


class ResetInChild(Protocol):
    """Created again in a child, where only the thread that forked exists."""

    def after_fork_in_child(self) -> None: ...


class PausedForFork(ResetInChild, Protocol):
    """Must be at rest while the process forks."""

    def before_fork(self) -> None: ...

    def after_fork_in_parent(self) -> None: ...


_forking: WeakSet[ResetInChild] = WeakSet()
_pausing: WeakSet[PausedForFork] = WeakSet()
_lock = threading.Lock()
_paused: list[PausedForFork] = []


def call_in_child(one: ResetInChild) -> None:
    """As long as it is there."""
    with _lock:
        _forking.add(one)


def pause_for_fork(one: PausedForFork) -> None:
    """As long as it is there."""
    with _lock:
        _pausing.add(one)


def _before() -> None:
    _lock.acquire()
    _paused[:] = _pausing
    for one in _paused:
        one.before_fork()


def _after_in_parent() -> None:
    for one in _paused:
        one.after_fork_in_parent()
    _resume()


def _after_in_child() -> None:
    for one in [*_forking, *_paused]:
        one.after_fork_in_child()
    _resume()


def _resume() -> None:
    _paused.clear()
    _lock.release()


if hasattr(os, "register_at_fork"):  # there is no fork elsewhere
    os.register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
