"""Integrate: turn the new evidence of a round into statements, each with its sources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from langgraph.runtime import Runtime
from pydantic import BaseModel, Field
from pydantic.json_schema import SkipJsonSchema

from ..stores.index.snapshot import Snapshot
from ..stores.records import Hit
from .evidence import LOOKED_AT, as_values, cite_retrieved, hits_from_state, place_of, row_record_id
from .llm.ask import StepSpec
from .llm.sync_async import Computation
from .options import BaseResearchOptions, options_in
from .reflect import Reflection
from .run_step import Backends, SnapshotBody, research_policy, run_step
from .states import ResearcherState

_MOST_STATEMENTS, _MOST_SOURCES = 30, 5


class Source(BaseModel):
    """Where a statement stands."""

    page_id: str = Field(description="The id of the page, as the evidence gives it.")
    quote: str = Field(description="The words of the page that say it, copied exactly.")
    start: SkipJsonSchema[int | None] = None  # known to the rules, which copy spans


class Statement(BaseModel):
    """One thing that is known now."""

    text: str = Field(description="One statement that helps to answer the question.")
    sources: list[Source] = Field(description="The passages that say it, at least one.")


class Integration(BaseModel):
    """What is known so far that helps to answer the question; empty when nothing does."""

    statements: list[Statement] = Field(description="The list, anew; empty when nothing helps.")


class Conclusion(Reflection, Integration):
    """What is known, and whether to stop, in one answer."""


@dataclass(frozen=True, slots=True)
class IntegrateQuestion:
    """`evidence` is the top of all so far, best first; `fresh` what this round found and no round has read, as much as has room."""

    question: str
    request: str
    known: Sequence[Mapping[str, Any]]
    evidence: Sequence[Hit]
    fresh: Sequence[Hit]
    first: bool
    snapshot: Snapshot

    def prompt_values(self, share: float) -> Mapping[str, str]:
        """For `llm/prompts/integrate.md`."""
        from .prompt_parts import integrate_values

        return integrate_values(self, share)

    def readable(self, share: float) -> list[Hit]:
        """The first of the fresh passages, as many as a prompt has room for."""
        from .readable import take_fitting

        return take_fitting(self.snapshot, self.fresh, share, first=self.first)


@dataclass(frozen=True, slots=True)
class ConcludeQuestion(IntegrateQuestion):
    """The same, to be reflected on as well."""

    asked: Sequence[str] = ()

    @classmethod
    def of(cls, question: IntegrateQuestion, asked: Sequence[str]) -> ConcludeQuestion:
        """The question with the searches that were made."""
        return cls(**{field.name: getattr(question, field.name) for field in fields(question)}, asked=asked)

    def prompt_values(self, share: float) -> Mapping[str, str]:
        """For `llm/prompts/conclude.md`."""
        from .prompt_parts import render_searches

        return {**IntegrateQuestion.prompt_values(self, share), "asked": render_searches(self.asked, share)}


INTEGRATE = StepSpec("integrate", IntegrateQuestion, Integration)
CONCLUDE = StepSpec("conclude", ConcludeQuestion, Conclusion)


def integrate(backends: Backends, defaults: BaseResearchOptions) -> SnapshotBody:
    """The node: evidence → statements whose quotes were found on their pages.

    With effort "fast", and in the last round, after which nothing can be asked for, a model reflects in the same call.
    """

    def node(state: ResearcherState, runtime: Runtime[Any], snapshot: Snapshot) -> Computation[dict[str, Any]]:
        options = options_in(runtime.context, defaults)
        evidence = list(hits_from_state(state["evidence"][:LOOKED_AT]))
        fresh = list(hits_from_state(state["fresh"]))
        question = IntegrateQuestion(
            question=state["dated_question"],
            request=state["plan"]["request"],
            known=state["statements"],
            evidence=evidence,
            fresh=fresh,
            first=not state["rounds"],
            snapshot=snapshot,
        )
        last = options.effort == "fast" or len(state["rounds"]) + 1 >= options.rounds
        policy = research_policy(state, options, required=question.first)
        answer: Integration | None
        concludes = last and backends.has_model("conclude") and not (policy.by_rules or policy.stop_reason)
        share = backends.share("conclude" if concludes else "integrate")
        read = fresh if share == 1 else question.readable(share)
        if concludes:
            both = ConcludeQuestion.of(question, state["asked"])
            answer, changes = yield from run_step(backends, CONCLUDE, both, policy, runtime.stream_writer)
        else:
            answer, changes = yield from run_step(backends, INTEGRATE, question, policy, runtime.stream_writer)
        statements, counts = list(state["statements"]), {"corrected": 0, "dropped": 0, "unsupported": 0}
        if answer is not None:
            retrieved = map(row_record_id, state["evidence"])
            carriers = [*read, *evidence] if share < 1 else []  # a small model mixes up which passage says what
            verified, counts = verify_statements(snapshot, answer, retrieved, state["dated_question"], carriers)
            statements = verified or statements  # a later round does not lose what an earlier one has shown
        texts = [statement["text"] for statement in statements]
        runtime.stream_writer({"event": "integrated", "statements": texts})
        concluded = isinstance(answer, Conclusion) and not changes.get("stop_reason")
        reflection = answer.model_dump(exclude={"statements"}) if answer and concluded else None
        return {
            "read": [*state["read"], *map(place_of, read)],
            "statements": statements,
            "reflection": reflection,
            "round": {
                **state["round"],
                "statements": texts,
                "corrected_citations": counts["corrected"],
                "dropped_citations": counts["dropped"],
                "unsupported_statements": counts["unsupported"],
            },
            **changes,
        }

    return node


def verify_statements(
    snapshot: Snapshot,
    integration: Integration,
    page_ids: Iterable[str],
    question: str,
    evidence: Sequence[Hit] = (),
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """The statements that a retrieved page supports, with their citations, and how many sources were corrected (their
    quote is on another retrieved page) and how many dropped, and how many statements say what the lines that they
    quote do not carry: these are left out, unless one of the passages (`evidence`) carries them, which is then cited."""
    retrieved = list(dict.fromkeys(page_ids))
    counts = {"corrected": 0, "dropped": 0, "unsupported": 0}
    statements: dict[str, dict[str, Any]] = {}
    for statement in integration.statements[:_MOST_STATEMENTS]:
        citations = []
        for source in statement.sources[:_MOST_SOURCES]:
            citation = cite_retrieved(snapshot, source.page_id, source.quote, source.start, retrieved)
            if citation is None:
                counts["dropped"] += 1
            else:
                counts["corrected"] += citation.record_id != source.page_id
                citations.append(as_values(citation))
        text = " ".join(statement.text.split())
        if not text:
            continue
        verbatim = any(" ".join(citation["quote"].split()) == text for citation in citations)
        if evidence or not verbatim:
            from .carriers import find_carriers  # rules state passages word for word

            text, citations = find_carriers(snapshot, text, question, citations, evidence, counts)
        if citations:
            key = f"{text} {citations[0] if verbatim else ''}"
            held = statements.setdefault(key, {"text": text, "citations": []})["citations"]
            held += [one for one in citations if one not in held]
    return list(statements.values()), counts
