"""Say which namespaces a folder has, where the one that was named has nothing: a name may be mistyped."""

from __future__ import annotations

import difflib

from ..memory import Memory
from .errors import complain

_SHOWN = 8  # names
_READING = ("research", "recall", "pages", "items", "stats", "estimate")


def hint_at_namespaces(memory: Memory, command: str | None) -> None:
    """To standard error, where a command that reads finds nothing, and other namespaces hold something."""
    if command not in _READING:
        return
    own, others = memory._runtime.namespace.name, memory.admin.namespaces()
    if not others or own in others:
        return
    near = difflib.get_close_matches(own, others, 1)
    meant = f" Did you mean {near[0]}?" if near else ""
    more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
    complain(f"Namespace {own} is empty; this memory has {', '.join(others[:_SHOWN])}{more}.{meant}")
