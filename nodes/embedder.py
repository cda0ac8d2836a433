"""An embedding model with patience: retried like a chat model, and its failures named like a chat model's."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from langchain_core.embeddings import Embeddings

from ..stores import fork_hooks
from ..stores.errors import ModelError, ModelReplyError, StoreFull
from ..stores.truth.embeddings import is_lexical
from .llm.ask import TIMEOUT_S
from .llm.provider_errors import ProviderFailure
from .llm.retry import with_retries
from .llm.sync_async import Computation, Wait, run_async, run_sync

T = TypeVar("T")
_FULL_S = 60.0
_log = logging.getLogger("jitmem")


class Embedder(Embeddings):
    """Asks `inner`; every call ends within `timeout_s`, retries included, by vectors or by a `ModelError`.

    `turn` is held by whoever embeds what was filed; `failed` is when that failed last, and why. What is embedded for a
    search is not paid for while the disk has no room for it, which is tried once a minute (`has_room`).
    """

    def __init__(self, inner: Embeddings, name: str, timeout_s: float = TIMEOUT_S) -> None:
        self.inner = inner
        self.name = name
        self.lock = threading.Lock()
        self.failed: tuple[float, ModelError] | None = None
        self._full_at: float | None = None
        self._timeout_s = timeout_s
        self._local = is_lexical(inner)
        fork_hooks.call_in_child(self)

    def after_fork_in_child(self) -> None:
        """Whoever had the turn is not here."""
        self.lock = threading.Lock()

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One vector a text, in order."""
        return run_sync(self._request(lambda: self.inner.embed_documents(texts), lambda: self._aembed_texts(texts)))

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """`embed_documents`, awaited."""
        return await run_async(
            self._request(lambda: self.inner.embed_documents(texts), lambda: self._aembed_texts(texts))
        )

    def embed_query(self, text: str) -> list[float]:
        """The vector of a query."""
        return self._numbers(run_sync(self._query(text)))

    async def aembed_query(self, text: str) -> list[float]:
        """`embed_query`, awaited."""
        return self._numbers(await run_async(self._query(text)))

    def report_failure(self, error: ModelError) -> None:
        """Tell those who wait for their turn that it was in vain."""
        self.failed = (time.monotonic(), error)

    @property
    def has_room(self) -> bool:
        """Whether vectors could be kept, as far as is known."""
        return self._full_at is None or time.monotonic() - self._full_at > _FULL_S

    def report_full(self, error: StoreFull) -> None:
        """Tell that vectors could not be kept. The search goes on without them: words find what has none yet."""
        self._full_at = time.monotonic()
        _log.warning("What has no vector yet is searched by its words alone: %s", error)

    def raise_failure_since(self, since: float) -> None:
        """Raise what has failed since then: whoever has waited meanwhile need not wait for the same once more."""
        if self.failed is not None and self.failed[0] >= since:
            error = self.failed[1]
            raise type(error)(str(error)) from error

    def _query(self, text: str) -> Computation[list[float]]:
        return self._request(lambda: self.inner.embed_query(text), lambda: self.inner.aembed_query(text))

    def _numbers(self, vector: list[float]) -> list[float]:
        """`ModelReplyError` for a vector that would be like nothing: that is not the same as nothing found."""
        try:
            sound = bool(vector) and all(math.isfinite(value) for value in vector)
        except TypeError:
            sound = False
        if not sound:
            raise ModelReplyError(f"{self.name} gave a vector for the query that is no list of finite numbers.")
        return vector

    async def _aembed_texts(self, texts: list[str]) -> list[list[float]]:
        return await self.inner.aembed_documents(texts)

    def _request(self, now: Callable[[], T], later: Callable[[], Awaitable[T]]) -> Computation[T]:
        if self._local:  # reckoned in this process: nothing to wait for
            return now()
        try:
            return (yield from with_retries(Wait(now, later), self.name, self._timeout_s, secrets_of=self.inner))
        except ProviderFailure as failure:
            raise failure.error from failure.__cause__
