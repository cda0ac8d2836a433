"""Plan a round: what is needed to answer the request, and which searches to run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from langgraph.runtime import Runtime
from langgraph.types import Overwrite
from pydantic import BaseModel, Field

from ..stores.archive import Archive
from .ask import Answerer, Task
from .options import ResearchOptions, Tool, read
from .outline import outline
from .prompt import fence
from .states import ResearcherState
from .step import Body, Steps

_MOST_QUERIES = 16


class Query(BaseModel):
    """One search to run."""

    tool: Tool = Field(description="keyword: exact words; vector: meaning; page_id: ids, sessions, titles or times.")
    text: str = Field(min_length=1, max_length=2000, description="What to search for, in the form the tool takes.")


class SearchPlan(BaseModel):
    """What is needed, as questions of their own, and the searches, the surest first."""

    needs: list[str] = Field(default_factory=list, description="The pieces of information needed, one question each.")
    queries: list[Query] = Field(default_factory=list, description="Searches to run side by side, surest first.")


@dataclass(frozen=True, slots=True)
class PlanQuestion:
    """The whole question, what this round asks (`request`), names newly met, and what was found before."""

    question: str
    request: str
    names: Sequence[str]
    tools: Sequence[Tool]
    known: Sequence[str]
    outline: Callable[[], str]
    first: bool

    def shown(self) -> Mapping[str, str]:
        """For `prompts/plan.md`."""
        return {
            "question": self.question,
            "request": self.request,
            "tools": ", ".join(self.tools),
            "known": fence("\n".join(f"- {statement}" for statement in self.known)) if self.known else "Nothing yet.",
            "outline": self.outline(),
        }


PLAN = Task("plan", PlanQuestion, SearchPlan)


def plan(archive: Archive, answerer: Answerer, defaults: ResearchOptions) -> Body:
    """The node: request → plan; queries of tools that are off, and those asked before, are left out."""

    def node(state: ResearcherState, runtime: Runtime[Any]) -> Steps[dict[str, Any]]:
        options = read(runtime.context, defaults)
        request = state.get("request") or state["question"]
        question = PlanQuestion(
            question=state["question"],
            request=request,
            names=state.get("names") or [],
            tools=options.tools,
            known=[statement["text"] for statement in state.get("statements") or []],
            outline=partial(outline, archive, request),
            first=not state.get("rounds"),
        )
        answer, cost = yield from answerer.ask(PLAN, question)
        asked = list(state.get("asked") or [])
        queries: list[dict[str, Any]] = []
        for query in answer.queries:
            key = f"{query.tool}:{query.text}"
            if query.tool in options.tools and key not in asked and len(queries) < _MOST_QUERIES:
                asked.append(key)
                queries.append(query.model_dump())
        made = {"request": request, "needs": answer.needs, "queries": queries}
        runtime.stream_writer({"event": "planned", **made})
        return {"plan": made, "asked": asked, "hits": Overwrite([]), "usage": cost}

    return node
