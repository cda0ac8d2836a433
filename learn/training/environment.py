"""The environment of a training: a memory in a given state, the package's own tools, and the result as a rollout."""

from __future__ import annotations

import inspect
import tempfile
import weakref
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from ...evals.datasets.benchmark_records import Question
from ...memory import Memory
from ...nodes.options import MemorizeOptions
from ...stores.errors import BadInput
from ...tools.expose import ToolSpec
from ...tools.memory_specs import TOOL_NAMES, memory_specs
from ...tools.tool_replies import describe_outcome
from ..rewards import DEFAULT, RewardPreset, add_rewards
from ..rollout_records import MemoryToolCall, RecordedStep, Rollout, ScoredAnswer, SessionText
from ..rollouts import answer_from_items, current_items, memory_tokens
from .turn_starts import CURATE, TurnStart, restore_items

_RENEWED = 256
"""Turns after which a new folder is used: finished turns leave useless namespaces behind."""


AnswerQuestions = Callable[[Memory, Sequence[Question], Sequence[SessionText]], tuple[ScoredAnswer, ...]]
"""Answers the questions from the memory after the turn, with scores."""

KEY = "turn"
_UNREAD = "<tool_call>"


class MemoryTurn:
    """`call` executes a call and returns its answer; `rollout` and `rewards` give the result."""

    def __init__(self, memory: Memory, snapshot: TurnStart, reading: AnswerQuestions | None = None) -> None:
        self.snapshot = snapshot
        self.calls: list[MemoryToolCall] = []
        self._memory = memory
        self._reading = reading or answer_from_items
        self._rewards: dict[str, Mapping[str, float | None]] = {}
        restore_items(memory, snapshot.items)

    def call(self, name: str, arguments: Any) -> str:
        """Executed as the Memorizer would; a fault comes back as text that says what would be right."""
        outcome = self._memory._runtime.editor.call(name, arguments, cause="memorizer")
        item = outcome.item.id if outcome.item else outcome.edit.id
        args = dict(arguments) if isinstance(arguments, Mapping) else {}
        self.calls.append(
            MemoryToolCall(name, args, outcome.status, outcome.reason, item, self.snapshot.sources[-1].id)
        )
        return describe_outcome(outcome)

    def finish(self, completion: Sequence[Mapping[str, Any]]) -> None:
        """The messages of the turn as TRL has them, at its end. Calls that TRL has not executed are executed now; an
        unreadable call counts as a rejected one."""
        done = len(self.calls)
        for message in completion:
            for call in message.get("tool_calls") or ():
                name, given = call["function"]["name"], call["function"]["arguments"]
                if done and name in TOOL_NAMES and isinstance(given, Mapping):
                    done -= 1
                else:
                    self.call(name, given)
            if message.get("role") == "assistant":
                torn = str(message.get("content") or "").count(_UNREAD)
                self.calls += [MemoryToolCall("", {}, "rejected", "The call could not be read.")] * torn

    def rollout(self) -> Rollout:
        """As a run of this one turn; the items before it are steps of their own, without a request."""
        items = current_items(self._memory)
        sources = self.snapshot.sources
        turn = RecordedStep(KEY, "memorizer", CURATE, sources[-1].id, messages=(), calls=tuple(self.calls))
        return Rollout(
            task=self.snapshot.task,
            n=0,
            seed=0,
            steps=(*_steps_before(self.snapshot), turn),
            answers=self._reading(self._memory, self.snapshot.questions, sources),
            items=items,
            sources=sources,
            memory_tokens=memory_tokens(items),
            source_tokens=sum(len(source.text) for source in sources) // 4,
        )

    def rewards(self, preset: RewardPreset = DEFAULT, progress: float = 0.0) -> Mapping[str, float | None]:
        """r1 to r4, `coverage` and `total` of this turn; computed once, after the last call."""
        if preset.name not in self._rewards:
            steps = add_rewards(self.rollout(), preset, progress=progress).steps
            self._rewards[preset.name] = steps[-1].rewards
        return self._rewards[preset.name]


def _steps_before(snapshot: TurnStart) -> tuple[RecordedStep, ...]:
    """The items before the turn, as if each had been inserted as it is, in a turn over its session."""
    steps: dict[str, RecordedStep] = {}
    for item in snapshot.items:
        about = snapshot.origins.get(item.id, "")
        args = {"kind": item.kind, "content": item.content, **({"time": item.time} if item.time else {})}
        call = MemoryToolCall("memory_insert", args, "applied", item_id=item.id, page_id=about)
        known = steps.get(about) or RecordedStep(f"held:{about}", "memorizer", CURATE, about, messages=(), calls=())
        steps[about] = replace(known, calls=(*(known.calls or ()), call))
    return tuple(steps.values())


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
