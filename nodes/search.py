"""Run every planned search of one tool; the three tools are three branches, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from langgraph.runtime import Runtime

from ..stores.records import Hit
from .evidence import as_plain
from .options import ResearchOptions, read
from .states import ResearcherState
from .step import Body, Steps, Wait

_LEAST = 20  # passages of one query; several queries share the number that a search may return


class Search(Protocol):
    """A search tool as this step needs it. `name` is what plans and hits call it."""

    @property
    def name(self) -> str: ...

    def search(self, query: str, k: int) -> Sequence[Hit]: ...

    async def asearch(self, query: str, k: int) -> Sequence[Hit]: ...


def search(tool: Search, defaults: ResearchOptions) -> Body:
    """The node: the plan's queries for this tool → hits, each with the number of its query in the plan."""

    def node(state: ResearcherState, runtime: Runtime[Any]) -> Steps[dict[str, Any]]:
        queries = [(n, query["text"]) for n, query in enumerate(state["plan"]["queries"]) if query["tool"] == tool.name]
        k = max(_LEAST, read(runtime.context, defaults).k // max(1, len(queries)))
        hits: list[dict[str, Any]] = []
        for number, text in queries:
            found = yield Wait(
                lambda text=text: tool.search(text, k),  # type: ignore[misc]
                lambda text=text: tool.asearch(text, k),  # type: ignore[misc]
            )
            runtime.stream_writer({"event": "found", "tool": tool.name, "query": text, "hits": len(found)})
            hits += [{**as_plain(hit), "query": number} for hit in found]
        return {"hits": hits}

    return node
