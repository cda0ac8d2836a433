"""The budget of a run, and what its model calls have used."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage
from pydantic import BaseModel, ConfigDict, Field

CHARS_PER_TOKEN = 4  # as count_tokens_approximately counts
_PER_MESSAGE = 3

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


class BudgetExceeded(Exception):
    """The next call does not fit into the budget. Never leaves the nodes."""


class UsageTracker:
    """Of one step: `entries` is what it used, for the state's `usage`; `before` is what the run had used until then."""

    def __init__(
        self,
        budget: Budget | None = None,
        before: Sequence[Mapping[str, Any]] = (),
        started: float | None = None,
        emit: Emit = lambda event: None,
    ) -> None:
        self.entries: list[dict[str, Any]] = []
        self.emit = emit
        self._budget = budget or Budget()
        self._before = before
        self._started = time.time() if started is None else started

    def check_budget(self, prompt_tokens: int) -> None:
        """Before a call: `BudgetExceeded` where it does not fit."""
        spent = [*self._before, *self.entries]
        calls = sum(entry["calls"] for entry in spent)
        tokens = sum(entry["prompt_tokens"] + entry["completion_tokens"] for entry in spent)
        budget = self._budget
        if budget.calls is not None and calls >= budget.calls:
            raise BudgetExceeded
        if budget.tokens is not None and tokens + prompt_tokens > budget.tokens:
            raise BudgetExceeded
        if (remaining := self.remaining_s()) is not None and remaining <= 0:
            raise BudgetExceeded

    def remaining_s(self) -> float | None:
        """Seconds until the budget's end; None without a limit."""
        return None if self._budget.seconds is None else self._started + self._budget.seconds - time.time()

    def add(self, step: str, model: str, seconds: float, prompt_tokens: int, reply: AIMessage | None) -> None:
        """A call that was answered; with `reply=None` one that failed, and is a retry of the call that follows."""
        entry: dict[str, Any] = {
            "step": step,
            "model": model,
            "calls": 0 if reply is None else 1,
            "prompt_tokens": 0,
            "completion_tokens": 0,
            "seconds": seconds,
            "retries": 1 if reply is None else 0,
        }
        if reply is not None and reply.usage_metadata:
            entry["prompt_tokens"] = reply.usage_metadata["input_tokens"]
            entry["completion_tokens"] = reply.usage_metadata["output_tokens"]
        elif reply is not None:
            entry |= {"prompt_tokens": prompt_tokens, "completion_tokens": count_tokens([reply]), "estimated": True}
        self.entries.append(entry)


def count_tokens(messages: Sequence[BaseMessage]) -> int:
    """About how many tokens messages are."""
    return sum(len(str(message.text)) // CHARS_PER_TOKEN + _PER_MESSAGE for message in messages)
