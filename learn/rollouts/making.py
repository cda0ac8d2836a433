"""How rollouts are made: who thinks, how questions are read, and what counts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from ...evals.scores import MEANING
from ...evals.systems.open import named
from ...graphs.options import ResearchOptions
from ...memory_options import ModelOptions
from ...models import TIMEOUT_S, chat_model
from ...nodes.options import Effort, MemorizeOptions, changed
from ...stores.errors import BadInput
from ...wording import read_words
from ..rewards import PRESETS

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings
    from langchain_core.language_models import BaseChatModel

    Model = str | BaseChatModel

Reading = Literal["research", "memory"]
READINGS: tuple[Reading, ...] = get_args(Reading)
_MODELS = ("model", "memorizer_model", "researcher_model", "embeddings", "reader", "judge")
_PLAIN = ("effort", "depth", "context_tokens", "page_tokens", "reading", "rewards", "temperature", "seed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """`model`, `memorizer_model`, `researcher_model`, `step_models`, `embeddings` and `prompts` are as for
    `Memory.open`; without a model rules answer, and there are no steps. What is None is left as the memory has it.

    `reading` is where answers come from: "research" is the Researcher over pages and items; "memory" the items alone,
    the core paragraph and the 20 that share most with the question (BM25), as in Mem-α. `reader` answers from what was
    found: a frozen model, whose requests are not recorded. Without it the `answer` step does, by the Researcher's model
    or by rules. `judge` says whether an answer is right, for the metric "judge".

    `metrics` are those of `jitmem eval`; the mean of them is what an answer is worth. `rewards` names a preset of
    `jitmem.learn.rewards`, or is None for none. `temperature` is set on the models that think, where they know the
    word; the seed of a task's n-th run is `seed + n`, and is set likewise.
    """

    model: Model | None = None
    memorizer_model: Model | None = None
    researcher_model: Model | None = None
    step_models: Mapping[str, Model] | None = None
    embeddings: str | Embeddings | None = None
    reader: Model | None = None
    judge: Model | None = None
    prompts: str | os.PathLike[str] | Mapping[str, str] | None = None
    effort: Effort | None = None
    depth: int | None = None
    context_tokens: int | None = None
    page_tokens: int | None = None
    reading: Reading = "research"
    metrics: tuple[str, ...] = ("f1",)
    rewards: str | None = "default"
    temperature: float | None = None
    seed: int = 0
    base_url: str | None = None
    timeout_s: float = TIMEOUT_S

    def __post_init__(self) -> None:
        if self.reading not in READINGS:
            raise BadInput(f"There is no reading {self.reading!r}; there are: {', '.join(READINGS)}.")
        if self.rewards is not None and self.rewards not in PRESETS:
            raise BadInput(f"There are no rewards {self.rewards!r}; there are: {', '.join(PRESETS)}.")
        if unknown := [metric for metric in self.metrics if metric not in MEANING]:
            raise BadInput(f"There is no metric {unknown[0]!r}; there are: {', '.join(MEANING)}.")
        changed(MemorizeOptions(), {"page_tokens": self.page_tokens})
        self.asking()
        if "judge" in self.metrics and self.judge is None:
            raise BadInput("The metric 'judge' needs a judge; name a model for it.")

    @property
    def thinks(self) -> bool:
        """Whether a model is asked at all, so that several runs at once pay."""
        return bool(self.step_models) or any(
            getattr(self, name) is not None for name in _MODELS if name != "embeddings"
        )

    def opening(self, seed: int) -> dict[str, Any]:
        """For `Memory.open`, in the run with this seed."""
        steps = {step: self._sampling(model, seed) for step, model in (self.step_models or {}).items()}
        return {
            "model": self._sampling(self.model, seed),
            "embeddings": self.embeddings,
            "base_url": self.base_url,
            "model_options": ModelOptions(
                memorizer_model=self._sampling(self.memorizer_model, seed),
                researcher_model=self._sampling(self.researcher_model, seed),
                step_models={step: one for step, one in steps.items() if one is not None},
                timeout_s=self.timeout_s,
                prompts=self.prompts,
            ),
            "memorize_options": changed(MemorizeOptions(), {"page_tokens": self.page_tokens}),
        }

    def asking(self) -> ResearchOptions:
        """How the Researcher is asked."""
        given = {"effort": self.effort, "depth": self.depth, "context_tokens": self.context_tokens}
        return changed(ResearchOptions(), {**given, "answer": self.reader is None})

    def chat(self, model: Model) -> BaseChatModel:
        """A reader or a judge."""
        return chat_model(model, base_url=self.base_url, timeout_s=self.timeout_s)

    def plain(self) -> dict[str, Any]:
        """What makes the same rollouts, for JSON: models by their names, prompts word for word."""
        models = {name: named(getattr(self, name)) for name in _MODELS if getattr(self, name) is not None}
        return {
            **models,
            **(
                {"step_models": {step: named(one) for step, one in self.step_models.items()}}
                if self.step_models
                else {}
            ),
            **{name: getattr(self, name) for name in _PLAIN},
            "metrics": list(self.metrics),
            "prompts": read_words(self.prompts),
        }

    def _sampling(self, model: Model | None, seed: int) -> BaseChatModel | None:
        """The model in the run with this seed; a copy shares the connections."""
        if model is None:
            return None
        made = self.chat(model)
        known = type(made).model_fields
        wanted = {"temperature": self.temperature, "seed": seed if self.temperature else None}
        changes = {name: value for name, value in wanted.items() if value is not None and name in known}
        return made.model_copy(update=changes) if changes else made
