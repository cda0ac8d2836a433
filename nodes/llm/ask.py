"""An LLM step: its typed question and answer, its budget, and who may answer it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from .sync_async import Computation

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from ...stores.index.snapshot import Snapshot
    from .usage import UsageTracker

Emit = Callable[[Mapping[str, Any]], None]


class Budget(BaseModel):
    """The most that one question may cost; what is not set has no limit.

    `calls` and `tokens` (prompt and completion) are checked before every call, the prompt's tokens estimated at a
    quarter of its characters; a reply may exceed it. `seconds` count from the question; a running call is ended.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    calls: int | None = Field(default=None, ge=0, description="Model calls, at most.")
    tokens: int | None = Field(default=None, ge=0, description="Prompt and completion tokens together, at most.")
    seconds: float | None = Field(default=None, gt=0, description="Seconds from the question to the context, at most.")

    def remaining_s(self, started: float) -> float | None:
        """Seconds until its end, of what began at that time; None without a limit."""
        return None if self.seconds is None else started + self.seconds - time.time()


class BudgetExceeded(Exception):
    """The next call does not fit into the budget. Never leaves the nodes."""


class StepQuestion(Protocol):
    """The typed question of a step; `snapshot` is what the step reads."""

    @property
    def snapshot(self) -> Snapshot: ...

    def prompt_values(self, share: float) -> Mapping[str, str]:
        """The value of every place in the step's prompt, history cut to this share (0 to 1) of its usual budget."""


Q = TypeVar("Q", bound=StepQuestion)
A = TypeVar("A", bound=BaseModel)

TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True)
class StepSpec(Generic[Q, A]):
    """What a step asks: its name, the type of its question and the form of its answer.

    With `tools` (in OpenAI's form) the answer is made of tool calls, as `{"calls": [{"name", "args"}]}`. A node that
    asks for each page of a session gives its question a `part`, the page's number, which goes into the call's metadata.
    `check(question, answer)` returns "" or one sentence that says what is wrong with the answer; the model is shown it
    once, and a second answer that is wrong is a `ModelReplyError`.
    """

    name: str
    question: type[Q]
    answer: type[A]
    tools: tuple[Mapping[str, Any], ...] = ()
    check: Callable[[Q, A], str] | None = None


class Backend(Protocol):
    """Answers a step: a model, rules, or an estimate."""

    share: float
    """How much of the usual history its prompts show, from 0 to 1."""

    def ask(self, step: StepSpec[Q, A], question: Q, tracker: UsageTracker) -> Computation[A]:
        """The answer, or a `ModelError`, or `BudgetExceeded`. The cost goes to the tracker, also after a failure."""


def name_of(model: BaseChatModel) -> str:
    """What the provider calls the model; its class where it has no name."""
    return str(getattr(model, "model_name", None) or getattr(model, "model", None) or type(model).__name__)
