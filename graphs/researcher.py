"""The Researcher: plan → three searches side by side → integrate → reflect, and again, or present."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from ..nodes.ask import Answerer
from ..nodes.integrate import integrate
from ..nodes.options import ResearchOptions
from ..nodes.plan import plan
from ..nodes.present import present
from ..nodes.reflect import go_on, reflect
from ..nodes.search import Search, search
from ..nodes.states import ResearcherInput, ResearcherOutput, ResearcherState
from ..nodes.step import step
from ..stores.archive import Archive


def researcher(
    archive: Archive,
    tools: Sequence[Search],
    answerers: Mapping[str, Answerer],
    weights: Mapping[str, float],
    options: ResearchOptions,
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """`{"question": …}` → the fields of `Research`; context: `ResearchOptions`.

    `answerers` by step (plan, integrate, reflect); `weights` by tool.
    """
    graph = StateGraph(
        ResearcherState, context_schema=ResearchOptions, input_schema=ResearcherInput, output_schema=ResearcherOutput
    )
    graph.add_node("plan", step("plan", plan(archive, answerers["plan"], options)))
    graph.add_node("integrate", step("integrate", integrate(archive, answerers["integrate"], weights)))
    graph.add_node("reflect", step("reflect", reflect(archive, answerers["reflect"], options)))
    graph.add_node("present", present(archive, options))
    for tool in tools:
        name = f"search_{tool.name}"
        graph.add_node(name, step(name, search(tool, options)))
        graph.add_edge("plan", name)
        graph.add_edge(name, "integrate")
    graph.add_edge(START, "plan")
    graph.add_edge("integrate", "reflect")
    graph.add_conditional_edges("reflect", go_on, ["plan", "present"])
    graph.add_edge("present", END)
    return graph.compile(name="researcher")
