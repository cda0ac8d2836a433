"""Settings for the command line and LangGraph Studio, from the environment."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

from .stores.database_urls import is_database_url

if TYPE_CHECKING:
    from .graphs.research_options import ResearchOptions
    from .memory import Memory
    from .nodes.options import Effort, OnModelFailure

# This module imports no others at load than these: the command line reads it at each start.
_TIMEOUT_S = 120.0  # as `TIMEOUT_S` of `nodes.llm.ask`

MODEL_FIELDS = (
    *("memorizer_model", "researcher_model", "embeddings_base_url", "timeout_s", "prompts"),
    *("on_model_failure", "trace_content"),
)
"""Settings that are fields of `ModelOptions`."""


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
    def from_environment(cls, names: Collection[str] | None = None) -> Self:
        """From the variables JITMEM_…, of these fields only, empty ones ignored; `BadInput` names an invalid one."""
        wanted = cls.__slots__ if names is None else names
        variables = {name: f"JITMEM_{name.removesuffix('_s').upper()}" for name in wanted}
        given = {name: text for name in variables if (text := os.environ.get(variables[name], "").strip())}
        if not given:
            return cls()
        from .setting_values import read_setting

        return cls(**{name: read_setting(name, text, variables[name]) for name, text in given.items()})

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
            model_options=ModelOptions(**{name: getattr(self, name) for name in MODEL_FIELDS}),
            research_options=research_options,
        )


def memory_place(text: str) -> Path | str:
    """A path, or the URL of a database as it is: a path would lose a slash of it."""
    return text if is_database_url(text) else Path(text)
