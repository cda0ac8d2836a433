"""What is asked of a system under test, and what it gives back: the same for all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol, Self

from ...stores.records import Usage
from ..datasets.benchmark_records import Question, Sample

CONTEXT_TOKENS = 2000
"""Of a context, unless the setup says otherwise."""


@dataclass(frozen=True, slots=True)
class CitedText:
    """What a mark `[n]` of a context stands for: the id of the session, and words that stand in it."""

    source: str
    text: str


@dataclass(frozen=True, slots=True)
class SystemAnswer:
    """A context, and what a reader made of it.

    `marks[n - 1]` is what `[n]` in `context` stands for. `sources` are ids of sessions, those that the system would
    read first in front. `text` is None where there is no reader, and empty where the reader found no answer; `cited`
    are the numbers of the marks that it names. `usage` and `reader_usage` are what models were asked; `seconds` are
    those of the system, without the reader's. `notes` are what went wrong without ending it.
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

    @property
    def citations(self) -> tuple[CitedText, ...]:
        """What the reader stands on; nothing where nobody reads."""
        return tuple(self.marks[number - 1] for number in self.cited if 0 < number <= len(self.marks))

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """From `as_dict`."""
        usages = {name: usage_from_dict(plain[name]) for name in ("usage", "reader_usage")}
        tuples = {name: tuple(plain[name]) for name in ("sources", "cited", "notes")}
        return cls(**{**plain, **usages, **tuples, "marks": tuple(CitedText(**one) for one in plain["marks"])})


@dataclass(frozen=True, slots=True)
class Preparation:
    """What it cost to take a sample in: seconds, and what models were asked."""

    seconds: float
    usage: Usage = field(default_factory=Usage)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """From `asdict`."""
        return cls(plain["seconds"], usage_from_dict(plain["usage"]))


class System(Protocol):
    """One system with one sample in it. `answer` may be called from several threads at once."""

    def prepare(self, sample: Sample) -> Preparation:
        """Take the sessions in, before any question. Repeated after a stop, it goes on where it stood."""

    def answer(self, question: Question) -> SystemAnswer:
        """Find what the question needs; the text is the reader's."""

    def close(self) -> None:
        """Let go of every file."""


@dataclass(frozen=True, slots=True)
class Setup:
    """Which system, and how it is told to work; what is None is left as the system has it.

    `pages` is how many may speak, or how many chunks are given. `chunk_tokens` is for RAG, `page_tokens` for jitmem,
    `history_tokens` for the whole history: without it, it is really whole.
    `memos=False` gives every page an empty card; `curate=False` draws no items.
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
        """What tells it from others in a table: `research depth=3 tools=keyword+vector`."""
        own = {name: value for name, value in asdict(self).items() if name not in ("system", "options")}
        own |= self.options
        told = [
            f"{name}={_format_value(value)}" for name, value in own.items() if value is not None and value is not True
        ]
        return " ".join([self.system, *told])

    @property
    def memory_key(self) -> str:
        """Setups with the same words take a sample in alike, and may share what was taken in."""
        if self.system not in JITMEM:
            return self.name
        kept = {"page_tokens": self.page_tokens, "memos": self.memos, "curate": self.curate}
        return Setup(system="jitmem", **kept).name  # type: ignore[arg-type]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; without what is not set."""
        kept = {name: value for name, value in asdict(self).items() if value is not None and value != {}}
        return {**kept, "tools": list(self.tools)} if self.tools else kept


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
    """Without what its system does not know: a recall has no depth."""
    kept = {name: getattr(setup, name) for name in _SYSTEM_OPTIONS[setup.system]}
    return Setup(setup.system, options=setup.options, **kept)


JITMEM = ("research", "recall", "memory-only")
"""The systems that ask one and the same jitmem memory, in different ways."""


def pack_context(texts: Sequence[tuple[str, str]], budget: int) -> tuple[str, tuple[CitedText, ...]]:
    """The context of `(source, text)` pairs, best first: each that still fits, with its mark behind it."""
    kept: list[str] = []
    marks: list[CitedText] = []
    used = 0
    for source, text in texts:
        line = f"{text} [{len(marks) + 1}]"
        if 4 * (budget - 3) - 4 >= used + len(line) + 1:
            kept.append(line)
            marks.append(CitedText(source, text))
            used += len(line) + 1
    return "\n".join(kept), tuple(marks)


def usage_from_dict(plain: Mapping[str, Any]) -> Usage:
    """From `asdict`."""
    return Usage(**{**plain, "steps": tuple(plain["steps"])})


def _format_value(value: Any) -> str:
    return "+".join(value) if isinstance(value, tuple | list) else str(value).lower()
