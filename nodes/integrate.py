"""Integrate: bring this round's hits into the evidence, and what they say into what is known, each with its source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from langgraph.runtime import Runtime
from pydantic import BaseModel, Field
from pydantic.json_schema import SkipJsonSchema

from ..stores.archive import Archive
from ..stores.errors import ModelUnavailable
from ..stores.fusion import fuse, named_speaker
from ..stores.records import Hit
from .cite import as_values, cite_any
from .evidence import EVIDENCE, FIRST_TOKENS, LATER_TOKENS, READ, as_hit, as_plain, fitting, merged, shown
from .llm.ask import StepSpec
from .llm.prompt import clip, fence_question
from .llm.step import Body, Steps
from .options import ResearchOptions, read
from .prompt_sections import QUESTION_TOKENS, render_request, render_searches, render_statements
from .reflect import Reflection
from .run_step import Backends, research_policy, run_step
from .states import ResearcherState

ITEM = "items"  # the tool of hits that are memory items
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
    """`evidence` is all so far, best first; `fresh` what this round found and no round has read."""

    question: str
    request: str
    known: Sequence[Mapping[str, Any]]
    evidence: Sequence[Hit]
    fresh: Sequence[Hit]
    first: bool
    archive: Archive

    def prompt_values(self, share: float) -> Mapping[str, str]:
        """For `llm/prompts/integrate.md`."""
        return {
            "question": fence_question(clip(self.question, QUESTION_TOKENS)),
            "request": render_request(self.question, self.request),
            "known": render_statements(self.known, share, sources=True),
            "evidence": shown(self.archive, self.readable(share)),
        }

    def readable(self, share: float) -> list[Hit]:
        """The first of the fresh passages, as many as a prompt has room for."""
        return fitting(self.archive, self.fresh, share * (FIRST_TOKENS if self.first else LATER_TOKENS))


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
        return {**IntegrateQuestion.prompt_values(self, share), "asked": render_searches(self.asked, share)}


INTEGRATE = StepSpec("integrate", IntegrateQuestion, Integration)
CONCLUDE = StepSpec("conclude", ConcludeQuestion, Conclusion)


def integrate(archive: Archive, backends: Backends, weight: Mapping[str, float], defaults: ResearchOptions) -> Body:
    """The node: hits → evidence (fused, merged) and statements whose quotes were found on their pages.

    With effort "fast", and in the last round, after which nothing can be asked for, a model reflects in the same call.
    """

    def node(state: ResearcherState, runtime: Runtime[Any]) -> Steps[dict[str, Any]]:
        options = read(runtime.context, defaults)
        _check_searches(state)
        question, evidence, ranked = _question(archive, weight, state)
        last = options.effort == "fast" or len(state["rounds"]) + 1 >= options.rounds
        policy = research_policy(state, options, required=question.first)
        answer: Integration | None
        if last and backends.has_model("conclude") and not (policy.by_rules or policy.stop_reason):
            both = ConcludeQuestion.of(question, state["asked"])
            answer, changes = yield from run_step(backends, CONCLUDE, both, policy, runtime.stream_writer)
        else:
            answer, changes = yield from run_step(backends, INTEGRATE, question, policy, runtime.stream_writer)
        statements, counts = list(state["statements"]), {"corrected": 0, "dropped": 0}
        if answer is not None:
            statements, counts = checked(archive, answer, [hit.page_id for hit in evidence])
        runtime.stream_writer({"event": "integrated", "statements": [s["text"] for s in statements]})
        concluded = isinstance(answer, Conclusion) and not changes.get("stop_reason")
        reflection = answer.model_dump(exclude={"statements"}) if answer and concluded else None
        return {
            "evidence": [as_plain(hit) for hit in evidence],
            "read": [*state["read"], *(_place(hit) for hit in question.readable(1.0))],
            "statements": statements,
            "reflection": reflection,
            "round": _trace(state, ranked, statements, counts),
            **changes,
        }

    return node


def checked(
    archive: Archive, integration: Integration, page_ids: Sequence[str]
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """The statements that stand on a retrieved page, with their citations. Counted are sources whose page was
    corrected, since their quote stands on another retrieved page, and those that were dropped."""
    retrieved = list(dict.fromkeys(page_ids))
    counts = {"corrected": 0, "dropped": 0}
    statements = []
    for statement in integration.statements[:_MOST_STATEMENTS]:
        citations = []
        for source in statement.sources[:_MOST_SOURCES]:
            citation = cite_any(archive, source.page_id, source.quote, source.start, retrieved)
            if citation is None:
                counts["dropped"] += 1
            else:
                counts["corrected"] += citation.page_id != source.page_id
                citations.append(as_values(citation))
        if citations and statement.text.strip():
            statements.append({"text": " ".join(statement.text.split()), "citations": citations})
    return statements, counts


def _question(
    archive: Archive, weight: Mapping[str, float], state: ResearcherState
) -> tuple[IntegrateQuestion, list[Hit], list[Hit]]:
    """What is asked, the evidence with this round's hits, and those alone, as they are ranked."""
    hits = [(hit["query"], as_hit(hit)) for hit in state["hits"]]
    before = [as_hit(hit) for hit in state["evidence"]]
    read = {(hit.page_id, hit.start) for hit in before[:READ]}
    searches = [
        (query["tool"], [hit for at, hit in hits if at == number and hit.tool != ITEM and _ranked(hit, read)])
        for number, query in enumerate(state["plan"]["queries"])
    ]
    items = [hit for _, hit in hits if hit.tool == ITEM and _ranked(hit, read)]
    if items:
        searches.append((ITEM, sorted(items, key=lambda hit: -hit.score)))
    asked = " ".join(query["text"] for query in state["plan"]["queries"] if query["tool"] in ("keyword", "vector"))
    ranked = fuse(searches, weight, named_speaker(archive.speakers, state["question"]), archive.unknown(asked))
    evidence = merged(before, ranked)[:EVIDENCE]
    already = set(state["read"])
    question = IntegrateQuestion(
        question=state["question"],
        request=state["plan"]["request"],
        known=state["statements"],
        evidence=evidence,
        fresh=[hit for hit in ranked if _place(hit) not in already],
        first=not state["rounds"],
        archive=archive,
    )
    return question, evidence, ranked


def _check_searches(state: ResearcherState) -> None:
    """An outage is not "nothing found": `ModelUnavailable` when every search that was planned failed, and none did
    not in an earlier round."""
    planned = {f"search_{query['tool']}" for query in state["plan"]["queries"]}
    failed = {failure["step"]: failure["message"] for failure in state["failures"]}
    if planned and planned <= failed.keys() and not state["hits"] and not state["rounds"]:
        raise ModelUnavailable(f"Every search of the round failed: {' '.join(dict.fromkeys(failed.values()))}")


def _trace(
    state: ResearcherState,
    ranked: Sequence[Hit],
    statements: Sequence[Mapping[str, Any]],
    counts: Mapping[str, int],
) -> dict[str, Any]:
    plan = state["plan"]
    before = {(hit["page_id"], hit["start"]) for hit in state["evidence"]}
    found = [hit["query"] for hit in state["hits"] if hit["tool"] != ITEM]
    hits = [found.count(number) for number in range(len(plan["queries"]))]
    return {
        "request": plan["request"],
        "needs": plan["needs"],
        "queries": [{**query, "hits": count} for query, count in zip(plan["queries"], hits, strict=True)],
        "dropped_queries": plan["dropped"],
        "new_passages": sum((hit.page_id, hit.start) not in before for hit in ranked),
        "page_ids": list(dict.fromkeys(hit.page_id for hit in ranked))[:10],
        "statements": [statement["text"] for statement in statements],
        "corrected_citations": counts["corrected"],
        "dropped_citations": counts["dropped"],
    }


def _place(hit: Hit) -> str:
    return f"{hit.page_id}:{hit.start}"


def _ranked(hit: Hit, read: set[tuple[str, int]]) -> bool:
    """Whether a hit competes in this round: not when an earlier one has read it, unless its page is asked for."""
    return hit.tool == "page_id" or (hit.page_id, hit.start) not in read
