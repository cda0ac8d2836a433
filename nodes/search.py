"""Run every planned search of one tool; each tool is a branch, side by side with the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from ..stores.errors import ModelError
from ..stores.index.snapshot import NamespaceStore, Snapshot
from ..stores.records import Hit
from ..stores.truth.embeddings import ModelChanged
from .evidence import hits_to_state
from .llm.sync_async import Computation, NodeBody, Wait
from .options import BaseResearchOptions, options_in
from .plan import PlannedSearch
from .run_step import SNAPSHOT_AGE_S
from .states import ResearcherState

if TYPE_CHECKING:
    from langgraph.runtime import Runtime

_LEAST_S = 0.5  # a search without a provider takes milliseconds, and may always be made
_LEAST = 20  # passages of one query; several queries share the number that a search may return
_SHOWN = 8  # of them, in the event of a search


class NodeSearch(Protocol):
    """A search tool as this step needs it. `name` is what plans and hits call it; `embeds`: it reads vectors, and those
    that are missing are made first."""

    @property
    def name(self) -> str: ...

    @property
    def embeds(self) -> bool: ...

    def search(self, snapshot: Snapshot, query: str, k: int) -> Sequence[Hit]: ...

    async def asearch(self, snapshot: Snapshot, query: str, k: int) -> Sequence[Hit]: ...


class PageNodeSearch(NodeSearch, PlannedSearch, Protocol):
    """A search of the pages."""


def search(
    archive: NamespaceStore,
    tool: NodeSearch,
    defaults: BaseResearchOptions,
    prepare: Callable[[bool, bool], Computation[str | None]],
    answers: Sequence[str] = (),
) -> NodeBody:
    """The node: the plan's queries for this tool → for each its place in the plan and what it found, all in one
    snapshot.

    `answers` are the tools whose queries it answers, where these are not its own. Before a search that reads vectors
    `prepare(changed, waiting)` is done: with `changed` before a second try, when the embedding model turned out to be
    another, and not `waiting` where the snapshot knows that nothing lacks a vector. What it says, and a model that fails, which costs the round this search, are named in `failures`.
    """

    def node(state: ResearcherState, runtime: Runtime[Any]) -> Computation[dict[str, Any]]:
        planned = enumerate(state["plan"]["queries"])
        texts = {query["text"]: n for n, query in planned if query["tool"] in (answers or (tool.name,))}
        queries = [(n, text) for text, n in texts.items()]
        if not queries:
            return {}
        options = options_in(runtime.context, defaults)
        k = max(_LEAST, options.candidates // len(queries))
        left = options.budget.remaining_s(state["started"]) if options.budget else None
        searches: list[dict[str, Any]] = []
        failures: list[dict[str, Any]] = []

        def run_queries(changed: bool) -> Computation[None]:
            snapshot = archive.snapshot(SNAPSHOT_AGE_S)
            if tool.embeds:
                if missing := (yield from prepare(changed, bool(answers) or snapshot.extent.unembedded)):
                    failure = {"step": "embed", "error": "StoreFull", "message": missing}
                    if failure not in [*state["failures"], *failures]:
                        failures.append(failure)
                snapshot = archive.snapshot(0.0 if snapshot.extent.unembedded else SNAPSHOT_AGE_S)
            for number, text in queries:
                searching: Wait[Sequence[Hit]] = Wait(
                    partial(tool.search, snapshot, text, k), partial(tool.asearch, snapshot, text, k)
                )
                if left is not None:
                    from .llm.retry import with_timeout

                    searching = with_timeout(searching, max(_LEAST_S, left))
                found = yield searching
                if found or not answers:
                    best = [{name: getattr(hit, name) for name in Hit.__slots__} for hit in found[:_SHOWN]]
                    counted = {"hits": len(found), "best": best}
                    runtime.stream_writer({"event": "found", "tool": tool.name, "query": text, **counted})
                searches.append({"tool": tool.name, "query": number, "hits": hits_to_state(found)})

        try:
            try:
                yield from run_queries(False)
            except ModelChanged:
                searches.clear()
                yield from run_queries(True)
        except (ModelError, TimeoutError) as error:
            message = str(error) or "The budget's seconds are used up."
            failures.append({"step": f"search_{tool.name}", "error": type(error).__name__, "message": message})
        for failure in failures:
            runtime.stream_writer({"event": "failed", **failure})
        return {"searches": searches, "failures": failures}

    return node
