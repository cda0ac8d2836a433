"""`middleware=[memory]`: an agent iterates over the `tools` of a middleware, and a memory has such a method."""

from __future__ import annotations

from functools import partial
from typing import Any, Never


class UniterableMethod(property):
    """A method; when it is iterated instead of called, the error says what to pass."""

    def __get__(self, owner: Any, kind: type | None = None) -> Any:
        return self.fget if owner is None or self.fget is None else _BoundMethod(self.fget, owner)


class _BoundMethod(partial[Any]):
    def __iter__(self) -> Never:
        raise TypeError("A memory is passed by its parts: middleware=[memory.middleware()], tools=memory.tools().")
