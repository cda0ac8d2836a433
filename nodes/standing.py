"""Go on without what was forgotten while a research was under way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from langgraph.runtime import Runtime

from ..stores.archive import Archive
from ..stores.errors import UnknownRecord
from .llm.step import Body, Steps
from .states import ResearcherState

Node = Callable[..., dict[str, Any]]


def standing(archive: Archive, body: Body) -> Body:
    """The step, with what stands when it begins; begun again where something is forgotten in the middle of it."""

    def node(state: ResearcherState, runtime: Runtime[Any]) -> Steps[dict[str, Any]]:
        archive.catch_up()
        while True:
            try:
                return (yield from body(state, runtime))
            except UnknownRecord:
                state = _without(archive, state)

    return node


def standing_node(archive: Archive, node: Node) -> Node:
    """The same for a step that waits for nobody."""

    def again(state: ResearcherState, runtime: Runtime[Any]) -> dict[str, Any]:
        archive.catch_up()
        while True:
            try:
                return node(state, runtime)
            except UnknownRecord:
                state = _without(archive, state)

    return again


def _without(archive: Archive, state: ResearcherState) -> ResearcherState:
    """Hits, evidence and citations whose page or item is gone are left out, and statements that stand on no other.

    Called while an `UnknownRecord` is handled, which goes on where nothing is gone: it means something else.
    """
    found: list[dict[str, Any]] = [*state.get("hits", []), *state.get("evidence", [])]
    said: list[dict[str, Any]] = list(state.get("statements", []))
    cited = [citation["page_id"] for statement in said for citation in statement["citations"]]
    gone = archive.gone([*(hit["page_id"] for hit in found), *cited])
    if not gone:
        raise
    statements = []
    for statement in said:
        citations = [citation for citation in statement["citations"] if citation["page_id"] not in gone]
        if citations:
            statements.append({**statement, "citations": citations})
    left: Any = {**state, "statements": statements}
    for name in ("hits", "evidence"):
        if name in state:
            left[name] = [hit for hit in left[name] if hit["page_id"] not in gone]
    return left  # type: ignore[no-any-return]
