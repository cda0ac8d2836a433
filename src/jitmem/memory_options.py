"""`ModelOptions` and `ItemOptions`, option objects of `Memory.open`."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from .nodes.llm.ask import TIMEOUT_S
from .stores.errors import BadInput
from .stores.records import KINDS
from .tools.editor import Guard, Mode, validate_kinds
from .tools.memory_specs import CORE_TOKENS

if TYPE_CHECKING:
    from langchain_core.documents import BaseDocumentCompressor
    from langchain_core.embeddings import Embeddings
    from langchain_core.language_models import BaseChatModel

    from .nodes.embedder import Embedder
    from .nodes.llm.ask import Backend
    from .nodes.options import OnModelFailure


Profile = Literal["small", "large"]
PROFILES: Mapping[Profile, float] = {"small": 0.4, "large": 1.0}
"""By profile, the share of the usual history in a prompt."""
_SIZE = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)b(?![a-z0-9])", re.I)
_SMALL = 4  # billion parameters


def profile_of(model: str) -> Profile:
    """By the size that a model's name tells: `qwen2.5:1.5b` is small, a name without a size is large."""
    sizes = [float(size) for size in _SIZE.findall(model)]
    return "small" if sizes and min(sizes) <= _SMALL else "large"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOptions:
    """Which model answers which step, and how it is called.

    The Memorizer and the Researcher may have a model of their own, and so may a step: `step_models={"reflect": …}`, of
    memorize, curate, plan, integrate, conclude, reflect and answer. `embeddings_base_url` is where embeddings are
    served, if not at `base_url`. A model call ends within `timeout_s`, retries included. `prompts` replaces built-in
    prompts: a mapping by step, or a file as `jitmem learn prompts` writes it. `on_model_failure` applies after the last
    retry: "raise" an error, or let the "rules" answer; None leaves it to `MemorizeOptions` and `ResearchOptions`. `reranker`, a LangChain document compressor, reorders the best hits of a
    round and of `recall`. `profile` says for which size of model prompts are made: "small" shows it less of the history
    at a time; None goes by the model's name ("small" where it tells at most four billion parameters, as qwen2.5:1.5b).
    """

    memorizer_model: str | BaseChatModel | None = None
    researcher_model: str | BaseChatModel | None = None
    step_models: Mapping[str, str | BaseChatModel] | None = None
    embeddings_base_url: str | None = field(default=None, repr=False)  # may hold a password
    timeout_s: float = TIMEOUT_S
    prompts: str | os.PathLike[str] | Mapping[str, str] | None = None
    on_model_failure: OnModelFailure | None = None
    reranker: BaseDocumentCompressor | None = None
    profile: Profile | None = None

    def __post_init__(self) -> None:
        if self.profile not in (None, *PROFILES):
            raise BadInput(f"There is no profile {self.profile!r}; use {', '.join(PROFILES)}.")
        if not self.timeout_s > 0:
            raise BadInput(f"timeout_s must be more than 0, not {self.timeout_s!r}.")

    def embedder(self, embeddings: str | Embeddings | None, base_url: str | None) -> Embedder:
        """An embedder for these embeddings; hashed n-grams for None."""
        from .nodes.embedder import Embedder
        from .stores.analyzer import HashedEmbeddings
        from .stores.truth.embeddings import model_name

        inner: Embeddings = HashedEmbeddings()
        if embeddings is None and (Path.home() / ".cache/chroma/onnx_models/all-MiniLM-L6-v2/onnx").is_dir():
            from .minilm import tell_once

            tell_once()
        if embeddings is not None:
            from .models import embedding_model

            url = self.embeddings_base_url or base_url
            inner = embedding_model(embeddings, base_url=url, timeout_s=self.timeout_s)
        return Embedder(inner, model_name(inner), self.timeout_s)

    def models_by_step(self, model: str | BaseChatModel | None, base_url: str | None) -> dict[str, Backend]:
        """A model for each step that has one: the step's own, else its graph's, else `model`."""
        given = (model, self.memorizer_model, self.researcher_model, self.step_models, self.prompts)
        if all(one is None for one in given):
            return {}
        from .models import chat_model
        from .nodes.llm.ask import name_of
        from .nodes.llm.model_backend import ModelBackend
        from .nodes.steps import STEPS
        from .prompt_overrides import read_overrides

        own = dict(self.step_models or {})
        if unknown := sorted(own.keys() - set(STEPS)):
            raise BadInput(f"step_models: there is no step {unknown[0]!r}; there are {', '.join(STEPS)}.")
        if "integrate" in own:
            own.setdefault("conclude", own["integrate"])
        graph_models = {"memorizer": self.memorizer_model or model}
        chosen = {
            step: one
            for step, spec in STEPS.items()
            if (one := own.get(step, graph_models.get(spec.role, self.researcher_model or model))) is not None
        }
        prompts = read_overrides(self.prompts)
        backends: dict[str, Backend] = {}
        for step, one in chosen.items():
            made = chat_model(one, base_url=base_url, timeout_s=self.timeout_s)
            share = PROFILES[self.profile or profile_of(name_of(made))]
            backends[step] = ModelBackend(made, self.timeout_s, prompts, share)
        return backends


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemOptions:
    """How memory items may be edited.

    `kinds` are those that may be edited: of core, semantic and episodic. `mode` is "write", "propose" (edits wait for
    `memory.admin.approve`) or "read_only". `before_write` is called with each `Edit` and gives "allow", "reject" or
    "quarantine", the last two also with a reason: `("reject", "why")`. The core paragraph has at most `core_tokens`.
    """

    kinds: Sequence[str] = KINDS
    mode: Mode = "write"
    before_write: Guard | None = None
    core_tokens: int = CORE_TOKENS

    def __post_init__(self) -> None:
        validate_kinds(self.kinds)
        if self.mode not in get_args(Mode):
            raise BadInput(f"There is no mode {self.mode!r}; use {', '.join(get_args(Mode))}.")

    @property
    def can_edit(self) -> bool:
        """Whether any item may be written or proposed."""
        return self.mode != "read_only" and bool(self.kinds)

    def check_writable(self, action: str) -> None:
        """`BadInput` in a read-only memory; `action` completes "… where it may be edited"."""
        if self.mode == "read_only":
            raise BadInput(f"This memory is read-only here; {action} where it may be edited.")
