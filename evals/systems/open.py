"""What a system is opened with: a folder of its own, and the models that it may ask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...memory_options import ModelOptions

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings
    from langchain_core.language_models import BaseChatModel


ITSELF = "itself"
"""The reader's name where a system answers by itself, as `research(answer=True)` does."""


@dataclass(frozen=True, slots=True)
class Models:
    """Who thinks: names such as `openai:gpt-4.1-mini`, or models. `reader` answers from a context, `judge` says
    whether an answer is right; without them there are neither answers nor judgements. `prompts` as for `Memory.open`."""

    model: str | BaseChatModel | None = None
    memorizer_model: str | BaseChatModel | None = None
    researcher_model: str | BaseChatModel | None = None
    embeddings: str | Embeddings | None = None
    reader: str | BaseChatModel | None = None
    judge: str | BaseChatModel | None = None
    base_url: str | None = None
    timeout_s: float = 120.0
    prompts: str | Path | Mapping[str, str] | None = None

    @property
    def reads(self) -> bool:
        """Whether a model reads the contexts; `ITSELF` is none."""
        return self.reader is not None and self.reader != ITSELF

    @property
    def wait(self) -> bool:
        """Whether any question waits for a model elsewhere, so that several are better asked at once."""
        return self.reads or any(one is not None for one in (self.model, self.researcher_model, self.judge))

    def names(self) -> dict[str, Any]:
        """For a report: who thinks, by name."""
        kept = ("model", "memorizer_model", "researcher_model", "embeddings", "reader", "judge")
        return {name: named(getattr(self, name)) for name in kept if getattr(self, name) is not None}

    def memory(self, step_models: Mapping[str, BaseChatModel] | None = None) -> Mapping[str, Any]:
        """For `Memory.open`."""
        options = ModelOptions(
            memorizer_model=self.memorizer_model,
            researcher_model=self.researcher_model,
            step_models=step_models,
            timeout_s=self.timeout_s,
            prompts=self.prompts,
        )
        named = {"model": self.model, "embeddings": self.embeddings, "base_url": self.base_url}
        return {**named, "model_options": options}


@dataclass(frozen=True, slots=True)
class Opening:
    """`folder` is empty, or holds what a stopped run of the same setup has left there."""

    folder: Path
    models: Models


def named(model: Any) -> str:
    """`openai:gpt-4.1-mini`, or the name that a model object goes by."""
    if isinstance(model, str):
        return model
    for name in ("model_name", "model"):
        if isinstance(found := getattr(model, name, None), str):
            return f"{type(model).__name__}:{found}"
    return type(model).__name__
