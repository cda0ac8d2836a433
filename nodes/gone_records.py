"""What is left of a run's state when a record that it names has been deleted meanwhile."""

from __future__ import annotations

from typing import Any

from ..stores.index.snapshot import Snapshot
from .evidence import HitRow, record_id, row_record_id
from .states import ResearcherState


def without_gone(snapshot: Snapshot, state: ResearcherState) -> ResearcherState:
    """Hits, evidence and citations whose page or item is gone are left out, and statements that have no other citation.

    Called while a `RecordGone` is handled, which is raised again if nothing in the state is gone.
    """
    plain: dict[str, Any] = {**state}
    searches: list[dict[str, Any]] = plain.get("searches", [])
    lists: dict[str, list[HitRow]] = {name: plain[name] for name in ("evidence", "fresh") if name in plain}
    statements: list[dict[str, Any]] = plain.get("statements", [])
    named = [hit for search in searches for hit in search["hits"]] + [hit for hits in lists.values() for hit in hits]
    ids = {row_record_id(hit) for hit in named}
    ids |= {record_id(citation) for statement in statements for citation in statement["citations"]}
    gone = ids - snapshot.records(ids).keys()
    if not gone:
        raise
    left: Any = plain
    for name, hits in lists.items():
        left[name] = [hit for hit in hits if row_record_id(hit) not in gone]
    left["searches"] = [
        {**search, "hits": [hit for hit in search["hits"] if row_record_id(hit) not in gone]} for search in searches
    ]
    kept = [
        {**statement, "citations": [one for one in statement["citations"] if record_id(one) not in gone]}
        for statement in statements
    ]
    left["statements"] = [statement for statement in kept if statement["citations"]]
    return left  # type: ignore[no-any-return]
