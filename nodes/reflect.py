"""Reflect: is what is known enough to answer, and if not, what is missing and what should be asked next?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langgraph.runtime import Runtime
from pydantic import BaseModel, Field

from ..stores.archive import Archive
from ..stores.records import Hit
from .ask import Answerer, Task
from .evidence import as_hit
from .options import ResearchOptions, read
from .prompt import fence
from .states import ResearcherState
from .step import Body, Steps


class Reflection(BaseModel):
    """Whether to stop."""

    enough: bool = Field(description="true when the statements answer the whole question.")
    missing: list[str] = Field(default_factory=list, description="What is still not known, a few words each.")
    request: str = Field(default="", description="What to look for next, one sentence; empty when enough.")
    names: list[str] = Field(default_factory=list, description="Names newly met that may lead on, as they are written.")


@dataclass(frozen=True, slots=True)
class ReflectQuestion:
    """What was asked, what is known, and the passages that were found, best first."""

    question: str
    needs: Sequence[str]
    known: Sequence[Mapping[str, Any]]
    evidence: Sequence[Hit]
    asked: Sequence[str]

    def shown(self) -> Mapping[str, str]:
        """For `prompts/reflect.md`."""
        return {
            "question": self.question,
            "needs": "\n".join(f"- {need}" for need in self.needs) or "- the question itself",
            "known": fence("\n".join(f"- {s['text']}" for s in self.known)) if self.known else "Nothing.",
            "asked": "\n".join(f"- {query}" for query in self.asked) or "Nothing.",
        }


_LOOKED_AT = 50  # passages from the top
REFLECT = Task("reflect", ReflectQuestion, Reflection)


def reflect(archive: Archive, answerer: Answerer, defaults: ResearchOptions) -> Body:
    """The node: statements → enough or not, and the next request; `stopped` is set when this was the last round."""

    def node(state: ResearcherState, runtime: Runtime[Any]) -> Steps[dict[str, Any]]:
        depth = read(runtime.context, defaults).depth
        question = ReflectQuestion(
            question=state["question"],
            needs=state["plan"]["needs"],
            known=state["statements"],
            evidence=[as_hit(hit) for hit in state["evidence"][:_LOOKED_AT]],
            asked=state["asked"],
        )
        answer, cost = yield from answerer.ask(REFLECT, question)
        number = len(state.get("rounds") or []) + 1
        leads = bool(answer.request.strip() or answer.names)
        enough = answer.enough and bool(state["statements"])
        last = enough or number >= depth or not leads
        stopped = "enough" if enough else "depth" if state["statements"] else "no_evidence"
        trace = {**state["round"], "enough": enough, "missing": answer.missing}
        trace["next"] = "" if last else answer.request
        trace["names"] = [] if last else answer.names
        runtime.stream_writer({"event": "reflected", "round": number, "enough": enough, "missing": answer.missing})
        return {
            "enough": enough,
            "unmet": [] if enough else answer.missing,
            "stopped": stopped if last else "",
            "request": answer.request or state["question"],
            "names": answer.names,
            "rounds": [trace],
            "usage": cost,
        }

    return node


def go_on(state: ResearcherState) -> str:
    """The edge after reflect: another round, or present."""
    return "present" if state["stopped"] else "plan"
