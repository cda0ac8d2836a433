"""What is learned from: the steps that models took in one run over a task, what became of them, and what they earned."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

Role = Literal["memorizer", "researcher", "reader", "other"]
ROLES: Mapping[str, Role] = {
    **dict.fromkeys(("memorize", "curate"), "memorizer"),
    **dict.fromkeys(("plan", "integrate", "conclude", "reflect"), "researcher"),
    "answer": "reader",
}
"""Which part of jitmem takes a step; a step with another name is somebody else's."""


@dataclass(frozen=True, slots=True)
class MemoryToolCall:
    """A call of a memory tool, and what became of it.

    `status` as of an edit: applied, duplicate, unknown_id, rejected, proposed. `op` is insert, update or delete, and
    empty for a tool that there is not; `content` is what the item says by it, as far as the call says so. `valid` is what
    a judge of rewards found of its content, with its `verdict` in words; None where nobody judged, or the judge failed.
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
        """Which kind of memory it says that it edits; "" for none."""
        return str(self.args.get("kind", ""))

    @property
    def content(self) -> str:
        """What it writes; "" for nothing, as in a delete."""
        return str(self.args.get("content") or "")


@dataclass(frozen=True, slots=True)
class RecordedStep:
    """One request to a model, as it was sent, and the reply.

    `key` is where it stands in its rollout, from metadata and never from the order of arrival: unique in it, and the
    same in every rollout that takes the same way. `about` is the session's or the question's id. `attempt` counts the
    replies of one step: the repairs of one that could not be read. Messages and tools are in OpenAI's form, with the
    arguments of calls as objects; `error` is set where no reply came. `calls` are the edits that this reply made, of a
    curate step whose reply was read; None for any other.
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
    """A question, the context that was found, and what a reader made of it.

    `scores` are of the metrics that were asked for, 0 to 1. `coverage` is which share of the question's gold evidence
    the kept memory holds (0 to 1), None where the task does not tell what the answer stands on.
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
    """A memory item as it stood at the end."""

    id: str
    kind: str
    content: str
    time: str | None = None


@dataclass(frozen=True, slots=True)
class SessionText:
    """What was taken in: a session's id, its text and its time, by which the edits that it led to are judged.

    `time` is as `stores.times.show` writes it, "" for none: a session may say "yesterday".
    """

    id: str
    text: str
    page_ids: tuple[str, ...]
    time: str = ""


@dataclass(frozen=True, slots=True)
class Rollout:
    """One run over one task. `n` counts the runs of a task from 0: they form a group. `error` is why it ended early.

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
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """From `as_dict`."""
        parts = {
            "steps": tuple(_step_from_dict(one) for one in plain["steps"]),
            "answers": tuple(ScoredAnswer(**{**one, "gold": tuple(one["gold"])}) for one in plain["answers"]),
            "items": tuple(Item(**one) for one in plain["items"]),
            "sources": tuple(SessionText(**{**one, "page_ids": tuple(one["page_ids"])}) for one in plain["sources"]),
        }
        return cls(**{**plain, **parts})


def _step_from_dict(plain: Mapping[str, Any]) -> RecordedStep:
    calls = plain["calls"]
    return RecordedStep(
        **{
            **plain,
            "messages": tuple(plain["messages"]),
            "tools": tuple(plain["tools"]),
            "calls": None if calls is None else tuple(MemoryToolCall(**one) for one in calls),
        }
    )


def step_key(key: str) -> str:
    """A step's key without the suffix of its attempt (`~1`, `!0`)."""
    return re.sub(r"(?:~|!)\d+$", "", key)
