"""Ask a model for a step within the budget, with rules where it fails."""

from __future__ import annotations

from typing import Any

from ..stores.errors import ModelError, ModelUnavailable
from .llm.ask import A, BudgetExceeded, Emit, Q, StepSpec
from .llm.sync_async import Computation
from .llm.usage import UsageTracker
from .run_step import BUDGET, FAILURE, Backends, StepPolicy


def run_model_step(
    backends: Backends, step: StepSpec[Q, A], question: Q, policy: StepPolicy, emit: Emit
) -> Computation[tuple[A | None, dict[str, Any]]]:
    """As `run_step` has it, of a step that has a model."""
    tracker = UsageTracker(policy.budget, policy.usage, policy.started, emit)
    rules_allowed = policy.on_failure == "rules"
    stop_reason, failures = policy.stop_reason, []
    use_rules = policy.required if stop_reason == BUDGET else rules_allowed
    if not stop_reason:
        try:
            answer = yield from backends.by_step[step.name].ask(step, question, tracker)
            return answer, {"usage": tracker.entries}
        except BudgetExceeded:
            stop_reason, use_rules = BUDGET, policy.required
        except ModelError as error:
            rules_allowed |= policy.on_failure == "wait" and not isinstance(error, ModelUnavailable)
            if policy.required and not rules_allowed:
                raise
            failures = [{"step": step.name, "error": type(error).__name__, "message": str(error)}]
            emit({"event": "failed", **failures[0]})
            # A model that cannot be reached is not tried again in this run; one bad reply says nothing of the next.
            stop_reason = "" if rules_allowed and not isinstance(error, ModelUnavailable) else FAILURE
            use_rules = rules_allowed
    changes: dict[str, Any] = {"usage": tracker.entries, "failures": failures, "stop_reason": stop_reason}
    return (yield from backends.rules.ask(step, question)) if use_rules else None, changes
