"""Reflect: is what is known enough to answer, and if not, what is missing and what should be asked next?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langgraph.runtime import Runtime
from pydantic import BaseModel, Field

from ..stores.index.snapshot import Snapshot
from ..stores.records import Hit
from .evidence import LOOKED_AT, hits_from_state
from .llm.ask import StepSpec
from .llm.sync_async import Computation
from .options import BaseResearchOptions, options_in
from .run_step import Backends, SnapshotBody, must_stop, research_policy, run_step
from .states import ResearcherState


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
    snapshot: Snapshot

    def prompt_values(self, share: float) -> Mapping[str, str]:
        """For `llm/prompts/reflect.md`."""
        from .prompt_parts import reflect_values

        return reflect_values(self, share)


REFLECT = StepSpec("reflect", ReflectQuestion, Reflection)


def ask_another_round(answer: Reflection, request: str) -> Reflection:
    """The same answer, never satisfied."""
    return answer.model_copy(update={"enough": False, "missing": [], "request": request})


def reflect(backends: Backends, defaults: BaseResearchOptions) -> SnapshotBody:
    """The node: statements → enough or not, and the next request; `stopped` is set when this was the last round."""

    def node(state: ResearcherState, runtime: Runtime[Any], snapshot: Snapshot) -> Computation[dict[str, Any]]:
        options = options_in(runtime.context, defaults)
        answer, changes = yield from _answer_reflect(backends, state, options, runtime, snapshot)
        stop_reason = changes.get("stop_reason") or state["stop_reason"]
        number = len(state["rounds"]) + 1
        thinks = backends.has_model("reflect") and options.effort != "recall"
        open_needs: list[str] = []
        if thinks:
            from .grounding import is_placeholder
            from .support import find_open_needs

            open_needs = find_open_needs(state, snapshot)
            answer = answer.model_copy(update={"request": ""}) if is_placeholder(answer.request) else answer
        if open_needs:
            both = list(dict.fromkeys([*answer.missing, *open_needs]))
            request = answer.request if answer.request.strip() or answer.names else open_needs[0]
            answer = answer.model_copy(update={"enough": False, "missing": both, "request": request})
        missing = answer.missing or (state["plan"]["needs"] if thinks and not state["statements"] else [])
        enough = answer.enough and bool(state["statements"])
        leads = bool(answer.request.strip() or answer.names)
        ended = stop_reason if must_stop(stop_reason, options) else ""
        last = enough or bool(ended) or number >= options.rounds or not leads
        stopped = "enough" if enough else ended or ("depth" if state["statements"] else "no_evidence")
        trace = {
            **state["round"],
            "enough": enough,
            "missing": missing,
            "next": "" if last else answer.request,
            "names": [] if last else answer.names,
        }
        runtime.stream_writer({"event": "reflected", "round": number, "enough": enough, "missing": missing})
        return {
            "enough": enough,
            "unmet": [] if enough else missing,
            "stopped": stopped if last else "",
            "request": answer.request.strip() or state["dated_question"],
            "names": answer.names,
            "rounds": [trace],
            **changes,
        }

    return node


def _answer_reflect(
    backends: Backends,
    state: ResearcherState,
    options: BaseResearchOptions,
    runtime: Runtime[Any],
    snapshot: Snapshot,
) -> Computation[tuple[Reflection, dict[str, Any]]]:
    """What integrate has concluded already, or what is answered now; without an answer nothing is enough, and what
    was missing is missing still."""
    if state["reflection"] is not None:
        return Reflection.model_validate(state["reflection"]), {}
    question = ReflectQuestion(
        question=state["dated_question"],
        needs=state["plan"]["needs"],
        known=state["statements"],
        evidence=list(hits_from_state(state["evidence"][:LOOKED_AT])),
        asked=state["asked"],
        snapshot=snapshot,
    )
    policy = research_policy(state, options, required=False)
    answer, changes = yield from run_step(backends, REFLECT, question, policy, runtime.stream_writer)
    return answer or Reflection(enough=False, missing=state.get("unmet") or []), changes


def route_after_reflect(state: ResearcherState) -> str:
    """The edge after reflect: another round, or present."""
    return "present" if state["stopped"] else "plan"
