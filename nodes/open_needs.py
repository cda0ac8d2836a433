"""What a model has left open when it calls its answer complete too soon."""

from __future__ import annotations

from ..stores.index.snapshot import Snapshot
from .evidence import record_id
from .states import ResearcherState
from .support import uncovered_needs


def find_open_needs(state: ResearcherState, snapshot: Snapshot) -> list[str]:
    """The needs of the first plan of which no statement, quote or header of a cited page has a word: a model calls its
    answer complete too soon."""
    needs = state["rounds"][0]["needs"] if state["rounds"] else state["plan"]["needs"]
    texts = [one["text"] for one in state["statements"]]
    for citation in (citation for one in state["statements"] for citation in one["citations"]):
        texts += [citation["quote"], snapshot.record(record_id(citation)).header]
    return uncovered_needs(needs, state["dated_question"], texts) if texts else []
