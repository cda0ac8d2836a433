"""Run every planned search of one tool; each tool is a branch, side by side with the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from langgraph.runtime import Runtime

from ..stores.embeddings import ModelChanged
from ..stores.errors import ModelError
from ..stores.records import Hit
from .evidence import as_plain
from .llm.retry import with_timeout
from .llm.step import Body, Steps, Wait
from .llm.usage_tracker import UsageTracker
from .options import ResearchOptions, read
from .plan import Asked
from .states import ResearcherState

_LEAST_S = 0.5  # a search without a provider takes milliseconds, and may always be made
_LEAST = 20  # passages of one query; several queries share the number that a search may return


class Search(Protocol):
    """A search tool as this step needs it. `name` is what plans and hits call it."""

    @property
    def name(self) -> str: ...

    def search(self, query: str, k: int) -> Sequence[Hit]: ...

    async def asearch(self, query: str, k: int) -> Sequence[Hit]: ...


class PageSearch(Search, Asked, Protocol):
    """A search of the pages. `embeds`: it reads vectors, and those that are missing are made first."""

    @property
    def embeds(self) -> bool: ...


def search(
    tool: Search,
    defaults: ResearchOptions,
    prepare: Callable[[bool], Steps[None]] | None = None,
    answers: Sequence[str] = (),
) -> Body:
    """The node: the plan's queries for this tool → hits, each with the number of its query in the plan.

    `answers` are the tools whose queries it answers, where these are not its own. `prepare(False)` is done first when there is anything to search, and `prepare(True)` before a second try when the
    embedding model turned out to be another. A model that fails costs the round this search, and is named in
    `failures`.
    """

    def node(state: ResearcherState, runtime: Runtime[Any]) -> Steps[dict[str, Any]]:
        planned = enumerate(state["plan"]["queries"])
        texts = {query["text"]: n for n, query in planned if query["tool"] in (answers or (tool.name,))}
        queries = [(n, text) for text, n in texts.items()]
        if not queries:
            return {}
        options = read(runtime.context, defaults)
        k = max(_LEAST, options.k // len(queries))
        remaining_s = UsageTracker(options.budget, started=state["started"]).remaining_s()
        hits: list[dict[str, Any]] = []

        def searched(changed: bool) -> Steps[None]:
            if prepare is not None:
                yield from prepare(changed)
            for number, text in queries:
                searching: Wait[Sequence[Hit]] = Wait(partial(tool.search, text, k), partial(tool.asearch, text, k))
                found = yield searching if remaining_s is None else with_timeout(searching, max(_LEAST_S, remaining_s))
                if found or not answers:
                    runtime.stream_writer({"event": "found", "tool": tool.name, "query": text, "hits": len(found)})
                hits.extend({**as_plain(hit), "query": number} for hit in found)

        try:
            try:
                yield from searched(False)
            except ModelChanged:
                hits.clear()
                yield from searched(True)
        except (ModelError, TimeoutError) as error:
            told = str(error) or "The budget's seconds are used up."
            failure = {"step": f"search_{tool.name}", "error": type(error).__name__, "message": told}
            runtime.stream_writer({"event": "failed", **failure})
            return {"hits": hits, "failures": [failure]}
        return {"hits": hits}

    return node
