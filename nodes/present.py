"""Present: the smallest context that does the job, within its budget, every statement with its citation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langgraph.runtime import Runtime

from ..stores.archive import Archive
from .cite import as_values
from .context import Context
from .evidence import as_hit
from .options import ResearchOptions, read
from .outputs import OUTPUTS, Material
from .states import ResearcherState

_ENDED = {
    "budget": "The search was ended early: its budget was used up.",
    "failure": "The search was ended early: a model failed.",
}


def present(archive: Archive, defaults: ResearchOptions) -> Callable[..., dict[str, Any]]:
    """The node: statements and evidence → context, citations, and page ids, the cited ones first."""

    def node(state: ResearcherState, runtime: Runtime[Any]) -> dict[str, Any]:
        options = read(runtime.context, defaults)
        evidence = [as_hit(hit) for hit in state["evidence"]]
        cited = [citation["page_id"] for statement in state["statements"] for citation in statement["citations"]]
        page_ids = list(dict.fromkeys([*cited, *(hit.page_id for hit in evidence)]))[: options.pages]
        context = Context(archive, options.context_tokens)
        context.add_statements(_of(page_ids, state["statements"]))
        context.add_remark(remark(state))
        context.add_passages(OUTPUTS[options.output](Material(archive, evidence, page_ids, options.pages)))
        text, citations = context.text()
        named = dict.fromkeys(origin for page_id in page_ids for origin in archive.origins(page_id))
        return {"context": text, "citations": [as_values(citation) for citation in citations], "page_ids": list(named)}

    return node


def _of(page_ids: Sequence[str], statements: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The statements with what they cite of these pages; one that cites none of them is left out."""
    kept = []
    for statement in statements:
        citations = [citation for citation in statement["citations"] if citation["page_id"] in page_ids]
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
