"""Put the first hits of a ranking into the order that a reranker gives them."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.documents import BaseDocumentCompressor, Document

from ..stores.errors import ModelReplyError
from ..stores.index.fusion import with_scores
from ..stores.records import Hit
from .llm.retry import ProviderFailure, with_retries
from .llm.sync_async import Computation, Wait

RERANKED = 50  # hits from the top; the others keep their order behind them
TIMEOUT_S = 60.0
_AT = "jitmem_hit"  # in a document's metadata: which hit it is


def rerank(
    reranker: BaseDocumentCompressor, question: str, hits: Sequence[Hit], timeout_s: float
) -> Computation[list[Hit]]:
    """The same hits, those that the reranker gave back first, in its order, then the others as they were.

    Nothing is dropped, though a reranker may give back only a few, and texts stay as they are on file. The scores stay
    those of the ranking, handed out in the new order, so that rounds can still be merged; what the reranker itself gave
    is in `scores["rerank"]`. `ModelError` where it fails.
    """
    first = list(hits[:RERANKED])
    documents = [
        Document(hit.text, metadata={"page_id": hit.page_id, "item_id": hit.item_id, "start": hit.start, _AT: at})
        for at, hit in enumerate(first)
    ]
    name = type(reranker).__name__
    waiting = Wait(
        lambda: reranker.compress_documents(documents, question),
        lambda: reranker.acompress_documents(documents, question),
    )
    try:
        given: Sequence[Document] = yield from with_retries(waiting, name, timeout_s, secrets_of=reranker)
    except ProviderFailure as failure:
        raise failure.error from failure.__cause__
    except (ValueError, TypeError, LookupError, AttributeError, RuntimeError) as error:
        raise ModelReplyError(f"{name} failed: {type(error).__name__}: {error}") from error
    relevance: dict[int, float | None] = {}
    for document in given:
        at = document.metadata.get(_AT)
        if not isinstance(at, int) or not 0 <= at < len(first):
            raise ModelReplyError(f"{name} gave back a document that it was not given.")
        score = document.metadata.get("relevance_score")
        relevance.setdefault(at, None if score is None else float(score))
    order = [*relevance, *(at for at in range(len(first)) if at not in relevance)]
    ranked = [_with_score(first[at], hits[place].score, relevance.get(at)) for place, at in enumerate(order)]
    return [*ranked, *hits[RERANKED:]]


def _with_score(hit: Hit, score: float, relevance: float | None) -> Hit:
    scores = hit.scores if relevance is None else {**hit.scores, "rerank": relevance}
    return with_scores(hit, score, scores)
