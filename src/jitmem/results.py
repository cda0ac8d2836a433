"""The result of a research, and the estimate of its cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from .stores.records import Citation, Usage

Stopped = Literal["enough", "depth", "budget", "failure", "no_evidence"]


@dataclass(frozen=True, slots=True)
class Research:
    """The result of a research: a small context with citations.

    The citation marker `[n]` in `context` refers to `citations[n - 1]`. `page_ids` are best first. `unmet` names what
    was not found. `rounds` is the trace: request, queries with their hits, statements and what was missing. `failures`
    has `{step, error, message}` for each step whose model failed: it was skipped, or answered by rules. `answer` is set
    if one was requested; it is empty if the context does not contain it. `confidence`, from 0 to 1, says how likely the
    context holds the answer; docs/evaluation.md shows how often that is wrong.
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
    confidence: float = 0.0

    @classmethod
    def from_state(cls, state: Mapping[str, Any], *, answered: bool = False) -> Research:
        """From the Researcher's output; `answered` if an answer was requested."""
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
            confidence=state["confidence"],
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Estimate:
    """The cost of a question, from least (one round is enough) to most (every round is used).

    Prompt tokens are counted in prompts rendered over the present memory, with rules in place of the model.
    `completion_tokens` and `seconds` are means of the calls since the memory was opened, and None until every step was
    called once. `steps` are the calls of the most expensive case, in order.
    """

    calls: tuple[int, int]
    prompt_tokens: tuple[int, int]
    completion_tokens: tuple[int, int] | None
    seconds: tuple[float, float] | None
    steps: tuple[Mapping[str, Any], ...]


class CallStatistics:
    """The mean cost of the calls of each step so far, as a forecast of the next."""

    def __init__(self) -> None:
        self._sums: dict[str, tuple[int, int, float]] = {}

    def add(self, steps: Iterable[Mapping[str, Any]]) -> None:
        for step in steps:
            calls, completion, seconds = self._sums.get(step["step"], (0, 0, 0.0))
            calls += step["calls"]
            self._sums[step["step"]] = (calls, completion + step["completion_tokens"], seconds + step["seconds"])

    def mean(self, step: str) -> tuple[float, float] | None:
        """Completion tokens and seconds of a call; None before the first."""
        calls, completion, seconds = self._sums.get(step, (0, 0, 0.0))
        return (completion / calls, seconds / calls) if calls else None


def _citations(plain: Iterable[Mapping[str, Any]]) -> tuple[Citation, ...]:
    return tuple(Citation(**citation) for citation in plain)


def next_request(round_: Mapping[str, Any]) -> str:
    """The follow-up request of a round in the trace, with its names."""
    names = ", ".join(round_["names"])
    return f"{names}: {round_['next']}" if names else str(round_["next"])
