"""Answer: a short phrase from the context, with its citations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langgraph.runtime import Runtime
from pydantic import BaseModel, Field

from ..stores.index.snapshot import Snapshot
from ..stores.token_size import CHARS_PER_TOKEN, text_size
from .llm.ask import StepSpec
from .llm.prompt import clip, fence
from .llm.sync_async import Computation
from .options import BaseResearchOptions, options_in
from .prompt_parts import render_question
from .run_step import Backends, SnapshotBody, research_policy, run_step
from .states import ResearcherState

_READ_TOKENS = 4000  # of a context that a reader is shown whole; a small model is shown 0.4 of that


@dataclass(frozen=True, slots=True)
class AnswerQuestion:
    """The question, the context, and what the context states, best first."""

    question: str
    context: str
    statements: Sequence[Mapping[str, Any]]
    citations: Sequence[Mapping[str, Any]]
    snapshot: Snapshot

    def prompt_values(self, share: float) -> Mapping[str, str]:
        """For `llm/prompts/answer.md`."""
        room = share * max(_READ_TOKENS, text_size(self.context) / CHARS_PER_TOKEN)
        return {
            "question": render_question(self.question),
            "context": fence(clip(self.context, room)),
        }


class Answer(BaseModel):
    """A short answer."""

    answer: str = Field(description="The answer as a short phrase; empty when the context does not hold it.")
    citations: list[int] = Field(default_factory=list, description="The numbers of the marks that it stands on.")


ANSWER = StepSpec("answer", AnswerQuestion, Answer)


def answer(backends: Backends, defaults: BaseResearchOptions) -> SnapshotBody:
    """The node: context → answer; marks that the context does not have are left out."""

    def node(state: ResearcherState, runtime: Runtime[Any], snapshot: Snapshot) -> Computation[dict[str, Any]]:
        options = options_in(runtime.context, defaults)
        citations = state["citations"]
        question = AnswerQuestion(state["dated_question"], state["context"], state["statements"], citations, snapshot)
        policy = research_policy(state, options, required=False)
        given, changes = yield from run_step(backends, ANSWER, question, policy, runtime.stream_writer)
        if given is None:
            return changes
        text = " ".join(given.answer.split())
        marks = [mark for mark in dict.fromkeys(given.citations) if 1 <= mark <= len(citations)] if text else []
        runtime.stream_writer({"event": "answered", "answer": text})
        return {"answer": text, "answer_citations": [citations[mark - 1] for mark in marks], **changes}

    return node
