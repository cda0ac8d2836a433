"""What a research comes to, and what it may cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from .stores.records import Citation, Usage

Stopped = Literal["enough", "depth", "budget", "failure", "no_evidence"]


@dataclass(frozen=True, slots=True)
class Research:
    """The smallest context that does the job.

    `citations[n - 1]` is what the mark `[n]` of `context` stands for. `page_ids` are best first. `unmet` names what
    was asked and not found. `rounds` is the trace: request, queries with their hits, statements and what was missing.
    `failures` names each step whose model failed, as `{step, error, message}`: its round is poorer by it, or rules
    answered in its place. `answer` is there when one was asked for; empty where the context does not hold it.
    """

    question: str
    context: str
    citations: tuple[Citation, ...]
    page_ids: tuple[str, ...]
    enough: bool
    unmet: tuple[str, ...]
    stopped: Stopped
    rounds: tuple[Mapping[str, Any], ...]
    usage: Usage
    failures: tuple[Mapping[str, Any], ...] = ()
    answer: str | None = None
    answer_citations: tuple[Citation, ...] = ()

    @classmethod
    def from_state(cls, state: Mapping[str, Any], *, answered: bool = False) -> Research:
        """From the Researcher's output; `answered` where an answer was asked for."""
        return cls(
            question=state["question"],
            context=state["context"],
            citations=_citations(state["citations"]),
            page_ids=tuple(state["page_ids"]),
            enough=state["enough"],
            unmet=tuple(state["unmet"]),
            stopped=state["stopped"],
            rounds=tuple(state["rounds"]),
            usage=Usage.of(state["usage"]),
            failures=tuple(state["failures"]),
            answer=state["answer"] if answered else None,
            answer_citations=_citations(state["answer_citations"]),
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a question may cost, from least (the first reflection is satisfied) to most (every round is used).

    Prompt tokens are those of prompts that were really written, over what is in memory now, with rules in the
    model's place. `completion_tokens` and `seconds` follow what the models have needed since the memory was opened,
    and are None until every step has been asked once. `steps` are the calls of the most, in order.
    """

    calls: tuple[int, int]
    prompt_tokens: tuple[int, int]
    completion_tokens: tuple[int, int] | None
    seconds: tuple[float, float] | None
    steps: tuple[Mapping[str, Any], ...]


def _citations(plain: Iterable[Mapping[str, Any]]) -> tuple[Citation, ...]:
    return tuple(Citation(**citation) for citation in plain)


def next_request(round_: Mapping[str, Any]) -> str:
    """What a round of the trace asks next, with the names that it follows."""
    names = ", ".join(round_["names"])
    return f"{names}: {round_['next']}" if names else str(round_["next"])
