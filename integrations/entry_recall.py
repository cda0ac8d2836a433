"""Find what agents stored by `as_store()`, for recall and research: in the memory's own namespace, as evidence beside the pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..nodes.llm.sync_async import Computation, run_async, run_sync
from ..stores.index.fusion import ITEMS
from ..stores.records import Hit
from ..stores.truth.entries import Entries
from ..stores.truth.entry_records import entry_record
from .entry_ranking import EntryRanking, score_words

if TYPE_CHECKING:
    from ..runtime import MemoryRuntime

_MOST = 20  # entries that answer a query
_COVERED = 0.5  # share of the query's words that an entry must hold, where only words are compared
_NEAR = 0.7  # share of the best score, where meanings are


class StoredEntryFinder:
    """As `EntryRecall` wants it, over one memory."""

    def __init__(self, runtime: MemoryRuntime) -> None:
        self._runtime = runtime

    def search(self, query: str) -> list[Hit]:
        return run_sync(find_entries(self._runtime, query))

    async def asearch(self, query: str) -> list[Hit]:
        return await run_async(find_entries(self._runtime, query))


def find_entries(runtime: MemoryRuntime, query: str) -> Computation[list[Hit]]:
    """Best first, at most 20, of those that are indexed; words alone where the embeddings compare letters."""
    entries = Entries(runtime.namespace, runtime.embedder.name)
    if runtime.compares_letters:
        scores = _score_by_words(entries, query)
    else:
        ranking = EntryRanking(entries, runtime.archive.embeddings, runtime.embedder, runtime.weights)
        ranked = yield from ranking.rank_prefix((), query)
        scores = {n: score for n, score in ranked if score >= _NEAR * ranked[0][1]}
    best = sorted(scores, key=lambda n: (-scores[n], n))[:_MOST]
    found = [(entry_record(runtime.namespace, entry), scores[entry.n]) for entry in entries.by_numbers(best)]
    return [
        Hit(None, 0, len(one.text), one.text, score, {ITEMS: score}, item_id=one.id, time=one.time)
        for one, score in found
        if one.text
    ]


def _score_by_words(entries: Entries, query: str) -> Mapping[int, float]:
    """The BM25 of entries that hold enough of the query's words."""
    terms, texts = entries.namespace.database.analyzer.stems(query), entries.searchable_texts((), 0)
    wanted = set(terms)
    held: dict[int, set[str]] = {}
    for text in texts:
        held.setdefault(text.entry, set()).update(wanted.intersection(text.stems.split()))
    scores = score_words(texts, terms)
    return {n: scores[n] for n, words in held.items() if words and len(words) >= _COVERED * len(wanted)}
