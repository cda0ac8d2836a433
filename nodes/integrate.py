"""Integrate: bring this round's hits into the evidence, and what they say into what is known, each with its source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langgraph.runtime import Runtime
from pydantic import BaseModel, Field
from pydantic.json_schema import SkipJsonSchema

from ..stores.archive import Archive
from ..stores.fusion import fuse, named_speaker
from ..stores.records import Hit
from .ask import Answerer, Task
from .cite import as_values, cite
from .evidence import EVIDENCE, READ, as_hit, as_plain, merged, shown
from .prompt import fence
from .states import ResearcherState
from .step import Body, Steps


class Source(BaseModel):
    """Where a statement stands."""

    page_id: str = Field(description="The id of the page, as the evidence gives it.")
    quote: str = Field(min_length=1, description="The words of the page that say it, copied exactly.")
    start: SkipJsonSchema[int | None] = None  # known to the rules, which copy spans


class Statement(BaseModel):
    """One thing that is known now."""

    text: str = Field(min_length=1, description="One statement that helps to answer the question.")
    sources: list[Source] = Field(description="The passages that say it, at least one.")


class Integration(BaseModel):
    """What is known so far that helps to answer the question; empty when nothing does."""

    statements: list[Statement] = Field(default_factory=list)


@dataclass(frozen=True, slots=True)
class IntegrateQuestion:
    """`evidence` is all so far, best first; `fresh` what this round brought to it."""

    question: str
    request: str
    known: Sequence[Mapping[str, Any]]
    evidence: Sequence[Hit]
    fresh: Sequence[Hit]
    archive: Archive

    def shown(self) -> Mapping[str, str]:
        """For `prompts/integrate.md`."""
        known = [
            f"- {s['text']} " + " ".join(f"({c['page_id']}: “{c['quote']}”)" for c in s["citations"])
            for s in self.known
        ]
        return {
            "question": self.question,
            "request": self.request,
            "known": fence("\n".join(known)) if known else "Nothing yet.",
            "evidence": shown(self.archive, self.fresh),
        }


INTEGRATE = Task("integrate", IntegrateQuestion, Integration)


def integrate(archive: Archive, answerer: Answerer, weight: Mapping[str, float]) -> Body:
    """The node: hits → evidence (fused, merged) and statements whose quotes were found on their pages."""

    def node(state: ResearcherState, runtime: Runtime[Any]) -> Steps[dict[str, Any]]:
        queries = state["plan"]["queries"]
        hits = [(hit["query"], as_hit(hit)) for hit in state["hits"]]
        before = [as_hit(hit) for hit in state.get("evidence") or []]
        read = {(hit.page_id, hit.start) for hit in before[:READ]}
        searches = [
            (query["tool"], [hit for at, hit in hits if at == number and _ranked(hit, read)])
            for number, query in enumerate(queries)
        ]
        fresh = fuse(searches, weight, named_speaker(archive.speakers, state["question"]))
        evidence = merged(before, fresh)[:EVIDENCE]
        known = state.get("statements") or []
        seen = {(hit.page_id, hit.start) for hit in before}
        question = IntegrateQuestion(
            question=state["question"],
            request=state["plan"]["request"],
            known=known,
            evidence=evidence,
            fresh=[hit for hit in fresh if (hit.page_id, hit.start) not in seen],
            archive=archive,
        )
        answer, cost = yield from answerer.ask(INTEGRATE, question)
        retrieved = {hit.page_id for hit in evidence}
        statements, dropped = [], 0
        for statement in answer.statements:
            found = [cite(archive, s.page_id, s.quote, s.start) for s in statement.sources if s.page_id in retrieved]
            citations = [as_values(citation) for citation in found if citation is not None]
            dropped += len(statement.sources) - len(citations)
            if citations:
                statements.append({"text": statement.text, "citations": citations})
        runtime.stream_writer({"event": "integrated", "statements": [s["text"] for s in statements]})
        counts = [len([1 for at, _ in hits if at == number]) for number in range(len(queries))]
        trace = {
            "request": state["plan"]["request"],
            "needs": state["plan"]["needs"],
            "queries": [{**query, "hits": count} for query, count in zip(queries, counts, strict=True)],
            "new_passages": len(question.fresh),
            "page_ids": list(dict.fromkeys(hit.page_id for hit in fresh))[:10],
            "statements": [statement["text"] for statement in statements],
            "dropped_citations": dropped,
        }
        return {
            "evidence": [as_plain(hit) for hit in evidence],
            "statements": statements,
            "round": trace,
            "usage": cost,
        }

    return node


def _ranked(hit: Hit, read: set[tuple[str, int]]) -> bool:
    """Whether a hit competes in this round: not when an earlier one has read it, unless its page is asked for."""
    return hit.tool == "page_id" or (hit.page_id, hit.start) not in read
