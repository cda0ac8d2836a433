"""One turn of a step: who answers it, within which budget, and who answers instead when a model fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..stores.errors import ModelError, ModelUnavailable
from .ask import A, Answerer, Q, Task
from .meter import Budget, Meter, Tell, UsedUp
from .options import OnModelFailure, ResearchOptions
from .states import ResearcherState
from .step import Steps

BUDGET, FAILURE = "budget", "failure"


@dataclass(frozen=True, slots=True)
class Answerers:
    """Who answers each step, and the rules, which answer in place of anybody."""

    by_step: Mapping[str, Answerer]
    rules: Answerer

    def think(self, step: str) -> bool:
        """Whether a model answers the step."""
        return self.by_step.get(step, self.rules) is not self.rules


@dataclass(frozen=True, slots=True)
class Terms:
    """What a run allows. `vital`: without this answer there is no result, so a failure is raised.

    `halted` is why no model is to be asked any more: the budget is used up, or one failed earlier in the run.
    """

    on_failure: OnModelFailure
    vital: bool
    by_rules: bool = False
    halted: str = ""
    budget: Budget | None = None
    spent: Sequence[Mapping[str, Any]] = ()
    started: float | None = None


def in_research(state: ResearcherState, options: ResearchOptions, *, vital: bool) -> Terms:
    """The terms of a Researcher's step."""
    return Terms(
        on_failure=options.on_model_failure,
        vital=vital,
        by_rules=options.effort == "recall",
        halted=state["halted"],
        budget=options.budget,
        spent=state["usage"],
        started=state["started"],
    )


def over(halted: str, options: ResearchOptions) -> bool:
    """Whether the run ends with what it has: no model may be asked, and rules are not to go on alone."""
    return halted == BUDGET or (halted == FAILURE and options.on_model_failure == "raise")


def turn(
    answerers: Answerers, task: Task[Q, A], question: Q, terms: Terms, tell: Tell
) -> Steps[tuple[A | None, dict[str, Any]]]:
    """The answer, and what changes in the state: `usage`, and where it went wrong `failures` and `halted`.

    A failure is raised when the answer is vital, unless rules are to answer then. When the budget is used up, rules
    give a vital answer. Otherwise the answer is None.
    """
    if terms.by_rules or not answerers.think(task.name):
        answer: A = yield from answerers.rules.ask(task, question, Meter())
        return answer, {}
    meter = Meter(terms.budget, terms.spent, terms.started, tell)
    by_rules = terms.on_failure == "rules"
    halted, failures = terms.halted, []
    instead = terms.vital if halted == BUDGET else by_rules
    if not halted:
        try:
            answer = yield from answerers.by_step[task.name].ask(task, question, meter)
            return answer, {"usage": meter.entries}
        except UsedUp:
            halted, instead = BUDGET, terms.vital
        except ModelError as error:
            if terms.vital and not by_rules:
                raise
            failures = [{"step": task.name, "error": type(error).__name__, "message": str(error)}]
            tell({"event": "failed", **failures[0]})
            # A model that cannot be reached is not tried again in this run; one bad reply says nothing of the next.
            halted = "" if by_rules and not isinstance(error, ModelUnavailable) else FAILURE
            instead = by_rules
    changes: dict[str, Any] = {"usage": meter.entries, "failures": failures, "halted": halted}
    if instead:
        answer = yield from answerers.rules.ask(task, question, Meter())
        return answer, changes
    return None, changes
