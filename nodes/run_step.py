"""Run one step: over one snapshot, by its backend, within the budget, with rules as the fallback for a model."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from ..stores.errors import RecordGone
from ..stores.index.snapshot import NamespaceStore, Snapshot
from .llm.ask import A, Backend, Budget, Emit, Q, StepSpec
from .llm.sync_async import Computation, NodeBody
from .options import BaseResearchOptions, OnFilingFailure
from .states import ResearcherState

if TYPE_CHECKING:
    from langgraph.runtime import Runtime

    from .llm.usage import UsageTracker

BUDGET, FAILURE = "budget", "failure"


@dataclass(frozen=True, slots=True)
class Backends:
    """The model of each step that has one, and the rules, which can answer every step."""

    by_step: Mapping[str, Backend]
    rules: RuleBackend

    def has_model(self, step: str) -> bool:
        """Whether a model answers the step."""
        return self.by_step.get(step, self.rules) is not self.rules

    def share(self, step: str) -> float:
        """How much of the usual history the step's prompts show, from 0 to 1."""
        return self.by_step.get(step, self.rules).share


class RuleBackend:
    """Answers a step from the words alone, by the function of its name in the file of its name in `rules/`: no model, no
    network, the same answer every time."""

    share = 1.0

    def ask(self, step: StepSpec[Q, A], question: Q, tracker: UsageTracker | None = None) -> Computation[A]:
        """Never waits, costs nothing."""
        yield from ()
        rules = getattr(import_module(f".rules.{step.name}", __package__), step.name)
        return cast("A", rules(question.snapshot, question))


@dataclass(frozen=True, slots=True)
class StepPolicy:
    """What a run allows. `required`: without this answer there is no result, so a failure is raised.

    `stop_reason` is why no model may be asked any more: `BUDGET`, or `FAILURE` of an earlier step; "" while one may.
    """

    on_failure: OnFilingFailure
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
    """Whether the run ends with what it has: no model may be asked, and rules may not continue alone."""
    return stop_reason == BUDGET or (stop_reason == FAILURE and options.on_model_failure == "raise")


def run_step(
    backends: Backends, step: StepSpec[Q, A], question: Q, policy: StepPolicy, emit: Emit
) -> Computation[tuple[A | None, dict[str, Any]]]:
    """The answer, and the changes of the state: `usage`, and after a failure `failures` and `stop_reason`.

    A failure is raised when the answer is required, unless rules are to answer then. When the budget is used up, rules
    give a required answer. Otherwise the answer is None.
    """
    if policy.by_rules or not backends.has_model(step.name):
        return (yield from backends.rules.ask(step, question)), {}
    from .model_step import run_model_step

    return (yield from run_model_step(backends, step, question, policy, emit))


SnapshotBody = Callable[[ResearcherState, "Runtime[Any]", Snapshot], Computation[dict[str, Any]] | dict[str, Any]]


SNAPSHOT_AGE_S = 0.1
"""A step of a run may see what the step before it saw, unless this process has written meanwhile."""


def with_snapshot(archive: NamespaceStore, body: SnapshotBody, *, starts: bool = False) -> NodeBody:
    """The step over one snapshot, of when it starts; repeated over a new one if a record has been deleted meanwhile.

    `starts`: it begins a round, and looks again, so what was filed before the question is found.
    """

    def node(state: ResearcherState, runtime: Runtime[Any]) -> Computation[dict[str, Any]]:
        while True:
            try:
                result = body(state, runtime, archive.snapshot(0.0 if starts else SNAPSHOT_AGE_S))
                return (yield from result) if isinstance(result, Generator) else result
            except RecordGone:
                from .gone_records import without_gone

                state = without_gone(archive.snapshot(), state)

    return node
