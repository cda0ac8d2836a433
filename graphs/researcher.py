"""The Researcher: begin → plan → the searches side by side → rank → integrate → reflect, and again, or present."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from langchain_core.documents import BaseDocumentCompressor
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from ..nodes.embedder import Embedder, embed_if_room
from ..nodes.integrate import integrate
from ..nodes.llm.sync_async import make_node
from ..nodes.options import BaseResearchOptions
from ..nodes.plan import ITEM_QUERIES, begin, plan, route_after_plan
from ..nodes.present import present, route_after_present
from ..nodes.rank import rank
from ..nodes.reflect import reflect, route_after_reflect
from ..nodes.rules.confidence import research_confidence
from ..nodes.run_step import Backends, SnapshotBody, with_snapshot
from ..nodes.search import NodeSearch, PageNodeSearch, search
from ..nodes.states import ResearcherInput, ResearcherOutput, ResearcherState
from ..stores.index.item_index import ItemIndex
from ..stores.index.snapshot import NamespaceStore


def _answer() -> Any:
    """The step that few questions ask for."""
    from ..nodes.answer import answer

    return answer


def researcher(
    archive: NamespaceStore,
    item_index: ItemIndex,
    tools: Sequence[PageNodeSearch],
    items: NodeSearch,
    embedder: Embedder,
    backends: Backends,
    weights: Mapping[str, float],
    options: BaseResearchOptions,
    reranker: BaseDocumentCompressor | None = None,
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """`{"question": …}` → the fields of `Research`; context: `ResearchOptions`.

    `items` answers whatever is searched by words or likeness, beside the tools. `weights` by tool. Before its first
    vector search a run embeds what has no vector of this model yet. `reranker` reorders the first hits of each round.
    """
    graph = StateGraph(
        ResearcherState, context_schema=type(options), input_schema=ResearcherInput, output_schema=ResearcherOutput
    )

    def reading(name: str, body: SnapshotBody) -> None:
        graph.add_node(name, make_node(name, with_snapshot(archive, body, starts=name == "plan")))

    graph.add_node("begin", begin(options))
    reading("plan", plan(backends, tools, options))
    reading("rank", rank(backends, weights, options, reranker))
    reading("integrate", integrate(backends, options))
    reading("reflect", reflect(backends, options))
    reading("present", present(backends, research_confidence, options))
    reading("answer", lambda *given: _answer()(backends, options)(*given))
    page_vectors, item_vectors = (partial(embed_if_room, what, embedder) for what in (archive, item_index))
    searches = [(search(archive, tool, options, page_vectors), tool.name) for tool in tools]
    searches.append((search(archive, items, options, item_vectors, answers=ITEM_QUERIES), items.name))
    for body, name in searches:
        graph.add_node(f"search_{name}", make_node(f"search_{name}", body))
        graph.add_edge(f"search_{name}", "rank")
    graph.add_conditional_edges(
        "plan", route_after_plan(items.name), [*(f"search_{name}" for _, name in searches), "rank"]
    )
    graph.add_edge(START, "begin")
    graph.add_edge("begin", "plan")
    graph.add_edge("rank", "integrate")
    graph.add_edge("integrate", "reflect")
    graph.add_conditional_edges("reflect", route_after_reflect, ["plan", "present"])
    graph.add_conditional_edges("present", route_after_present(options), ["answer", END])
    graph.add_edge("answer", END)
    return graph.compile(name="researcher")
