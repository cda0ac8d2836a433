"""Settings for the command line and LangGraph Studio, from the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Self, cast

from .stores.database_urls import is_database_url
from .stores.errors import BadInput

if TYPE_CHECKING:
    from .graphs.research_options import ResearchOptions
    from .memory import Memory
    from .nodes.options import Effort, OnModelFailure

# This module imports no others at load than these: the command line reads it at each start.
_TIMEOUT_S = 120.0  # as `TIMEOUT_S` of `nodes.llm.ask`


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Memory, models, and how they are called; None for the default of `Memory.open`."""

    memory: Path | str = field(default=Path("memory"), repr=False)  # a folder, or a URL, which may hold a password
    namespace: str = "default"
    model: str | None = None
    memorizer_model: str | None = None
    researcher_model: str | None = None
    embeddings: str | None = None
    base_url: str | None = field(default=None, repr=False)  # may hold a password
    embeddings_base_url: str | None = field(default=None, repr=False)
    timeout_s: float = _TIMEOUT_S
    prompts: Path | None = None
    on_model_failure: OnModelFailure | None = None
    effort: Effort = "deep"
    trace_content: bool = False

    @classmethod
    def from_environment(cls) -> Self:
        """From the variables JITMEM_…, empty ones ignored; `BadInput` names an invalid one."""
        return cls(
            memory=memory_place(_text("JITMEM_MEMORY") or "memory"),
            namespace=_text("JITMEM_NAMESPACE") or "default",
            model=_model("JITMEM_MODEL", "openai:gpt-4.1-mini"),
            memorizer_model=_model("JITMEM_MEMORIZER_MODEL", "openai:gpt-4.1-nano"),
            researcher_model=_model("JITMEM_RESEARCHER_MODEL", "openai:gpt-4.1-mini"),
            embeddings=_model("JITMEM_EMBEDDINGS", "openai:text-embedding-3-small", "minilm", "multilingual"),
            base_url=_url("JITMEM_BASE_URL"),
            embeddings_base_url=_url("JITMEM_EMBEDDINGS_BASE_URL"),
            timeout_s=_seconds("JITMEM_TIMEOUT", _TIMEOUT_S),
            prompts=Path(prompts) if (prompts := _text("JITMEM_PROMPTS")) else None,
            on_model_failure=cast(
                "OnModelFailure | None",
                _text("JITMEM_ON_MODEL_FAILURE") and _one_of("JITMEM_ON_MODEL_FAILURE", "raise", "rules"),
            ),
            effort=cast("Effort", _one_of("JITMEM_EFFORT", "deep", "fast", "recall")),
            trace_content=_one_of("JITMEM_TRACE_CONTENT", "no", "yes") == "yes",
        )

    def open_memory(self, *, create: bool = True, research_options: ResearchOptions | None = None) -> Memory:
        from .memory import Memory
        from .memory_options import ModelOptions

        return Memory.open(
            self.memory,
            self.namespace,
            model=self.model,
            embeddings=self.embeddings,
            base_url=self.base_url,
            create=create,
            model_options=ModelOptions(
                memorizer_model=self.memorizer_model,
                researcher_model=self.researcher_model,
                embeddings_base_url=self.embeddings_base_url,
                timeout_s=self.timeout_s,
                prompts=self.prompts,
                on_model_failure=self.on_model_failure,
                trace_content=self.trace_content,
            ),
            research_options=research_options,
        )


def memory_place(text: str) -> Path | str:
    """A path, or the URL of a database as it is: a path would lose a slash of it."""
    return text if is_database_url(text) else Path(text)


def _text(variable: str) -> str | None:
    return os.environ.get(variable, "").strip() or None


def _model(variable: str, example: str, *in_process: str) -> str | None:
    if (name := _text(variable)) and name not in in_process:
        from .models import provider_and_name

        try:
            provider_and_name(name, example)
        except BadInput as error:
            raise BadInput(f"{variable}: {error}") from error
    return name


def _url(variable: str) -> str | None:
    if url := _text(variable):
        from .models import validate_url

        return validate_url(url, variable)
    return None


def _seconds(variable: str, default: float) -> float:
    text = _text(variable)
    try:
        seconds = default if text is None else float(text)
    except ValueError:
        seconds = 0.0
    if not (isfinite(seconds) and seconds > 0):
        raise BadInput(f"{variable} must be a number of seconds above 0, such as 120, not {text!r}.")
    return seconds


def _one_of(variable: str, default: str, *others: str) -> str:
    text = _text(variable) or default
    if text not in (default, *others):
        raise BadInput(f"{variable} must be one of {', '.join(sorted((default, *others)))}, not {text!r}.")
    return text
