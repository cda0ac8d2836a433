"""Embed with retries: an embedding model whose failures are named like a chat model's, and what has no vectors yet."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

from langchain_core.embeddings import Embeddings

from ..stores import fork_hooks
from ..stores.errors import ModelError, StoreFull
from ..stores.truth.embeddings import FINGERPRINT_TEXT, EmbeddingStore, is_lexical
from ..stores.truth.namespace import Namespace
from .llm.ask import TIMEOUT_S
from .llm.sync_async import Computation, Wait, run_async, run_sync

_FULL_S = 60.0  # after which a disk that was full is tried again
_POLL_S = 0.02  # between two looks whether another thread has embedded
_log = logging.getLogger("jitmem")


class Embedder(Embeddings):
    """Asks `inner`; every call ends within `timeout_s`, retries included, by vectors or by a `ModelError`.

    The thread that embeds stored texts holds `lock`; `failed` is the time and the error of its last failure.
    """

    def __init__(self, inner: Embeddings, name: str, timeout_s: float = TIMEOUT_S) -> None:
        self.inner = inner
        self.name = name
        self.lock = threading.Lock()
        self.failed: tuple[float, ModelError] | None = None
        self._full_at: float | None = None
        self.full_error = ""  # of the last try
        self.most_texts: int | None = None  # of a request, where the server has refused more
        self.timeout_s = timeout_s
        self._local = is_lexical(inner)
        fork_hooks.call_in_child(self)

    def after_fork_in_child(self) -> None:
        """The thread that held the lock is not in the child."""
        self.lock = threading.Lock()

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One vector a text, in order."""
        return run_sync(self._embed_texts(texts))

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """`embed_documents`, awaited."""
        return await run_async(self._embed_texts(texts))

    def embed_query(self, text: str) -> list[float]:
        """The vector of a query."""
        return run_sync(self._embed_query(text))

    async def aembed_query(self, text: str) -> list[float]:
        """`embed_query`, awaited."""
        return await run_async(self._embed_query(text))

    @property
    def has_room(self) -> bool:
        """Whether vectors can be stored, as far as is known: a full disk is tried again once a minute."""
        return self._full_at is None or time.monotonic() - self._full_at > _FULL_S

    def report_full(self, error: StoreFull) -> None:
        """Vectors could not be stored. The search continues: keywords find what has no vector yet."""
        self._full_at, self.full_error = time.monotonic(), str(error)
        _log.warning("What has no vector yet is searched by its words alone: %s", error)

    def embed_in_turn(self, waiting: Callable[[], bool], batch: Callable[[], Computation[bool]]) -> Computation[None]:
        """Run `batch` until it returns False, in one thread of the process at a time, so that nothing is paid twice.

        A thread that waits stops once `waiting` is False, and raises the error of a failure meanwhile instead of
        repeating it.
        """
        began, more = time.monotonic(), True
        while more:
            if self.failed is not None and self.failed[0] >= began:
                error = self.failed[1]
                raise type(error)(str(error)) from error
            if not self.lock.acquire(blocking=False):
                yield Wait(lambda: time.sleep(_POLL_S), lambda: asyncio.sleep(_POLL_S))
                more = waiting()
                continue
            try:
                more = yield from batch()
            except ModelError as error:
                self.failed = (time.monotonic(), error)
                raise
            finally:
                self.lock.release()

    def _embed_texts(self, texts: list[str]) -> Computation[list[list[float]]]:
        if self._local:  # computed in this process: nothing to wait for
            return self.inner.embed_documents(texts)
        from .embedding_calls import embed_texts

        return (yield from embed_texts(self, texts))

    def _embed_query(self, text: str) -> Computation[list[float]]:
        if self._local:
            return self.inner.embed_query(text)
        from .embedding_calls import embed_query

        return (yield from embed_query(self, text))


class Embeddable(Protocol):
    """What is embedded, of one namespace: the passages of pages, or memory items."""

    namespace: Namespace
    embeddings: EmbeddingStore


def embed(embedded: Embeddable, embedder: Embedder, suspect: bool = False, waiting: bool = False) -> Computation[None]:
    """Embed everything in the namespace that has no vector of this model; each batch is stored when it is paid.

    A model that has changed behind its name is noticed by its vector for a known text, with the first batch of a
    process, or at once where it is `suspect` (a query's vector did not fit): then all vectors are made again.
    `waiting`: the caller knows that something has no vector yet.
    """
    store, namespace = embedded.embeddings, embedded.namespace.name
    if store.database.read_only or not (suspect or waiting or store.waiting(namespace)):
        return

    def batch() -> Computation[bool]:
        nonlocal suspect
        more = yield from _embed_batch(store, embedder, namespace, suspect)
        suspect = False
        return more

    yield from embedder.embed_in_turn(lambda: suspect or store.waiting(namespace), batch)


def embed_if_room(
    embedded: Embeddable, embedder: Embedder, suspect: bool = False, waiting: bool = True
) -> Computation[str | None]:
    """`embed` before a search, which continues without the vectors that a full disk has no room for: a sentence about
    these, None where there are none. `waiting` is False where the caller knows that nothing lacks a vector."""
    if not (suspect or waiting):
        return None
    if suspect or embedder.has_room:
        try:
            yield from embed(embedded, embedder, suspect)
            return None
        except StoreFull as error:
            embedder.report_full(error)
    elif not embedded.embeddings.waiting(embedded.namespace.name):
        return None
    what = embedded.embeddings.subject.name
    return f"The {what} that have no vector yet are searched by their words alone: {embedder.full_error}"


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
        from ..stores.truth.generations import start_generation

        start_generation(store)
        return True
    if suspect:
        return store.waiting(namespace)
    return store.keep(namespace, last_page, [seq for seq, _ in missing], vectors)
