"""What a model acts in while it is trained: a memory as it stood, the package's own tools, and nothing else."""

from __future__ import annotations

import inspect
import tempfile
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from ...memory import Memory
from ...nodes.options import MemorizeOptions
from ...stores.errors import BadInput
from ...tools.editor import TOOL_NAMES, schemas
from .snapshots import Snapshot
from .turn import Reading, Turn

_RENEWED = 256
"""Turns after which a new folder is begun: namespaces of turns that are over are of no use to anybody."""


def _tool(name: str) -> Callable[..., str]:
    """A method that is the editor's tool: its words, its arguments, and its answers, also to what does not fit."""
    function = next(one["function"] for one in schemas() if one["function"]["name"] == name)
    properties = function["parameters"]["properties"]
    types = {field: Literal[tuple(of["enum"])] if "enum" in of else str for field, of in properties.items()}
    needed = function["parameters"]["required"]

    def method(self: MemoryEnvironment, **given: Any) -> str:
        return self.turn.call(name, given)

    # TRL reads the tool's form from signature and docstring. Any argument is taken, so that one which does not exist is
    # answered as in the product, and counts.
    lines = [f"    {field}: {of['description']}" for field, of in properties.items()]
    method.__name__ = method.__qualname__ = name
    method.__doc__ = "\n".join([function["description"], "", "Args:", *lines])
    method.__annotations__ = types
    receiver = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = [
        inspect.Parameter(
            field,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field in needed else None,
            annotation=types[field],
        )
        for field in properties
    ]
    method.__signature__ = inspect.Signature([receiver, *parameters])  # type: ignore[attr-defined]
    return method


class MemoryEnvironment:
    """For the `environment_factory` of TRL's GRPOTrainer. TRL makes a tool of every public method but `reset`.

    Each `reset` gives a fresh namespace of a real memory in a folder of its own, with the items of the snapshot under
    their own ids; the memory of the turn before is not looked at again. `turn` has what became of it.
    """

    memory_insert, memory_update, memory_delete = map(_tool, TOOL_NAMES)

    def __init__(self, reading: Reading | None = None) -> None:
        self._reading = reading
        self._rooms: _Rooms = _Rooms()
        self._turn: Turn | None = None

    def reset(self, *, turn: str, **row: Any) -> str:
        """Begin the turn of a row (see `Snapshot.row`); what the model is asked: core, related items, and the page."""
        snapshot = Snapshot.from_json(turn)
        self._turn = Turn(self._rooms.next(), snapshot, self._reading)
        return snapshot.asked

    @property
    def turn(self) -> Turn:
        """The turn that was begun last; `BadInput` before the first."""
        if self._turn is None:
            raise BadInput("The environment was not reset yet; `reset(**row)` begins a turn.")
        return self._turn


class _Rooms:
    """Empty namespaces, one after the other."""

    def __init__(self) -> None:
        self._count = 0
        self._memory: Memory | None = None
        self._end: Callable[[], object] = lambda: None

    def next(self) -> Memory:
        """A memory with nothing in it."""
        if self._memory is None or self._count % _RENEWED == 0:
            self._end()
            folder = tempfile.TemporaryDirectory(prefix="jitmem-learn-")
            self._memory = Memory.open(Path(folder.name) / "memory", memorize_options=MemorizeOptions(curate=False))
            self._end = weakref.finalize(self, _close, self._memory, folder)
        self._count += 1
        return self._memory.for_namespace(f"turn-{self._count}")


def _close(memory: Memory, folder: tempfile.TemporaryDirectory[str]) -> None:
    memory.close()
    folder.cleanup()
