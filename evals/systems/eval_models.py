"""What a system is opened with: a folder of its own, and its models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...models import embedding_model
from ...stores.analyzer import HashedEmbeddings

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings
    from langchain_core.language_models import BaseChatModel


OWN_ANSWER = "itself"
"""The reader's name where a system answers by itself, as `research(answer=True)` does."""


@dataclass(frozen=True, slots=True)
class EvalModels:
    """Names such as `openai:gpt-4.1-mini`, or model objects. `reader` answers from a context, `judge` says whether an
    answer is right; without them there are no answers or verdicts. `prompts` as for `Memory.open`."""

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
    def has_reader(self) -> bool:
        """Whether a model reads the contexts; `OWN_ANSWER` is none."""
        return self.reader is not None and self.reader != OWN_ANSWER

    @property
    def calls_models(self) -> bool:
        """Whether questions wait for a model, so that several at once are faster."""
        return self.has_reader or any(one is not None for one in (self.model, self.researcher_model, self.judge))

    def names(self) -> dict[str, Any]:
        """Model names by role, for a report."""
        kept = ("model", "memorizer_model", "researcher_model", "embeddings", "reader", "judge")
        return {name: model_label(getattr(self, name)) for name in kept if getattr(self, name) is not None}

    def open_embeddings(self) -> Embeddings:
        """The named ones, else jitmem's hashed ones."""
        if self.embeddings is None:
            return HashedEmbeddings()
        return embedding_model(self.embeddings, base_url=self.base_url, timeout_s=self.timeout_s)

    def memory_arguments(self) -> Mapping[str, Any]:
        kept = ("model", "memorizer_model", "researcher_model", "embeddings", "base_url", "timeout_s", "prompts")
        return {name: getattr(self, name) for name in kept if getattr(self, name) is not None}


@dataclass(frozen=True, slots=True)
class SystemContext:
    """`folder` is empty, or holds what a stopped run of the same setup left there."""

    folder: Path
    models: EvalModels


def model_label(model: Any) -> str:
    """`openai:gpt-4.1-mini`, or the name of a model object."""
    if isinstance(model, str):
        return model
    for name in ("model_name", "model"):
        if isinstance(found := getattr(model, name, None), str):
            return f"{type(model).__name__}:{found}"
    return type(model).__name__
