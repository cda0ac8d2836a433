"""Run a search outside of the graphs, for tools and `recall`: embed what is missing, then search one snapshot."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from langchain_core.documents import BaseDocumentCompressor

from .nodes.embedder import Embeddable, Embedder, embed_if_room
from .nodes.evidence import READ
from .nodes.llm.sync_async import Computation, Wait, run_async, run_sync
from .nodes.options import BaseResearchOptions
from .nodes.run_step import SNAPSHOT_AGE_S
from .stores.errors import ModelError
from .stores.index.fusion import rank_for, with_unfound
from .stores.index.item_index import ItemIndex
from .stores.index.snapshot import NamespaceStore, Snapshot
from .stores.records import Hit
from .stores.times import spans
from .stores.token_size import CHARS_PER_TOKEN
from .stores.truth.embeddings import ModelChanged
from .tools.item_search import KEYWORD, VECTOR, EntryRecall, ItemHit, ItemSearch
from .tools.search_tool import SearchTool as PageSearch
from .tools.searches import HybridSearch, PageIdSearch

if TYPE_CHECKING:
    from .nodes.search import NodeSearch

T = TypeVar("T")
_FOR_EACH = 5  # hits, one place for an instruction
_CANDIDATES = 100  # of each search that is ranked
_log = logging.getLogger("jitmem")


class PageSearchRunner:
    """One search of the pages."""

    def __init__(self, search: PageSearch, archive: NamespaceStore, embedder: Embedder) -> None:
        self.name = search.name
        self.description = search.description
        self._searches: Sequence[NodeSearch] = [search]
        self._archive = archive
        self._embedder = embedder

    def search(self, query: str, k: int) -> list[Hit]:
        """Best first, at most `k`; `ModelError` when the embedding model fails."""
        return run_sync(self._run(query, k))

    async def asearch(self, query: str, k: int) -> list[Hit]:
        return await run_async(self._run(query, k))

    def _run(self, query: str, k: int) -> Computation[list[Hit]]:
        _, [(_, hits)] = yield from self._search_snapshot(query, k, self._searches)
        return list(hits)

    def _search_snapshot(
        self, query: str, k: int, searches: Sequence[NodeSearch]
    ) -> Computation[tuple[Snapshot, list[tuple[str, Sequence[Hit]]]]]:
        """The hits of each search in one snapshot, by its name."""

        lacking = any(search.embeds for search in searches) and self._archive.snapshot().extent.unembedded

        def look(with_vectors: bool = True) -> Computation[tuple[Snapshot, list[tuple[str, Sequence[Hit]]]]]:
            snapshot = self._archive.snapshot(0.0 if lacking else SNAPSHOT_AGE_S)
            found = []
            for search in [one for one in searches if with_vectors or not one.embeds] or searches:
                waiting: Wait[Sequence[Hit]] = Wait(
                    partial(search.search, snapshot, query, k), partial(search.asearch, snapshot, query, k)
                )
                found.append((search.name, (yield waiting)))
            return snapshot, found

        return (yield from _embed_and_search(self._archive, self._embedder, look, lacking))


class RecallRunner(PageSearchRunner):
    """Keyword and vector search, ranked as by the Researcher; of a query that names a date the search of dates as well. What no
    search found follows as `with_unfound` has it, and an instruction of the person takes the last place of each five. A failing reranker is an error, or where
    rules may answer for a model is skipped."""

    def __init__(
        self,
        searches: Sequence[PageSearch],
        entries: EntryRecall | None,
        archive: NamespaceStore,
        embedder: Embedder,
        weights: Mapping[str, float],
        options: BaseResearchOptions,
        reranker: BaseDocumentCompressor | None = None,
    ) -> None:
        super().__init__(searches[0], archive, embedder)
        self.name, self.description = HybridSearch.name, HybridSearch.description
        self._searches = [*searches, *([entries] if entries else [])]
        self._weights = weights
        self._options = options
        self._reranker = reranker

    def _run(self, query: str, k: int) -> Computation[list[Hit]]:
        searches = [one for one in self._searches if one.name != PageIdSearch.name or spans(query)]
        snapshot, found = yield from self._search_snapshot(query, max(k, _CANDIDATES), searches)
        ranked = rank_for(
            snapshot, query, query, found, self._weights, k if self._reranker is None else max(k, _CANDIDATES)
        )
        if self._reranker is not None and ranked:
            from .nodes.rerank import TIMEOUT_S, rerank  # few have one

            try:
                ranked = yield from rerank(self._reranker, query, ranked, TIMEOUT_S)
            except ModelError as error:
                if self._options.on_model_failure == "raise":
                    raise
                _log.warning("The hits of a recall keep their order: %s", error)
        if len({hit.time for hit in ranked[:READ]}) > 1:
            from .nodes.supersession import newest_first

            ranked = newest_first(snapshot, query, ranked)
        hits = (ranked if len(ranked) >= k else with_unfound(snapshot, ranked, self._options.context_tokens))[:k]
        if k >= _FOR_EACH and snapshot.items_like_instructions():
            from .nodes.instructions import find_instructions, instruction_hits

            instructions = find_instructions(snapshot, query, "", CHARS_PER_TOKEN * self._options.context_tokens)
            hits = instruction_hits(snapshot, hits, instructions[: k // _FOR_EACH], k)
        from .nodes.rules.confidence import confidences

        for hit, confidence in zip(hits, confidences(snapshot, query, hits), strict=True):
            hit.confidence = round(confidence, 3)
        return hits


class ItemSearchRunner:
    """The search of memory items; keyword search alone embeds nothing."""

    def __init__(self, search: ItemSearch, index: ItemIndex, embedder: Embedder) -> None:
        self._search = search
        self._index = index
        self._embedder = embedder

    def search(self, query: str, **options: Any) -> list[ItemHit]:
        """As `ItemSearch.search`; `ModelError` when the embedding model fails."""
        return run_sync(self._run(query, **options))

    async def asearch(self, query: str, **options: Any) -> list[ItemHit]:
        return await run_async(self._run(query, **options))

    def _run(self, query: str, **options: Any) -> Computation[list[ItemHit]]:
        def look(with_vectors: bool = True) -> Computation[list[ItemHit]]:
            by_words = {} if with_vectors or options.get("method") == VECTOR else {"method": KEYWORD}
            asked = {**options, **by_words}
            found: list[ItemHit] = yield Wait(
                partial(self._search.search, query, **asked), partial(self._search.asearch, query, **asked)
            )
            return found

        words_only = options.get("method") == KEYWORD
        return (yield from look() if words_only else _embed_and_search(self._index, self._embedder, look))


def _embed_and_search(
    embedded: Embeddable, embedder: Embedder, look: Callable[[bool], Computation[T]], waiting: bool = True
) -> Computation[T]:
    """Embed what is missing, if anything may be (`waiting`), then search; if the model has changed, everything is embedded again, or where a full disk has
    no room for that, words alone are searched."""
    yield from embed_if_room(embedded, embedder, waiting=waiting)
    try:
        return (yield from look(True))
    except ModelChanged:
        full = yield from embed_if_room(embedded, embedder, suspect=True)
        return (yield from look(full is None))
