"""A bounded cache that several threads may share."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")
_MOST = 4096


class Cache(Generic[T]):
    """By id; the oldest entry makes room for a new one."""

    def __init__(self) -> None:
        self._entries: dict[str, T] = {}

    def get(self, key: str) -> T | None:
        """None where it is not, or not any more."""
        return self._entries.get(key)

    def put(self, key: str, value: T) -> None:
        """Keep it for as long as there is room."""
        while len(self._entries) >= _MOST:
            self._entries.pop(next(iter(self._entries), ""), None)
        self._entries[key] = value
