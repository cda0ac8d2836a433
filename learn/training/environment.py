"""The environment of a training: a memory in a given state, and the package's own tools."""

from __future__ import annotations

import inspect
import tempfile
import weakref
from collections.abc import Callable, Set
from pathlib import Path
from typing import Any, Literal

from ...memory import Memory
from ...nodes.options import MemorizeOptions
from ...stores.errors import BadInput
from ...tools.expose import ToolSpec
from ...tools.memory_specs import memory_specs
from .memory_turn import AnswerQuestions, MemoryTurn
from .turn_starts import TurnStart

_RENEWED = 256
"""Turns after which a new folder is used: finished turns leave useless namespaces behind."""


def _tool_method(spec: ToolSpec) -> Callable[..., str]:
    """A method that is the tool of the memory: its description, its arguments, and its answers, also to invalid ones."""
    properties, required = spec.json_schema["properties"], spec.json_schema["required"]
    types = {field: Literal[tuple(of["enum"])] if "enum" in of else str for field, of in properties.items()}

    def method(self: MemoryEnvironment, **given: Any) -> str:
        return self.turn.call(spec.name, given)

    # TRL reads the tool's form from signature and docstring. Any argument is taken, so that one which does not exist is
    # answered as in the product, and counts.
    lines = [f"    {field}: {of['description']}" for field, of in properties.items()]
    method.__name__ = method.__qualname__ = spec.name
    method.__doc__ = "\n".join([spec.description, "", "Args:", *lines])
    method.__annotations__ = types
    receiver = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = [
        inspect.Parameter(
            field,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field in required else None,
            annotation=types[field],
        )
        for field in properties
    ]
    method.__signature__ = inspect.Signature([receiver, *parameters])  # type: ignore[attr-defined]
    return method


class MemoryEnvironment:
    """For the `environment_factory` of TRL's GRPOTrainer. TRL makes a tool of every public method but `reset`.

    Each `reset` opens an empty namespace of a real memory in a folder of its own, with the items of the turn under
    their own ids; the namespace before is not used again. `turn` has the result.
    """

    memory_insert, memory_update, memory_delete = map(_tool_method, memory_specs())

    def __init__(self, reading: AnswerQuestions | None = None) -> None:
        self._reading = reading
        self._rooms: _NamespacePool = _NamespacePool()
        self._turn: MemoryTurn | None = None

    def reset(self, *, turn: str, **row: Any) -> str:
        """Begin the turn of a row (see `TurnStart.row`); returns the request: core, related items, and the page."""
        snapshot = TurnStart.from_json(turn)
        self._turn = MemoryTurn(self._rooms.next({item.id for item in snapshot.items}), snapshot, self._reading)
        return snapshot.request

    @property
    def turn(self) -> MemoryTurn:
        """The current turn; `BadInput` before the first."""
        if self._turn is None:
            raise BadInput("The environment was not reset yet; `reset(**row)` begins a turn.")
        return self._turn


class _NamespacePool:
    """Empty namespaces, one after the other."""

    def __init__(self) -> None:
        self._count = 0
        self._ids: set[str] = set()
        self._memory: Memory | None = None
        self._end: Callable[[], object] = lambda: None

    def next(self, ids: Set[str]) -> Memory:
        """A memory with nothing in it, in a folder that has not had these items: ids are unique in a folder."""
        if self._memory is None or self._count % _RENEWED == 0 or ids & self._ids:
            self._end()
            self._ids = set()
            folder = tempfile.TemporaryDirectory(prefix="jitmem-learn-")
            self._memory = Memory.open(Path(folder.name) / "memory", memorize_options=MemorizeOptions(curate=False))
            self._end = weakref.finalize(self, _close, self._memory, folder)
        self._count += 1
        self._ids |= ids
        return self._memory.for_namespace(f"turn-{self._count}")


def _close(memory: Memory, folder: tempfile.TemporaryDirectory[str]) -> None:
    memory.close()
    folder.cleanup()
