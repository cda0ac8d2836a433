"""What a shell completes beside commands and options: names of namespaces and of forms of history."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from ..memory import Memory
from ..readers.reader_table import FORMATS
from .settings import settings_of


def formats(begin: str) -> list[str]:
    return [name for name in FORMATS if name.startswith(begin)]


def namespaces(ctx: Any, begin: str) -> list[str]:
    """Those of the folder that the line or the environment names; none where it cannot be opened."""
    # A shell that completes has nowhere to show an error.
    with suppress(Exception), Memory.open(settings_of(ctx).memory, create=False) as memory:
        return [name for name in memory.admin.namespaces() if name.startswith(begin)]
    return []
