"""The Memorizer: accept → split → memorize → file → index; a session that was filed before goes straight to index."""

from __future__ import annotations

from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from ..nodes.accept import accept
from ..nodes.embedder import Embedder
from ..nodes.file import file
from ..nodes.index import index
from ..nodes.memorize import memorize
from ..nodes.options import MemorizeOptions
from ..nodes.split import split
from ..nodes.states import MemorizerInput, MemorizerOutput, MemorizerState
from ..nodes.step import step
from ..nodes.turn import Answerers
from ..stores.archive import Archive


def memorizer(
    archive: Archive, embedder: Embedder, answerers: Answerers, options: MemorizeOptions
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """`{"session": …}` → `{"session_id", "page_ids", "duplicate", "usage", "failures"}`; context: `MemorizeOptions`."""
    graph = StateGraph(
        MemorizerState, context_schema=MemorizeOptions, input_schema=MemorizerInput, output_schema=MemorizerOutput
    )
    graph.add_node("accept", accept(archive))
    graph.add_node("split", split(archive, options))
    graph.add_node("memorize", step("memorize", memorize(archive, answerers, options)))
    graph.add_node("file", file(archive))
    graph.add_node("index", step("index", index(archive, embedder, options)))
    graph.add_edge(START, "accept")
    graph.add_conditional_edges("accept", lambda state: "index" if state["duplicate"] else "split", ["split", "index"])
    graph.add_edge("split", "memorize")
    graph.add_edge("memorize", "file")
    graph.add_edge("file", "index")
    graph.add_edge("index", END)
    return graph.compile(name="memorizer")
