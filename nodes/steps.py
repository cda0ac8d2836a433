"""The registry of LLM steps: prompts, models, rules, estimates and records of rollouts are all looked up here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel

from .answer import ANSWER
from .curate import CURATE
from .integrate import CONCLUDE, INTEGRATE
from .llm.ask import StepSpec
from .memorize import MEMORIZE
from .plan import PLAN
from .reflect import REFLECT, ask_another_round

Role = Literal["memorizer", "researcher", "reader"]


@dataclass(frozen=True, slots=True)
class Step:
    """An LLM step. Its prompt is `llm/prompts/<name>.md`; its rules, which answer without a model, are the function
    `<name>(snapshot, question)` in `rules/<name>.py`.

    `role` says whose model answers it: the Memorizer's, or the Researcher's, which is also the reader of a finished
    context. `purpose` completes "This step …" for a model that improves prompts. A step that
    decides whether another round follows has `another_round`: it makes an answer ask for one, with this request,
    so that an estimate counts every round.
    """

    spec: StepSpec[Any, Any]
    role: Role
    purpose: str
    another_round: Callable[[Any, str], BaseModel] | None = None

    @property
    def name(self) -> str:
        """What prompts, models, usage and streamed events call it."""
        return self.spec.name

    @property
    def answer(self) -> type[BaseModel]:
        """The form of its answer."""
        return self.spec.answer


_ENTRIES = (
    Step(MEMORIZE, "memorizer", "writes the memo of a page, by which a reader decides whether to open it."),
    Step(CURATE, "memorizer", "draws memory items from a page by calls of memory tools."),
    Step(PLAN, "researcher", "says what a question needs, and which searches may find it."),
    Step(
        INTEGRATE,
        "researcher",
        "keeps a list of what is known about a question, from the passages that were found.",
    ),
    Step(
        CONCLUDE,
        "researcher",
        "keeps that list and decides whether it answers the question, in one.",
        ask_another_round,
    ),
    Step(
        REFLECT,
        "researcher",
        "decides whether what is known answers the question, and what to ask next.",
        ask_another_round,
    ),
    Step(ANSWER, "reader", "answers the question from the context that was found."),
)
STEPS: Mapping[str, Step] = {step.name: step for step in _ENTRIES}


def steps_of(*roles: Role) -> tuple[str, ...]:
    """The names of the steps of these roles, in the order of the registry."""
    return tuple(step.name for step in STEPS.values() if step.role in roles)
