"""What is learned from: the model requests of one run over a task, their effects, and their rewards."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from pydantic import TypeAdapter

from ..evals.datasets.benchmark_records import Sample
from ..memory import Memory
from ..nodes.accept import normalize_session
from ..nodes.steps import STEPS
from ..stores.token_size import CHARS_PER_TOKEN

Role = Literal["memorizer", "researcher", "reader", "other"]
ROLES: Mapping[str, Role] = {name: step.role for name, step in STEPS.items()}
"""The part of jitmem that takes a step; steps with another name are not jitmem's."""


@dataclass(frozen=True, slots=True)
class MemoryToolCall:
    """A call of a memory tool, and its effect.

    `status` is that of an edit: applied, duplicate, unknown_id, rejected, proposed. `op` is insert, update or delete,
    "" for an unknown tool; `content` is the item's new content, as far as the call gives it. `valid` is the verdict of
    a judge on its content, with the reason in `verdict`; None without a judge, or where the judge failed.
    """

    name: str
    args: Mapping[str, Any]
    status: str
    reason: str = ""
    item_id: str | None = None
    page_id: str = ""
    valid: bool | None = None
    verdict: str = ""

    @property
    def op(self) -> str:
        """`insert` for `memory_insert`."""
        return self.name.removeprefix("memory_") if self.name.startswith("memory_") else ""

    @property
    def kind(self) -> str:
        """The kind of memory in the call's arguments; "" for none."""
        return str(self.args.get("kind", ""))

    @property
    def content(self) -> str:
        """The content in the call's arguments; "" for none, as in a delete."""
        return str(self.args.get("content") or "")

    @property
    def has_effect(self) -> bool:
        """Whether it changes the memory, or will once it is approved."""
        return self.status in ("applied", "proposed")


@dataclass(frozen=True, slots=True)
class RecordedStep:
    """One request to a model, as it was sent, and the reply.

    `key` is the step's place in its rollout, from metadata and never from the order of arrival: unique in it, and the
    same in every rollout that takes the same path. `about` is the session's or the question's id. `attempt` counts the
    replies of one step: 1 is the first repair. Messages and tools are in OpenAI's format, with the arguments of calls
    as objects; `error` is set where no reply came. `calls` are the edits of a parsed curate reply; None for any other.
    """

    key: str
    role: Role
    name: str
    about: str
    messages: tuple[Mapping[str, Any], ...]
    tools: tuple[Mapping[str, Any], ...] = ()
    reply: Mapping[str, Any] | None = None
    error: str = ""
    attempt: int = 0
    model: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    calls: tuple[MemoryToolCall, ...] | None = None
    rewards: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ScoredAnswer:
    """A question, the context that was found, and the answer.

    `scores` are by metric, 0 to 1. `coverage` is the share of the question's gold evidence that the memory items hold
    (0 to 1), None where the task has no evidence.
    """

    id: str
    text: str
    gold: tuple[str, ...]
    category: str
    context: str
    answer: str | None
    scores: Mapping[str, float]
    coverage: float | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """A memory item at the end of the run."""

    id: str
    kind: str
    content: str
    time: str | None = None


@dataclass(frozen=True, slots=True)
class SessionText:
    """A session that was filed: its id, text and time, against which its edits are judged.

    `time` is as `stores.times.show` writes it, "" for none: a session may say "yesterday".
    """

    id: str
    text: str
    page_ids: tuple[str, ...]
    time: str = ""


@dataclass(frozen=True, slots=True)
class Rollout:
    """One run over one task. `n` counts the runs of a task from 0; they form a group. `error` is why it ended early.

    `memory_tokens` are those of all items at the end, `source_tokens` those of all sessions.
    """

    task: str
    n: int
    seed: int
    steps: tuple[RecordedStep, ...]
    answers: tuple[ScoredAnswer, ...]
    items: tuple[Item, ...]
    sources: tuple[SessionText, ...]
    memory_tokens: int
    source_tokens: int
    rewards: Mapping[str, float | None] = field(default_factory=dict)
    seconds: float = 0.0
    error: str = ""

    @property
    def calls(self) -> tuple[MemoryToolCall, ...]:
        """Every edit, in the order of the steps."""
        return tuple(call for step in self.steps for call in step.calls or ())

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Rollout:
        """From `as_dict`, also through JSON; `ValidationError` for other values."""
        return _ROLLOUT.validate_python(plain)


_ROLLOUT = TypeAdapter(Rollout)


def step_key(key: str) -> str:
    """A step's key without the suffix of its attempt (`~1`, `!0`)."""
    return re.sub(r"(?:~|!)\d+$", "", key)


def current_items(memory: Memory) -> tuple[Item, ...]:
    """In the order in which they were made."""
    return tuple(
        Item(item.id, item.kind, item.content, item.time.isoformat() if item.time else None)
        for item in memory.items.list()
    )


def memory_tokens(items: Iterable[Item]) -> int:
    """Of the contents of all items, each rounded up."""
    return sum(_count_tokens(item.content) for item in items)


def source_tokens(sources: Iterable[SessionText]) -> int:
    """Of all sessions, as they are stored."""
    return sum(_count_tokens(source.text) for source in sources)


def task_tokens(task: Sample) -> int:
    """Of a task's sessions, as they would be stored; without a memory."""
    return sum(_count_tokens(normalize_session(session)["text"]) for session in task.sessions)


def _count_tokens(text: str) -> int:
    return -(-len(text) // CHARS_PER_TOKEN)
