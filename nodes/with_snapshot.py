"""Give a step of the Researcher its snapshot, and go on without what was erased while a model was thinking."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from langgraph.runtime import Runtime

from ..stores.errors import RecordGone
from ..stores.index.snapshot import NamespaceStore, Snapshot
from .evidence import record_id
from .llm.sync_async import Computation, NodeBody
from .states import ResearcherState

SnapshotBody = Callable[[ResearcherState, Runtime[Any], Snapshot], Computation[dict[str, Any]] | dict[str, Any]]


def with_snapshot(archive: NamespaceStore, body: SnapshotBody) -> NodeBody:
    """The step over one snapshot, taken when it begins; begun again over a new one where a record is gone by then."""

    def node(state: ResearcherState, runtime: Runtime[Any]) -> Computation[dict[str, Any]]:
        while True:
            try:
                result = body(state, runtime, archive.snapshot())
                return (yield from result) if isinstance(result, Generator) else result
            except RecordGone:
                state = _without_gone(archive.snapshot(), state)

    return node


def _without_gone(snapshot: Snapshot, state: ResearcherState) -> ResearcherState:
    """Hits, evidence and citations whose page or item is gone are left out, and statements that have no other citation.

    Called while a `RecordGone` is handled, which goes on where nothing in the state is gone.
    """
    plain: dict[str, Any] = {**state}
    searches: list[dict[str, Any]] = plain.get("searches", [])
    lists: dict[str, list[dict[str, Any]]] = {name: plain[name] for name in ("evidence", "fresh") if name in plain}
    statements: list[dict[str, Any]] = plain.get("statements", [])
    named = [hit for search in searches for hit in search["hits"]] + [hit for hits in lists.values() for hit in hits]
    named += [citation for statement in statements for citation in statement["citations"]]
    ids = {record_id(one) for one in named}
    gone = ids - snapshot.records(ids).keys()
    if not gone:
        raise
    left: Any = plain
    for name, hits in lists.items():
        left[name] = [hit for hit in hits if record_id(hit) not in gone]
    left["searches"] = [
        {**search, "hits": [hit for hit in search["hits"] if record_id(hit) not in gone]} for search in searches
    ]
    kept = [
        {**statement, "citations": [one for one in statement["citations"] if record_id(one) not in gone]}
        for statement in statements
    ]
    left["statements"] = [statement for statement in kept if statement["citations"]]
    return left  # type: ignore[no-any-return]
