"""The Researcher: begin → plan → the searches side by side → integrate → reflect, and again, or present."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from ..nodes.answer import answer, wanted
from ..nodes.begin import begin
from ..nodes.embedder import Embedder
from ..nodes.index import embed
from ..nodes.integrate import integrate
from ..nodes.llm.step import step
from ..nodes.options import ResearchOptions
from ..nodes.plan import plan
from ..nodes.present import present
from ..nodes.reflect import go_on, reflect
from ..nodes.run_step import Backends
from ..nodes.search import PageSearch, Search, search
from ..nodes.standing import standing, standing_node
from ..nodes.states import ResearcherInput, ResearcherOutput, ResearcherState
from ..stores.archive import Archive


def researcher(
    archive: Archive,
    tools: Sequence[PageSearch],
    items: Search,
    embedder: Embedder,
    backends: Backends,
    weights: Mapping[str, float],
    options: ResearchOptions,
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """`{"question": …}` → the fields of `Research`; context: `ResearchOptions`.

    `items` answers whatever is searched by words or likeness, beside the tools. `weights` by tool. Before its first vector search a run embeds what has no vector of this model yet.
    """
    graph = StateGraph(
        ResearcherState, context_schema=type(options), input_schema=ResearcherInput, output_schema=ResearcherOutput
    )
    graph.add_node("begin", begin)
    graph.add_node("plan", step("plan", plan(archive, backends, tools, options)))
    graph.add_node("integrate", step("integrate", standing(archive, integrate(archive, backends, weights, options))))
    graph.add_node("reflect", step("reflect", standing(archive, reflect(backends, options))))
    graph.add_node("present", standing_node(archive, present(archive, options)))
    graph.add_node("answer", step("answer", answer(backends, options)))
    for tool in tools:
        name = f"search_{tool.name}"
        prepare = partial(embed, archive, embedder) if tool.embeds else None
        graph.add_node(name, step(name, search(tool, options, prepare)))
        graph.add_edge("plan", name)
        graph.add_edge(name, "integrate")
    graph.add_node("search_items", step("search_items", search(items, options, answers=("keyword", "vector"))))
    graph.add_edge("plan", "search_items")
    graph.add_edge("search_items", "integrate")
    graph.add_edge(START, "begin")
    graph.add_edge("begin", "plan")
    graph.add_edge("integrate", "reflect")
    graph.add_conditional_edges("reflect", go_on, ["plan", "present"])
    graph.add_conditional_edges("present", wanted(options), ["answer", END])
    graph.add_edge("answer", END)
    return graph.compile(name="researcher")
