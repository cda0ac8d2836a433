"""Rank: fuse what the searches of a round found, rerank the best, and merge them into the evidence of earlier rounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from langchain_core.documents import BaseDocumentCompressor

from ..stores.errors import ModelError, ModelUnavailable
from ..stores.index.fusion import ITEMS, merge, rank_for, with_unfound
from ..stores.index.snapshot import Snapshot
from ..stores.records import Hit
from ..stores.token_size import CHARS_PER_TOKEN
from .evidence import EVIDENCE, READ, hits_from_state, hits_to_state, place_of
from .llm.sync_async import Computation
from .options import BROAD, BaseResearchOptions, options_in
from .run_step import Backends, SnapshotBody
from .states import ResearcherState

if TYPE_CHECKING:
    from langgraph.runtime import Runtime


def rank(
    backends: Backends,
    weight: Mapping[str, float],
    defaults: BaseResearchOptions,
    reranker: BaseDocumentCompressor | None = None,
) -> SnapshotBody:
    """The node: hits of every search → the evidence, and where a model integrates, what of it is new to this round.

    With a `reranker` the first hits are put into its order. If it fails, the round continues with the fused order, and
    `failures` names it.
    """
    from langgraph.types import Overwrite

    def node(state: ResearcherState, runtime: Runtime[Any], snapshot: Snapshot) -> Computation[dict[str, Any]]:
        options = options_in(runtime.context, defaults)
        _check_searches(state)
        before = list(hits_from_state(state["evidence"]))
        queries, own = state["plan"]["queries"], state["plan"]["own"]
        known_text = options.known_text
        ranked = _rank_round(snapshot, weight, state, before, len(queries), known_text)
        first = not state["rounds"]
        question_hits: list[Hit] = []
        if first and own:
            question_hits = (
                ranked if own == len(queries) else _rank_round(snapshot, weight, state, before, own, known_text)
            )
        failures: list[dict[str, Any]] = []
        if reranker is not None and ranked:
            from .rerank import TIMEOUT_S, rerank  # few have one

            left_s = options.budget.remaining_s(state["started"]) if options.budget else None
            timeout_s = TIMEOUT_S if left_s is None else min(TIMEOUT_S, left_s)
            try:
                ranked = yield from rerank(reranker, state["plan"]["request"], ranked, timeout_s)
                own_places = set(map(place_of, question_hits))
                question_hits = [hit for hit in ranked if place_of(hit) in own_places]
            except ModelError as error:
                failures = [{"step": "rank", "error": type(error).__name__, "message": str(error)}]
                runtime.stream_writer({"event": "failed", **failures[0]})
        found_by_question = list(map(place_of, question_hits)) if first else state["found_by_question"]
        evidence = _question_first(merge(before, ranked), found_by_question)[:EVIDENCE]
        if state["plan"]["kind"] in BROAD:
            from .breadth import spread_pages

            evidence = spread_pages(snapshot, state["dated_question"], state["plan"]["kind"], evidence)[:EVIDENCE]
        elif len({hit.time for hit in evidence[:READ]}) > 1:
            from .supersession import newest_first

            evidence = newest_first(snapshot, state["dated_question"], evidence)
        everything = with_unfound(snapshot, evidence, options.context_tokens) if first else evidence
        unfound = _without_known(everything[len(evidence) :], known_text)
        instructions = state["instructions"]
        if first and snapshot.items_like_instructions():
            from .instructions import find_instructions

            chars = options.context_tokens * CHARS_PER_TOKEN
            instructions = find_instructions(snapshot, state["dated_question"], options.known_text, chars)
        fresh: list[Hit] = []
        if backends.has_model("integrate") or backends.has_model("conclude"):
            from .readable import unread_passages

            fresh = unread_passages(snapshot, ranked or unfound, question_hits, state["read"], first=first)
        trace = _trace(state, before, ranked)
        runtime.stream_writer(
            {
                "event": "ranked",
                "hits": len(ranked),
                "new": trace["new_passages"],
                "reranked": reranker is not None and bool(ranked) and not failures,
            }
        )
        return {
            "searches": Overwrite([]),
            "evidence": hits_to_state([*evidence, *unfound][:EVIDENCE]),
            "fresh": hits_to_state(fresh),
            "instructions": instructions,
            "found_by_question": found_by_question,
            "round": trace,
            "failures": failures,
        }

    return node


def _without_known(hits: list[Hit], known_text: str) -> list[Hit]:
    """The hits that do not stand in the text."""
    if not known_text:
        return hits
    from .known_text import unknown_hits

    return unknown_hits(hits, known_text)


def _question_first(hits: Sequence[Hit], found_by_question: Sequence[str]) -> list[Hit]:
    """What the question itself finds keeps its order and stands before what a model's queries found beside it: a plan
    adds to a search and never makes it worse."""
    if not found_by_question:
        return list(hits)
    order = {place: at for at, place in enumerate(found_by_question)}
    return sorted(hits, key=lambda hit: order.get(place_of(hit), len(order)))


def _rank_round(
    snapshot: Snapshot,
    weight: Mapping[str, float],
    state: ResearcherState,
    before: Sequence[Hit],
    count: int,
    known_text: str,
) -> list[Hit]:
    """The hits of the round's first `count` queries as one ranking, without what an earlier round has read, unless its
    page was asked for, and without what stands in `known_text`."""
    known = {(hit.record_id, hit.start) for hit in before[:READ] if hit.score}
    found: dict[int, list[Hit]] = {}
    items: list[Hit] = []
    for search in state["searches"]:
        if search["query"] >= count:
            continue
        competing = list(hits_from_state(search["hits"]))
        if known:
            competing = [hit for hit in competing if "page_id" in hit.scores or (hit.record_id, hit.start) not in known]
        if search["tool"] == ITEMS:
            items += competing
        else:
            found[search["query"]] = competing
    queries = state["plan"]["queries"][:count]
    searches = [(query["tool"], found.get(number, [])) for number, query in enumerate(queries)]
    if items:
        searches.append((ITEMS, sorted(items, key=lambda hit: -hit.score)))
    asked = " ".join(query["text"] for query in queries if query["tool"] in ("keyword", "vector"))
    return _without_known(rank_for(snapshot, state["dated_question"], asked, searches, weight), known_text)


def _check_searches(state: ResearcherState) -> None:
    """An outage is not "nothing found": `ModelUnavailable` when every search that was planned failed, and none did
    not in an earlier round."""
    planned = {f"search_{query['tool']}" for query in state["plan"]["queries"]}
    failed = {failure["step"]: failure["message"] for failure in state["failures"]}
    found = any(search["hits"] for search in state["searches"])
    if planned and planned <= failed.keys() and not found and not state["rounds"]:
        raise ModelUnavailable(f"Every search of the round failed: {' '.join(dict.fromkeys(failed.values()))}")


def _trace(state: ResearcherState, before: Sequence[Hit], ranked: Sequence[Hit]) -> dict[str, Any]:
    """What the round's trace tells of the searches."""
    plan = state["plan"]
    known = {(hit.record_id, hit.start) for hit in before}
    counts = {search["query"]: len(search["hits"]) for search in state["searches"] if search["tool"] != ITEMS}
    return {
        "request": plan["request"],
        "kind": plan["kind"],
        "needs": plan["needs"],
        "queries": [{**query, "hits": counts.get(number, 0)} for number, query in enumerate(plan["queries"])],
        "dropped_queries": plan["dropped"],
        "new_passages": sum((hit.record_id, hit.start) not in known for hit in ranked) if known else len(ranked),
        "page_ids": list(dict.fromkeys(hit.record_id for hit in ranked))[:10],
    }
