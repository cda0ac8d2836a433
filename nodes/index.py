"""Make what was filed searchable: embed what has no vector yet, and let the indexes read it."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Protocol

from langgraph.runtime import Runtime

from ..stores.errors import ModelError, StoreFull
from ..stores.index.snapshot import NamespaceStore
from ..stores.truth.embeddings import FINGERPRINT_TEXT, EmbeddingStore
from ..stores.truth.namespace import Namespace
from .disk_full import disk_full_hint
from .embedder import Embedder
from .llm.sync_async import Computation, NodeBody, Wait
from .options import MemorizeOptions, options_in
from .states import MemorizerState

_FEED = 256  # vectors that make a batch worth while
_FILED = "The session is filed; it has no vectors until the next call that finds room."
_LOOK_S = 0.02  # how often a waiting thread looks whether another one has embedded


def index(archive: NamespaceStore, embedder: Embedder, defaults: MemorizeOptions) -> NodeBody:
    """The node: what was filed is found from now on. Where the embedding model fails, the session is filed all the
    same, its words are searched, and its vectors follow: the error says so, or `failures` where rules go on."""

    def node(state: MemorizerState, runtime: Runtime[Any]) -> Computation[dict[str, Any]]:
        try:
            with disk_full_hint(archive.embeddings.database.path, _FILED):
                yield from embed(archive, embedder, waiting=not state["duplicate"])
        except ModelError as error:
            if options_in(runtime.context, defaults).on_model_failure == "raise":
                filed = "The session is filed; it has no vectors until the next call that finds the model working."
                raise type(error)(f"{error} {filed}") from error
            failure = {"step": "index", "error": type(error).__name__, "message": str(error)}
            return {"failures": [failure]}
        archive.vectors.catch_up(at_least=_FEED)
        return {}

    return node


class Embeddable(Protocol):
    """What is embedded, of one namespace: the passages of pages, or memory items."""

    namespace: Namespace
    embeddings: EmbeddingStore


def embed(embedded: Embeddable, embedder: Embedder, suspect: bool = False, waiting: bool = False) -> Computation[None]:
    """Embed whatever of the namespace has no vectors of this model; each batch is kept when it is paid.

    One thread of a process does it at a time, for whatever all of them have filed: nothing is paid twice. A model
    that has changed behind its name is noticed by its vector for a known text, with the first batch of a process, or
    at once where it is `suspect` (a query's vector did not fit): then all vectors are made again. `waiting`: it is known that something has no vector yet.
    """
    if embedded.embeddings.database.read_only:
        return
    namespace = embedded.namespace.name
    began = time.monotonic()
    more = suspect or waiting or embedded.embeddings.waiting(namespace)
    while more:
        embedder.raise_failure_since(began)
        if not embedder.lock.acquire(blocking=False):
            yield Wait(lambda: time.sleep(_LOOK_S), lambda: asyncio.sleep(_LOOK_S))
            more = suspect or embedded.embeddings.waiting(namespace)
            continue
        try:
            more = yield from _embed_batch(embedded.embeddings, embedder, namespace, suspect)
        except ModelError as error:
            embedder.report_failure(error)
            raise
        finally:
            embedder.lock.release()
        suspect = False


def embed_if_room(embedded: Embeddable, embedder: Embedder, suspect: bool = False) -> Computation[None]:
    """The same before a search, which goes on without the vectors that a full disk has no room for."""
    if suspect or embedder.has_room:
        try:
            yield from embed(embedded, embedder, suspect)
        except StoreFull as error:
            embedder.report_full(error)


def _embed_batch(store: EmbeddingStore, embedder: Embedder, namespace: str, suspect: bool) -> Computation[bool]:
    """Whether there may be more to embed."""
    last_page, missing = store.missing(namespace, 0 if suspect else store.subject.batch)
    texts = [text for _, text in missing]
    probing = suspect or store.needs_fingerprint(namespace)
    if probing:
        texts.append(FINGERPRINT_TEXT)
    vectors: list[list[float]] = []
    if texts:
        vectors = yield Wait(lambda: embedder.embed_documents(texts), lambda: embedder.aembed_documents(texts))
    if probing and len(vectors) == len(texts) and not store.matches_fingerprint(vectors.pop()):
        store.start_generation()
        return True
    if suspect:
        return store.waiting(namespace)
    return store.keep(namespace, last_page, [seq for seq, _ in missing], vectors)
