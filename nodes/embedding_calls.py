"""Ask an embedding model that is not of this process: with retries, in batches that its server takes."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from ..stores.errors import ModelReplyError
from .embedder import Embedder
from .llm.retry import ProviderFailure, RetryAction, with_retries
from .llm.sync_async import Computation, Wait

T = TypeVar("T")
_TURNED_DOWN = (400, 413, 422)  # statuses of a batch that has too many texts


def embed_texts(embedder: Embedder, texts: list[str]) -> Computation[list[list[float]]]:
    """One vector a text. A batch that the server turns down is halved, and its cap remembered, unless a single text was
    too long."""
    inner, most = embedder.inner, embedder.most_texts or len(texts)
    if len(texts) > most:
        vectors: list[list[float]] = []
        for start in range(0, len(texts), most):
            vectors += yield from embed_texts(embedder, texts[start : start + most])
        return vectors
    try:
        return (
            yield from _call(embedder, partial(inner.embed_documents, texts), partial(inner.aembed_documents, texts))
        )
    except ProviderFailure as failure:
        if failure.status not in _TURNED_DOWN or len(texts) < 2:
            raise failure.error from failure.__cause__
        capped = failure.action is not RetryAction.SHORTER_PROMPT
    half = (len(texts) + 1) // 2
    first = yield from embed_texts(embedder, texts[:half])
    if capped:
        embedder.most_texts = min(half, embedder.most_texts or half)
    return [*first, *(yield from embed_texts(embedder, texts[half:]))]


def embed_query(embedder: Embedder, text: str) -> Computation[list[float]]:
    """`ModelReplyError` for a vector that is similar to nothing: that is not the same as nothing found."""
    inner = embedder.inner
    try:
        vector = yield from _call(embedder, partial(inner.embed_query, text), partial(inner.aembed_query, text))
    except ProviderFailure as failure:
        raise failure.error from failure.__cause__
    try:
        sound = bool(vector) and all(math.isfinite(value) for value in vector)
    except TypeError:
        sound = False
    if not sound:
        raise ModelReplyError(f"{embedder.name} gave a vector for the query that is no list of finite numbers.")
    return vector


def _call(embedder: Embedder, now: Callable[[], T], later: Callable[[], Awaitable[T]]) -> Computation[T]:
    return (yield from with_retries(Wait(now, later), embedder.name, embedder.timeout_s, secrets_of=embedder.inner))
