"""Run one LLM step: choose its backend, keep the budget, and fall back to rules when a model fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..stores.errors import ModelError, ModelUnavailable
from .llm.ask import A, Backend, Q, StepSpec
from .llm.sync_async import Computation
from .llm.usage_tracker import Budget, BudgetExceeded, Emit, UsageTracker
from .options import BaseResearchOptions, OnModelFailure
from .states import ResearcherState

BUDGET, FAILURE = "budget", "failure"


@dataclass(frozen=True, slots=True)
class Backends:
    """The model of each step that has one, and the rules, which can answer every step."""

    by_step: Mapping[str, Backend]
    rules: Backend

    def has_model(self, step: str) -> bool:
        """Whether a model answers the step."""
        return self.by_step.get(step, self.rules) is not self.rules


@dataclass(frozen=True, slots=True)
class StepPolicy:
    """What a run allows. `required`: without this answer there is no result, so a failure is raised.

    `stop_reason` is why no model may be asked any more: `BUDGET`, or `FAILURE` of an earlier step; "" while one may.
    """

    on_failure: OnModelFailure
    required: bool
    by_rules: bool = False
    stop_reason: str = ""
    budget: Budget | None = None
    usage: Sequence[Mapping[str, Any]] = ()
    started: float | None = None


def research_policy(state: ResearcherState, options: BaseResearchOptions, *, required: bool) -> StepPolicy:
    """The policy of a step of the Researcher."""
    return StepPolicy(
        on_failure=options.on_model_failure,
        required=required,
        by_rules=options.effort == "recall",
        stop_reason=state["stop_reason"],
        budget=options.budget,
        usage=state["usage"],
        started=state["started"],
    )


def must_stop(stop_reason: str, options: BaseResearchOptions) -> bool:
    """Whether the run ends with what it has: no model may be asked, and rules may not go on alone."""
    return stop_reason == BUDGET or (stop_reason == FAILURE and options.on_model_failure == "raise")


def run_step(
    backends: Backends, step: StepSpec[Q, A], question: Q, policy: StepPolicy, emit: Emit
) -> Computation[tuple[A | None, dict[str, Any]]]:
    """The answer, and the changes of the state: `usage`, and after a failure `failures` and `stop_reason`.

    A failure is raised when the answer is required, unless rules are to answer then. When the budget is used up, rules
    give a required answer. Otherwise the answer is None.
    """
    if policy.by_rules or not backends.has_model(step.name):
        answer: A = yield from backends.rules.ask(step, question, UsageTracker())
        return answer, {}
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
            if policy.required and not rules_allowed:
                raise
            failures = [{"step": step.name, "error": type(error).__name__, "message": str(error)}]
            emit({"event": "failed", **failures[0]})
            # A model that cannot be reached is not tried again in this run; one bad reply says nothing of the next.
            stop_reason = "" if rules_allowed and not isinstance(error, ModelUnavailable) else FAILURE
            use_rules = rules_allowed
    changes: dict[str, Any] = {"usage": tracker.entries, "failures": failures, "stop_reason": stop_reason}
    if use_rules:
        answer = yield from backends.rules.ask(step, question, UsageTracker())
        return answer, changes
    return None, changes
