"""Compiled graphs whose traces in LangSmith show no text."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

from langgraph.graph.state import CompiledStateGraph

from .stores.trace_guard import TraceLevel, guard_traces, is_traced

Graph = CompiledStateGraph[Any, Any, Any, Any]


class _UntracedGraph(Graph):
    """`invoke`, `batch` and the streams of events all go through `stream` and `astream`."""

    level: ClassVar[TraceLevel] = "none"

    def stream(self, input: Any, config: Any = None, **options: Any) -> Any:
        return self._guard("guarded_stream", partial(super().stream, input, **options), config)

    def astream(self, input: Any, config: Any = None, **options: Any) -> Any:
        return self._guard("guarded_astream", partial(super().astream, input, **options), config)

    def _guard(self, kind: str, run: Any, config: Any) -> Any:
        if not is_traced(config):
            return run(config)
        from .stores import private_tracer

        return getattr(private_tracer, kind)(run, self.level, config)

    def bulk_update_state(self, config: Any, supersteps: Any) -> Any:
        with guard_traces(self.level, config) as guarded:
            return super().bulk_update_state(guarded, supersteps)

    async def abulk_update_state(self, config: Any, supersteps: Any) -> Any:
        with guard_traces(self.level, config) as guarded:
            return await super().abulk_update_state(guarded, supersteps)


class _TextlessGraph(_UntracedGraph):
    level = "names"


def guard_graph(graph: Graph, level: TraceLevel) -> Graph:
    """The graph, traced up to the level."""
    if level != "content":
        graph.__class__ = _UntracedGraph if level == "none" else _TextlessGraph
    return graph
