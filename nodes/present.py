"""Present: the smallest context that does the job, within its budget, every statement with its citation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langgraph.runtime import Runtime

from ..stores.index.snapshot import Snapshot
from .citations import as_values
from .context import Context
from .evidence import hit_from_state, record_id
from .options import BaseResearchOptions, options_in
from .outputs import OUTPUTS, Material
from .states import ResearcherState
from .with_snapshot import SnapshotBody

_ENDED = {
    "budget": "The search was ended early: its budget was used up.",
    "failure": "The search was ended early: a model failed.",
}


def present(defaults: BaseResearchOptions) -> SnapshotBody:
    """The node: statements and evidence → context, citations, and page ids, the cited ones first."""

    def node(state: ResearcherState, runtime: Runtime[Any], snapshot: Snapshot) -> dict[str, Any]:
        options = options_in(runtime.context, defaults)
        cited = [record_id(citation) for statement in state["statements"] for citation in statement["citations"]]
        ids = list(dict.fromkeys([*cited, *(record_id(hit) for hit in state["evidence"])]))[: options.pages]
        snapshot.records([*ids, *cited])
        named = set(ids)
        evidence = [hit_from_state(hit) for hit in state["evidence"] if record_id(hit) in named]
        context = Context(snapshot, options.context_tokens)
        context.add_statements(_of(ids, state["statements"]))
        context.add_remark(remark(state))
        context.add_passages(OUTPUTS[options.output](Material(snapshot, evidence, ids, options.pages)))
        text, citations = context.text()
        return {
            "context": text,
            "citations": [as_values(citation) for citation in citations],
            "page_ids": snapshot.origins(ids),
        }

    return node


def _of(ids: Sequence[str], statements: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The statements with what they cite of these pages and items; one that cites none of them is left out."""
    kept = []
    for statement in statements:
        citations = [citation for citation in statement["citations"] if record_id(citation) in ids]
        if citations:
            kept.append({**statement, "citations": citations})
    return kept


def remark(state: ResearcherState) -> str:
    """What a reader must know of the gaps: nothing when it is enough."""
    unmet = ", ".join(state["unmet"])
    if state["stopped"] == "no_evidence":
        return f"Not in memory: {unmet or state['question'].strip().rstrip('?!.')}."
    ended = _ENDED.get(state["stopped"], "")
    return " ".join(part for part in (f"Not found: {unmet}." if unmet else "", ended) if part)
