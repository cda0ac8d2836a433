"""What a call of a model cost, as the state has it, and whether a budget has room for the next one."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage

from .ask import Budget, BudgetExceeded, Emit


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
        if _exceeds(self._budget, [*self._before, *self.entries], prompt_tokens, self.remaining_s()):
            raise BudgetExceeded

    def remaining_s(self) -> float | None:
        """Seconds until the budget's end; None without a limit."""
        return self._budget.remaining_s(self._started)

    def add(
        self,
        step: str,
        model: str,
        seconds: float,
        prompt_tokens: int,
        reply: AIMessage | None,
        form: str = "",
        *,
        number: int = 1,
    ) -> None:
        """A call that was answered; with `reply=None` one that failed, and is a retry of the call that follows. `form` is
        the output format that was asked for; `number` is 1 for the first reply to
        the question, 2 for a repair."""
        self.entries.append(_usage_entry(step, model, seconds, prompt_tokens, reply, form, number))


def _exceeds(budget: Budget, spent: Sequence[Mapping[str, Any]], prompt_tokens: int, remaining_s: float | None) -> bool:
    """Whether a call with such a prompt does not fit beside what was spent."""
    calls = sum(entry["calls"] for entry in spent)
    tokens = sum(entry["prompt_tokens"] + entry["completion_tokens"] for entry in spent)
    return (
        (budget.calls is not None and calls >= budget.calls)
        or (budget.tokens is not None and tokens + prompt_tokens > budget.tokens)
        or (remaining_s is not None and remaining_s <= 0)
    )


def _usage_entry(
    step: str, model: str, seconds: float, prompt_tokens: int, reply: AIMessage | None, form: str, number: int
) -> dict[str, Any]:
    """As `UsageTracker.add` takes it."""
    entry: dict[str, Any] = {
        "step": step,
        "model": model,
        "calls": 0 if reply is None else 1,
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "seconds": seconds,
        "retries": 1 if reply is None else 0,
        "form": form,
        "reply": number,
    }
    if reply is not None and reply.usage_metadata:
        entry["prompt_tokens"] = reply.usage_metadata["input_tokens"]
        entry["completion_tokens"] = reply.usage_metadata["output_tokens"]
        if (cached := reply.usage_metadata.get("input_token_details", {}).get("cache_read")) is not None:
            entry["cached_tokens"] = cached
    elif reply is not None:
        from .prompt import count_tokens

        entry |= {"prompt_tokens": prompt_tokens, "completion_tokens": count_tokens([reply]), "estimated": True}
    return entry
