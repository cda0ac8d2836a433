"""What a system under test is given and returns, the same for all of them: models, a setup, an answer."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ...memory_options import ModelOptions
from ...models import chat_model, embedding_model
from ...nodes.llm.ask import TIMEOUT_S
from ...stores.analyzer import HashedEmbeddings
from ...stores.records import Usage
from ..datasets.benchmark_records import Question, Sample

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings
    from langchain_core.language_models import BaseChatModel

JITMEM = ("research", "recall", "memory-only")
"""The systems that ask the same jitmem memory, in different ways."""
OWN_ANSWER = "itself"
"""The reader's name where a system answers by itself, as `research(answer=True)` does."""
CONTEXT_TOKENS = 2000
"""Of a context, unless the setup says otherwise."""


@dataclass(frozen=True, slots=True)
class CitedText:
    """The text behind a marker `[n]` of a context, and the id of its session."""

    source: str
    text: str


@dataclass(frozen=True, slots=True)
class SystemAnswer:
    """A context, and what a reader made of it.

    `marks[n - 1]` is the text behind `[n]` in `context`. `sources` are session ids, in the order in which the system
    would read them. `text` is None without a reader, and empty where the reader found no answer; `cited` are the
    numbers of the markers in it. `seconds` are those of the system, without the reader's, and are measured by the run.
    `notes` are failures that did not end it.
    """

    context: str
    marks: tuple[CitedText, ...] = ()
    sources: tuple[str, ...] = ()
    text: str | None = None
    cited: tuple[int, ...] = ()
    usage: Usage = field(default_factory=Usage)
    reader_usage: Usage = field(default_factory=Usage)
    seconds: float = 0.0
    reader_seconds: float = 0.0
    notes: tuple[str, ...] = ()
    confidence: float | None = None

    @property
    def citations(self) -> tuple[CitedText, ...]:
        """The cited texts; none without a reader."""
        return tuple(self.marks[number - 1] for number in self.cited if 0 < number <= len(self.marks))


class Preparation(NamedTuple):
    """What filing a sample took; `failures` are steps that rules answered in place of the model, as in `Filed`."""

    usage: Usage = Usage()
    failures: Sequence[Mapping[str, Any]] = ()


class System(Protocol):
    """One system with one sample in it. `answer` may be called from several threads at once."""

    def prepare(self, sample: Sample) -> Preparation:
        """File the sessions, before any question. Repeated after a stop, it resumes."""

    def answer(self, question: Question) -> SystemAnswer:
        """The context for the question; the text is the reader's."""

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Setup:
    """A system and its configuration; None leaves the system's default.

    `pages` is the number of pages, or of chunks. `chunk_tokens` applies to RAG, `page_tokens` to jitmem,
    `history_tokens` to the whole history, which is unlimited without it. `memos=False` gives every page an empty memo;
    `curate=False` writes no items.
    """

    system: str = "research"
    effort: str | None = None
    depth: int | None = None
    tools: tuple[str, ...] | None = None
    pages: int | None = None
    output: str | None = None
    context_tokens: int | None = None
    page_tokens: int | None = None
    chunk_tokens: int | None = None
    history_tokens: int | None = None
    memos: bool = True
    curate: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Distinguishes it in a table: `research depth=3 tools=keyword+vector`."""
        parts = {**asdict(self), **self.options}
        words = [
            f"{name}={'+'.join(value) if isinstance(value, tuple | list) else str(value).lower()}"
            for name, value in parts.items()
            if name not in ("system", "options") and value is not None and value is not True
        ]
        return " ".join([self.system, *words])

    @property
    def memory_key(self) -> str:
        """Setups with the same key file a sample in the same way, and may share the memory."""
        if self.system not in JITMEM:
            return self.name
        return Setup("jitmem", page_tokens=self.page_tokens, memos=self.memos, curate=self.curate).name

    def as_dict(self) -> dict[str, Any]:
        """Without what is not set, for JSON."""
        parts = {**asdict(self), "tools": list(self.tools) if self.tools else self.tools}
        return {name: value for name, value in parts.items() if value is not None and value != {}}


_MEMORY_OPTIONS = ("page_tokens", "memos", "curate")
_SYSTEM_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "research": ("effort", "depth", "tools", "pages", "output", "context_tokens", *_MEMORY_OPTIONS),
    "recall": ("pages", "context_tokens", *_MEMORY_OPTIONS),
    "memory-only": ("pages", "context_tokens", *_MEMORY_OPTIONS),
    "whole-history": ("history_tokens",),
    **dict.fromkeys(("rag-bm25", "rag-vector", "rag-hybrid"), ("pages", "context_tokens", "chunk_tokens")),
    **dict.fromkeys(("langmem", "mem0"), ("pages", "context_tokens")),
}


def restrict_setup(setup: Setup) -> Setup:
    """Without the parts that its system does not have: a recall has no depth."""
    parts = {name: getattr(setup, name) for name in _SYSTEM_OPTIONS[setup.system]}
    return Setup(setup.system, options=setup.options, **parts)


def pack_context(texts: Sequence[tuple[str, str]], budget: int) -> tuple[str, tuple[CitedText, ...]]:
    """The context of `(source, text)` pairs, best first: each that still fits, with its marker behind it."""
    lines: list[str] = []
    marks: list[CitedText] = []
    left = 4 * (budget - 3) - 4
    for source, text in texts:
        line = f"{text} [{len(marks) + 1}]"
        if len(line) + 1 <= left:
            lines.append(line)
            marks.append(CitedText(source, text))
            left -= len(line) + 1
    return "\n".join(lines), tuple(marks)


def answer_from_texts(
    texts: Sequence[tuple[str, str]], budget: int, sources: Sequence[str] | None = None
) -> SystemAnswer:
    """The answer whose context is packed from these texts; `sources`, unless given, are those of the packed ones."""
    context, marks = pack_context(texts, budget)
    found = [mark.source for mark in marks if mark.source] if sources is None else sources
    return SystemAnswer(context, marks, tuple(dict.fromkeys(found)))


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
    timeout_s: float = TIMEOUT_S
    prompts: str | os.PathLike[str] | Mapping[str, str] | None = None

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
        roles = ("model", "memorizer_model", "researcher_model", "embeddings", "reader", "judge")
        return {name: model_label(model) for name in roles if (model := getattr(self, name)) is not None}

    def chat_model(self, model: Any) -> BaseChatModel:
        return chat_model(model, base_url=self.base_url, timeout_s=self.timeout_s)

    def open_embeddings(self) -> Embeddings:
        """The named ones, else jitmem's hashed ones."""
        if self.embeddings is None:
            return HashedEmbeddings()
        return embedding_model(self.embeddings, base_url=self.base_url, timeout_s=self.timeout_s)

    def memory_arguments(self, step_models: Mapping[str, str | BaseChatModel] | None = None) -> dict[str, Any]:
        """For `Memory.open`."""
        options = ModelOptions(
            memorizer_model=self.memorizer_model,
            researcher_model=self.researcher_model,
            step_models=step_models,
            timeout_s=self.timeout_s,
            prompts=self.prompts,
        )
        roles = {"model": self.model, "embeddings": self.embeddings, "base_url": self.base_url}
        return {**roles, "model_options": options}


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
