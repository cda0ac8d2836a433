"""What a call of a model cost, as the state has it, and whether a budget has room for the next one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage

from .ask import Budget


def exceeds(budget: Budget, spent: Sequence[Mapping[str, Any]], prompt_tokens: int, remaining_s: float | None) -> bool:
    """Whether a call with such a prompt does not fit beside what was spent."""
    calls = sum(entry["calls"] for entry in spent)
    tokens = sum(entry["prompt_tokens"] + entry["completion_tokens"] for entry in spent)
    return (
        (budget.calls is not None and calls >= budget.calls)
        or (budget.tokens is not None and tokens + prompt_tokens > budget.tokens)
        or (remaining_s is not None and remaining_s <= 0)
    )


def usage_entry(
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
