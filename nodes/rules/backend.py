"""The backend without a model: each step is answered by its rules."""

from __future__ import annotations

from typing import cast

from ..llm.ask import A, Q, StepSpec, UsageTracker
from ..llm.sync_async import Computation
from ..steps import STEPS


class RuleBackend:
    """Answers from the words alone: no model, no network, the same answer every time."""

    def ask(self, step: StepSpec[Q, A], question: Q, tracker: UsageTracker) -> Computation[A]:
        """Never waits, costs nothing."""
        yield from ()
        return cast("A", STEPS[step.name].rules(question.snapshot, question))
