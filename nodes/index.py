"""Make filed pages searchable: embed what has no vector yet, and let the indexes read it."""

from __future__ import annotations

from typing import Any

from langchain_core.embeddings import Embeddings

from ..stores.archive import Archive
from .states import MemorizerState
from .step import Body, Steps, Wait

_PAGES = 32  # embedded in one request
_FEED = 256  # vectors that make a batch worth while


def index(archive: Archive, embeddings: Embeddings) -> Body:
    """The node: nothing changes in the state; what was filed is found from now on."""

    def node(state: MemorizerState, runtime: Any) -> Steps[dict[str, Any]]:
        yield from embed(archive, embeddings)
        archive.vectors.catch_up(at_least=_FEED)
        return {}

    return node


def embed(archive: Archive, embeddings: Embeddings) -> Steps[None]:
    """Embed every page of the namespace that has no vectors of this model; each batch is kept when it is paid."""
    namespace = archive.pages.number()
    while True:
        last_page, texts = archive.embeddings.missing(namespace, _PAGES)
        if not texts:
            return
        batch = [text for _, text in texts]
        vectors = yield Wait(
            lambda batch=batch: embeddings.embed_documents(batch),  # type: ignore[misc]
            lambda batch=batch: embeddings.aembed_documents(batch),  # type: ignore[misc]
        )
        archive.embeddings.keep(namespace, last_page, [seq for seq, _ in texts], vectors)
