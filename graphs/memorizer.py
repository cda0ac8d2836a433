"""The Memorizer: accept → split → memorize → file → index and curate; a session that was filed goes straight there."""

from __future__ import annotations

from typing import Annotated, Any

from langgraph.channels import UntrackedValue
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from ..nodes.accept import accept
from ..nodes.curate import ItemEditing, curate
from ..nodes.embedder import Embedder
from ..nodes.file import file, index
from ..nodes.llm.sync_async import make_node
from ..nodes.memorize import memorize
from ..nodes.options import MemorizeOptions
from ..nodes.run_step import Backends
from ..nodes.split import split
from ..nodes.states import MemorizerInput, MemorizerOutput, MemorizerState
from ..stores.index.item_index import ItemIndex
from ..stores.index.snapshot import NamespaceStore


class _State(MemorizerState, total=False):
    entry: Annotated[dict[str, Any] | None, UntrackedValue]  # the same type, in another channel


def memorizer(
    archive: NamespaceStore,
    item_index: ItemIndex,
    editing: ItemEditing,
    embedder: Embedder,
    backends: Backends,
    options: MemorizeOptions,
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """`{"session": …}` → `{"session_id", "page_ids", "duplicate", "usage", "failures", "edits"}`.

    Context: `MemorizeOptions`. `editing` changes memory items.
    """
    graph = StateGraph(
        _State, context_schema=MemorizeOptions, input_schema=MemorizerInput, output_schema=MemorizerOutput
    )
    graph.add_node("accept", accept(archive))
    graph.add_node("split", split(archive, options))
    graph.add_node("memorize", make_node("memorize", memorize(archive, backends, options)))
    graph.add_node("file", file(archive, embedder, backends, options))
    graph.add_node("index", make_node("index", index(archive, embedder, options)))
    graph.add_node("curate", make_node("curate", curate(archive, item_index, editing, backends, options)))
    graph.add_edge(START, "accept")
    graph.add_conditional_edges("accept", _filed_before, ["split", "index", "curate"])
    graph.add_edge("split", "memorize")
    graph.add_edge("memorize", "file")
    graph.add_edge("file", "index")
    graph.add_edge("file", "curate")
    graph.add_edge("index", END)
    graph.add_edge("curate", END)
    return graph.compile(name="memorizer")


def _filed_before(state: MemorizerState) -> list[str]:
    """Whatever an earlier run has left to do is done now."""
    return ["index", "curate"] if state["duplicate"] else ["split"]
