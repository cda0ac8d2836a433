"""File the pages of a session in one transaction, then make them searchable."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from langgraph.runtime import Runtime

from ..stores.analyzer import Analyzer, HashedEmbeddings
from ..stores.errors import ModelError, StoreFull, UnknownRecord
from ..stores.index.snapshot import NamespaceStore
from ..stores.recall_markers import without_recalled
from ..stores.times import parse_iso_time
from ..stores.truth.journal import JournalEntry, PageDraft, PassageDraft
from .embedder import Embedder, embed
from .llm.sync_async import Computation, NodeBody
from .options import MemorizeOptions, options_in
from .run_step import Backends
from .states import MemorizerState

_NOT_FILED = "The session waits in the journal; resume(), or the same call, files it when there is room."
_NOT_EMBEDDED = "The session is filed; it has no vectors until the next call that finds "
_FEED = 256  # new vectors, from which on the vector index reads them at once


def file(
    archive: NamespaceStore, embedder: Embedder, backends: Backends, defaults: MemorizeOptions
) -> Callable[..., dict[str, Any]]:
    """The node: drafts → pages with ids. A session that another process filed meanwhile is a duplicate; of one that
    was forgotten meanwhile nothing is kept, which `failures` says.

    Vectors that are computed in this process, by a model that was seen not to have changed, are filed with the pages;
    nothing is noted to be drawn from pages in which the rules, where these draw memories, find none."""

    def node(state: MemorizerState, runtime: Runtime[Any]) -> dict[str, Any]:
        time = parse_iso_time(state["time"])
        drafts = [_draft(archive.analyzer, page, time) for page in state["pages"]]
        wanted = options_in(runtime.context, defaults).curate
        stamp = state["time"]
        curate = wanted and (backends.has_model("curate") or any(_holds_memories(draft, stamp) for draft in drafts))
        accepted = JournalEntry(state["journal"], state["session_id"], time, {})
        vectors, generation = None, archive.embeddings.settled_generation
        if generation is not None and isinstance(embedder.inner, HashedEmbeddings):
            from ..stores.truth.filed_vectors import embed_drafts

            vectors = embed_drafts(archive.embeddings, embedder.inner.embed_documents, drafts, stamp, generation)
        try:
            with disk_full_hint(archive.embeddings.database.path, _NOT_FILED):
                try:
                    filed = archive.journal.file(accepted, drafts, curate=curate, vectors=vectors)
                except StoreFull:
                    if vectors is None:
                        raise
                    # there may be room without them
                    filed = archive.journal.file(accepted, drafts, curate=curate)
        except UnknownRecord:
            message = f"Session {state['session_id']!r} was forgotten while it was being filed; nothing of it is kept."
            failure = {"step": "file", "error": "UnknownRecord", "message": message}
            return {"page_ids": [], "duplicate": False, "pages": [], "failures": [failure]}
        page_ids = list(filed.page_ids)
        return {
            "journal": filed.n,
            "page_ids": page_ids,
            "duplicate": not filed.fresh,
            "pages": [],
            "embedded": filed.embedded,
            "curated": None if curate or not filed.fresh else page_ids if wanted else [],
        }

    return node


def index(archive: NamespaceStore, embedder: Embedder, defaults: MemorizeOptions) -> NodeBody:
    """The node: filed pages are embedded and indexed.

    If the embedding model fails, the session stays filed, keyword search finds it, and its vectors follow later: the
    error says so, or `failures` where rules may go on.
    """

    def node(state: MemorizerState, runtime: Runtime[Any]) -> Computation[dict[str, Any]]:
        try:
            if not state.get("embedded"):
                with disk_full_hint(archive.embeddings.database.path, f"{_NOT_EMBEDDED}room."):
                    yield from embed(archive, embedder, waiting=not state["duplicate"])
        except ModelError as error:
            if options_in(runtime.context, defaults).on_model_failure != "rules":
                raise type(error)(f"{error} {_NOT_EMBEDDED}the model working.") from error
            return {"failures": [{"step": "index", "error": type(error).__name__, "message": str(error)}]}
        archive.vectors.catch_up(at_least=_FEED)
        return {}

    return node


@contextmanager
def disk_full_hint(path: Path | str, hint: str) -> Iterator[None]:
    """Add to a `StoreFull` what is kept all the same, and what happens later."""
    try:
        yield
    except StoreFull as error:
        raise StoreFull(f"The disk of {path} is full. {hint}") from error


def _draft(analyzer: Analyzer, page: dict[str, Any], time: datetime | None) -> PageDraft:
    passages = [
        PassageDraft(start, end, speaker, analyzer.passage_stems(page["text"][start:end], time))
        for start, end, speaker in page["passages"]
    ]
    return PageDraft(page["text"], page["header"], page["memo"], page["title"], passages)


def _holds_memories(page: PageDraft, stamp: str | None) -> bool:
    """Whether the rules draw anything from it."""
    from .own_statements import find_statements

    speakers = dict.fromkeys(passage.speaker for passage in page.passages if passage.speaker)
    return bool(find_statements(without_recalled(page.text), tuple(speakers), stamp))
