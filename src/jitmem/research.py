"""What a research comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from .stores.records import Citation

Stopped = Literal["enough", "depth", "budget", "no_evidence"]


@dataclass(frozen=True, slots=True)
class Usage:
    """What it cost: model calls, tokens as the models counted them, seconds they took; `steps` call by call."""

    calls: int
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    steps: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Research:
    """The smallest context that does the job.

    `citations[n - 1]` is what the mark `[n]` of `context` stands for. `page_ids` are best first. `unmet` names what
    was asked and not found. `rounds` is the trace: request, queries with their hits, statements and what was missing.
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

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Research:
        """From the Researcher's output."""
        steps = tuple(state.get("usage") or ())
        return cls(
            question=state["question"],
            context=state["context"],
            citations=tuple(Citation(**citation) for citation in state["citations"]),
            page_ids=tuple(state["page_ids"]),
            enough=state["enough"],
            unmet=tuple(state["unmet"]),
            stopped=state["stopped"],
            rounds=tuple(state["rounds"]),
            usage=Usage(
                calls=sum(step["calls"] for step in steps),
                prompt_tokens=sum(step["prompt_tokens"] for step in steps),
                completion_tokens=sum(step["completion_tokens"] for step in steps),
                seconds=sum(step["seconds"] for step in steps),
                steps=steps,
            ),
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


def following(round_: Mapping[str, Any]) -> str:
    """What a round of the trace asks next, with the names that it follows."""
    names = ", ".join(round_["names"])
    return f"{names}: {round_['next']}" if names else str(round_["next"])
