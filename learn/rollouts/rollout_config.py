"""How rollouts are made: models, reading and metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

from ...evals.scores import METRICS
from ...evals.systems.setups import EvalModels, model_label
from ...graphs.research_options import ResearchOptions
from ...nodes.options import Effort, MemorizeOptions, with_changes
from ...prompt_overrides import read_overrides
from ...stores.errors import BadInput
from ..rewards import PRESETS

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

Reading = Literal["research", "memory"]
READINGS: tuple[Reading, ...] = get_args(Reading)
_PLAIN = ("effort", "depth", "context_tokens", "page_tokens", "reading", "rewards", "temperature", "seed")


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutConfig(EvalModels):
    """The models are those of an evaluation, and `step_models` as for `Memory.open`; without a model rules answer, and
    there are no steps. None leaves the memory's default.

    `reading` is the source of answers: "research" is the Researcher over pages and items; "memory" the items alone, the
    core paragraph and the 20 that share most with the question (BM25), as in Mem-α. `reader` answers from the context:
    a frozen model, whose requests are not recorded. Without it the `answer` step does, by the Researcher's model or by
    rules. `judge` says whether an answer is right, for the metric "judge".

    `metrics` are those of `jitmem eval`; an answer's score is their mean. `rewards` names a preset of
    `jitmem.learn.rewards`, or is None. `temperature` is set on the models of the graphs, where they have such a field;
    the seed of a task's n-th run is `seed + n`, and is set likewise.
    """

    step_models: Mapping[str, str | BaseChatModel] | None = None
    effort: Effort | None = None
    depth: int | None = None
    context_tokens: int | None = None
    page_tokens: int | None = None
    reading: Reading = "research"
    metrics: tuple[str, ...] = ("f1",)
    rewards: str | None = "default"
    temperature: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.reading not in READINGS:
            raise BadInput(f"There is no reading {self.reading!r}; there are: {', '.join(READINGS)}.")
        if self.rewards is not None and self.rewards not in PRESETS:
            raise BadInput(f"There are no rewards {self.rewards!r}; there are: {', '.join(PRESETS)}.")
        if unknown := [metric for metric in self.metrics if metric not in METRICS]:
            raise BadInput(f"There is no metric {unknown[0]!r}; there are: {', '.join(METRICS)}.")
        with_changes(MemorizeOptions(), {"page_tokens": self.page_tokens})
        self.research_options()
        if "judge" in self.metrics and self.judge is None:
            raise BadInput("The metric 'judge' needs a judge; name a model for it.")

    @property
    def uses_models(self) -> bool:
        """Whether a model is asked at all, so that several runs at once are faster."""
        return bool(self.step_models) or self.memorizer_model is not None or self.calls_models

    def run_arguments(self, seed: int) -> dict[str, Any]:
        """For `Memory.open`, in the run with this seed."""
        roles = {name: getattr(self, name) for name in ("model", "memorizer_model", "researcher_model")}
        seeded: dict[str, Any] = {
            name: self._sampling_model(model, seed) for name, model in roles.items() if model is not None
        }
        steps = {step: self._sampling_model(model, seed) for step, model in (self.step_models or {}).items()}
        options = with_changes(MemorizeOptions(), {"page_tokens": self.page_tokens})
        return {**replace(self, **seeded).memory_arguments(steps), "memorize_options": options}

    def research_options(self) -> ResearchOptions:
        given = {"effort": self.effort, "depth": self.depth, "context_tokens": self.context_tokens}
        return with_changes(ResearchOptions(), {**given, "answer": self.reader is None})

    def as_dict(self) -> dict[str, Any]:
        """What determines the rollouts, for JSON: models by name, prompts verbatim."""
        steps = {step: model_label(one) for step, one in (self.step_models or {}).items()}
        return {
            **self.names(),
            **({"step_models": steps} if steps else {}),
            **{name: getattr(self, name) for name in _PLAIN},
            "metrics": list(self.metrics),
            "prompts": read_overrides(self.prompts),
        }

    def _sampling_model(self, model: str | BaseChatModel, seed: int) -> BaseChatModel:
        """The model with this seed; a copy shares the connections."""
        chat = self.chat_model(model)
        fields = type(chat).model_fields
        values = {"temperature": self.temperature, "seed": seed if self.temperature else None}
        changes = {name: value for name, value in values.items() if value is not None and name in fields}
        return chat.model_copy(update=changes) if changes else chat
