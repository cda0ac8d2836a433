"""Where the disk is full in the middle of a step: an error that says what stands all the same, and what comes later."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..stores.errors import StoreFull


@contextmanager
def needs_room(path: Path, stands: str) -> Iterator[None]:
    """`StoreFull` with `stands` in place of what the transaction alone can say."""
    try:
        yield
    except StoreFull as error:
        raise StoreFull(f"The disk of {path} is full. {stands}") from error
