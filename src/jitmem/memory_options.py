"""`ModelOptions` and `ItemOptions`, option objects of `Memory.open`."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
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
    from .stores.analyzer import Analyzer


Profile = Literal["small", "large"]
_MINILM = "~/.cache/chroma/onnx_models/all-MiniLM-L6-v2/onnx"  # where Chroma has put the model


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
    `thinking_steps` are the steps in which a reasoning model may think, `()` for none; None leaves it to the server.
    `trace_content`: traces that LangSmith is sent hold texts; else the names and times of steps, or without a model nothing.
    `analyzer=Analyzer({"kiwi-0.20": …})` adds the terms of a language package to those of the index.
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
    thinking_steps: Collection[str] | None = None
    trace_content: bool = False
    analyzer: Analyzer | None = None

    def __post_init__(self) -> None:
        if self.profile not in (None, *get_args(Profile)):
            raise BadInput(f"There is no profile {self.profile!r}; use {', '.join(get_args(Profile))}.")
        if not self.timeout_s > 0:
            raise BadInput(f"timeout_s must be more than 0, not {self.timeout_s!r}.")

    def embedder(self, embeddings: str | Embeddings | None, base_url: str | None) -> Embedder:
        """An embedder for these embeddings; hashed n-grams for None."""
        from .nodes.embedder import Embedder
        from .stores.analyzer import HashedEmbeddings
        from .stores.truth.embeddings import model_name

        inner: Embeddings = HashedEmbeddings()
        if embeddings is None and os.path.isdir(os.path.expanduser(_MINILM)):
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
        from .step_models import make_step_models

        return make_step_models(self, model, base_url)


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemOptions:
    """How memory items may be edited.

    `kinds` are those that may be edited: of core, semantic and episodic. `mode` is "write", "propose" (edits wait for
    `memory.admin.approve`) or "read_only". `before_write` is called with each `Edit` and gives "allow", "reject" or
    "quarantine", the last two also with a reason: `("reject", "why")`. The core paragraph has at most `core_tokens`.
    `store_entries`: recall and research find what agents put into `as_store()`.
    """

    kinds: Sequence[str] = KINDS
    mode: Mode = "write"
    before_write: Guard | None = None
    core_tokens: int = CORE_TOKENS
    store_entries: bool = True

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
