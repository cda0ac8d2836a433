"""The registry of LLM steps: prompts, models, rules, estimates and records of rollouts are all looked up here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel

from ..stores.archive import Archive
from .answer import ANSWER
from .curate import CURATE
from .integrate import CONCLUDE, INTEGRATE
from .llm.ask import StepSpec
from .memorize import MEMORIZE
from .plan import PLAN
from .reflect import REFLECT, ask_another_round
from .rules.answer import answer
from .rules.conclude import conclude
from .rules.curate import curate
from .rules.integrate import integrate
from .rules.memorize import memorize
from .rules.plan import plan
from .rules.reflect import reflect

Role = Literal["memorizer", "researcher", "reader"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """An LLM step. Its prompt is `llm/prompts/<name>.md`.

    `role` says whose model answers it: the Memorizer's, or the Researcher's, which is also the reader of a finished
    context. `purpose` completes "This step …" for a model that improves prompts. `rules` answer without a model. A step
    that decides whether another round follows has `another_round`: it makes an answer ask for one, with this request,
    so that an estimate counts every round.
    """

    spec: StepSpec[Any, Any]
    role: Role
    purpose: str
    rules: Callable[[Archive, Any], BaseModel]
    another_round: Callable[[Any, str], BaseModel] | None = None

    @property
    def name(self) -> str:
        """What prompts, models, usage and streamed events call it."""
        return self.spec.name

    @property
    def question(self) -> type[Any]:
        """The type of its question."""
        return self.spec.question

    @property
    def answer(self) -> type[BaseModel]:
        """The form of its answer."""
        return self.spec.answer


_ENTRIES = (
    Step(
        spec=MEMORIZE,
        role="memorizer",
        purpose="writes the memo of a page, by which a reader decides whether to open it.",
        rules=memorize,
    ),
    Step(
        spec=CURATE,
        role="memorizer",
        purpose="draws memory items from a page by calls of memory tools.",
        rules=curate,
    ),
    Step(
        spec=PLAN,
        role="researcher",
        purpose="says what a question needs, and which searches may find it.",
        rules=plan,
    ),
    Step(
        spec=INTEGRATE,
        role="researcher",
        purpose="keeps a list of what is known about a question, from the passages that were found.",
        rules=integrate,
    ),
    Step(
        spec=CONCLUDE,
        role="researcher",
        purpose="keeps that list and decides whether it answers the question, in one.",
        rules=conclude,
        another_round=ask_another_round,
    ),
    Step(
        spec=REFLECT,
        role="researcher",
        purpose="decides whether what is known answers the question, and what to ask next.",
        rules=reflect,
        another_round=ask_another_round,
    ),
    Step(
        spec=ANSWER,
        role="reader",
        purpose="answers the question from the context that was found.",
        rules=answer,
    ),
)
STEPS: Mapping[str, Step] = {step.name: step for step in _ENTRIES}


def steps_of(*roles: Role) -> tuple[str, ...]:
    """The names of the steps of these roles, in the order of the registry."""
    return tuple(step.name for step in STEPS.values() if step.role in roles)
