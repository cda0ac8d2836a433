"""When the disk is full in the middle of a step: say what is kept all the same, and what will be done later."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..stores.errors import StoreFull


@contextmanager
def disk_full_hint(path: Path, hint: str) -> Iterator[None]:
    """Raise `StoreFull` with `hint` in place of what the transaction alone can say."""
    try:
        yield
    except StoreFull as error:
        raise StoreFull(f"The disk of {path} is full. {hint}") from error
