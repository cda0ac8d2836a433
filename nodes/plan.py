"""Plan a round: what is needed to answer the request, and which searches to run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import GenericAlias
from typing import Annotated, Any, Protocol, get_args

from langgraph.runtime import Runtime
from langgraph.types import Overwrite
from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema, create_model

from ..stores.errors import BadInput
from ..stores.index.snapshot import Snapshot
from ..stores.times import add_dates, moment
from .llm.ask import StepSpec
from .llm.sync_async import Computation
from .options import BaseResearchOptions, QuestionKind, options_in, question_kind
from .run_step import Backends, SnapshotBody, research_policy, run_step
from .states import ResearcherState

ITEM_QUERIES = ("keyword", "vector")
"""The searches whose queries memory items answer, too."""
_MOST_QUERIES = 16
_LONGEST_QUERY = 2000  # characters
_ALSO_CALLED = {"bm25": "keyword", "lexical": "keyword", "semantic": "vector", "embedding": "vector", "id": "page_id"}
_ALSO_CALLED |= {"page": "page_id", "pages": "page_id", "page_ids": "page_id", "keywords": "keyword"}


class PlannedSearch(Protocol):
    """A search as far as a plan needs it. `query_form` is what a query is; the rest is what rules ask of it."""

    @property
    def name(self) -> str: ...

    @property
    def query_form(self) -> str: ...

    def for_question(self, snapshot: Snapshot, text: str) -> Sequence[str]: ...

    def for_names(self, snapshot: Snapshot, names: Sequence[str], wanted: str) -> Sequence[str]: ...


def _as_kind(value: object) -> object:
    """None for what is no kind: a plan is worth more than its kind."""
    return value if value in get_args(QuestionKind) else None


class Query(BaseModel):
    """One search to run."""

    tool: str = Field(description="The name of the search.")
    text: str = Field(description="What to search for, in the form the tool takes.")


class SearchPlan(BaseModel):
    """What is needed, as questions of their own, and the searches, the surest first."""

    needs: list[str] = Field(default_factory=list, description="The pieces of information needed, one question each.")
    queries: list[Query] = Field(description="Searches to run side by side, surest first.")
    kind: Annotated[QuestionKind | None, BeforeValidator(_as_kind)] = Field(
        default=None, description="One thing, or many places."
    )


@dataclass(frozen=True, slots=True)
class PlanQuestion:
    """The whole question, what this round asks (`request`), new names, and what was found before."""

    question: str
    request: str
    names: Sequence[str]
    searches: Sequence[PlannedSearch]
    known: Sequence[Mapping[str, Any]]
    first: bool
    snapshot: Snapshot

    def prompt_values(self, share: float) -> Mapping[str, str]:
        """For `llm/prompts/plan.md`."""
        from .prompt_parts import plan_values

        return plan_values(self, share)


PLAN = StepSpec("plan", PlanQuestion, SearchPlan)


def plan_spec(searches: Sequence[PlannedSearch]) -> StepSpec[PlanQuestion, SearchPlan]:
    """`PLAN` in a form of its own, which names the searches that there are and tells what to ask each."""
    names = [search.name for search in searches]
    asked = "; ".join(f"{search.name}: {search.query_form}" for search in searches) + "."
    tool = Annotated[str, WithJsonSchema({"type": "string", "enum": names})]
    query = create_model("Query", __base__=Query, __doc__=Query.__doc__, tool=(tool, Field(description=asked)))
    some: Any = GenericAlias(list, query)
    queries = Field(description=SearchPlan.model_fields["queries"].description)
    plan = create_model("SearchPlan", __base__=SearchPlan, __doc__=SearchPlan.__doc__, queries=(some, queries))
    return replace(PLAN, answer=plan)


def plan(backends: Backends, searches: Sequence[PlannedSearch], defaults: BaseResearchOptions) -> SnapshotBody:
    """The node: request → plan. Queries of tools that are off, of tools that do not exist, without a text, and those
    asked before are left out.

    The request itself is searched in every tool that is on, whatever a model plans: those are the first `own` queries.
    """
    spec = plan_spec(searches)
    named = {search.name: search for search in searches}

    def node(state: ResearcherState, runtime: Runtime[Any], snapshot: Snapshot) -> Computation[dict[str, Any]]:
        options = options_in(runtime.context, defaults)
        request = state["request"]
        question = PlanQuestion(
            question=state["dated_question"],
            request=request,
            names=state["names"],
            searches=[named[name] for name in options.tools],
            known=state["statements"],
            first=not state["rounds"],
            snapshot=snapshot,
        )
        policy = research_policy(state, options, required=question.first)
        answer, changes = yield from run_step(backends, spec, question, policy, runtime.stream_writer)
        asked = list(state["asked"])
        own: list[dict[str, Any]] = []
        if backends.has_model(spec.name) and not policy.by_rules:
            from .model_plan import clean_plan, queries_of_request

            own = queries_of_request(question, _LONGEST_QUERY)
            answer = answer and clean_plan(answer, question, small=backends.share(spec.name) < 1)
        keys = [_key(query["tool"], query["text"]) for query in own]
        added, dropped = runnable_queries(answer, options.tools, [*asked, *keys]) if answer else ([], 0)
        queries = [query for query, key in zip(own, keys, strict=True) if key not in asked]
        first_plan = state["rounds"][0] if state["rounds"] else None
        kind = (
            first_plan["kind"]
            if first_plan
            else question_kind(request, answer.kind if answer else None, options.breadth)
        )
        made = {
            "request": request,
            "kind": kind,
            "needs": answer.needs if answer else [],
            "queries": [*queries, *added],
            "dropped": dropped,
            "own": len(queries),
        }
        queries = [*queries, *added]
        runtime.stream_writer({"event": "planned", **made})
        asked += [_key(query["tool"], query["text"]) for query in queries]
        return {"plan": made, "asked": asked, "searches": Overwrite([]), **changes}

    return node


def route_after_plan(items: str) -> Callable[[ResearcherState], list[str]]:
    """The edge after plan: each search that has a query, side by side; `items` answers those of words and vectors, too."""

    def edge(state: ResearcherState) -> list[str]:
        names = list(dict.fromkeys(query["tool"] for query in state["plan"]["queries"]))
        if not set(ITEM_QUERIES).isdisjoint(names):
            names.append(items)
        return [f"search_{name}" for name in names] or ["rank"]

    return edge


def runnable_queries(plan: SearchPlan, tools: Sequence[str], asked: Sequence[str]) -> tuple[list[dict[str, Any]], int]:
    """The queries to run, and how many were dropped because they cannot be run."""
    queries: list[dict[str, Any]] = []
    seen, dropped = set(asked), 0
    for query in plan.queries:
        tool = query.tool.strip().lower().removeprefix("search_")
        tool, text = _ALSO_CALLED.get(tool, tool), query.text.strip()[:_LONGEST_QUERY]
        if tool not in tools or not text:
            dropped += 1
        elif _key(tool, text) not in seen and len(queries) < _MOST_QUERIES:
            seen.add(_key(tool, text))
            queries.append({"tool": tool, "text": text})
    return queries, dropped


def _key(tool: str, text: str) -> str:
    return f"{tool}:{text}"


def begin(defaults: BaseResearchOptions) -> Callable[..., dict[str, Any]]:
    """The node: a question → the initial state of a run, with its start time."""

    def node(state: ResearcherState, runtime: Runtime[Any]) -> dict[str, Any]:
        question: object = state.get("question")
        if not isinstance(question, str) or not question.strip():
            raise BadInput('The Researcher needs a question with at least one word: {"question": "…"}.')
        dated = add_dates(question, moment(options_in(runtime.context, defaults).now))
        return {**_INITIAL, "started": time.time(), "dated_question": dated, "request": dated}

    return node


_INITIAL: Mapping[str, Any] = {
    "stop_reason": "",
    "names": [],
    "searches": Overwrite([]),
    "evidence": [],
    "fresh": [],
    "read": [],
    "found_by_question": [],
    "instructions": [],
    "statements": [],
    "asked": [],
    "rounds": Overwrite([]),
    "usage": Overwrite([]),
    "failures": Overwrite([]),
    "answer": "",
    "answer_citations": [],
}
