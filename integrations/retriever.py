"""A memory as a LangChain retriever, and LangChain's documents as sessions.

chain = {"context": memory.as_retriever(k=5), "question": RunnablePassthrough()} | prompt | model
memory.memorize_many(as_sessions(TextLoader("notes.txt").load()))
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import Field

from ..nodes.llm.sync_async import Computation, Wait, run_async, run_sync
from ..nodes.options import Effort
from ..stores.records import Citation, Hit, MemoryItem, Page, Session


class JitmemRetriever(BaseRetriever):
    """The best passages for a query, at most `k`, as documents; `invoke(query, k=…, effort=…)` changes either.

    With an `effort` the query is researched, and the documents are the passages that the result cites, in its order.
    Metadata: page_id, start, end, session_id, time (ISO, None for unknown), speaker, tool, score. What research cites
    has the tool "research" and neither speaker nor score. `BadInput` for an empty query.
    """

    memory: Any
    k: int = Field(default=10, ge=1)
    effort: Effort | None = None

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,
        k: int | None = None,
        effort: Effort | None = None,
    ) -> list[Document]:
        return run_sync(self._find(query, k or self.k, effort or self.effort))

    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun,
        k: int | None = None,
        effort: Effort | None = None,
    ) -> list[Document]:
        return await run_async(self._find(query, k or self.k, effort or self.effort))

    def _find(self, query: str, k: int, effort: Effort | None) -> Computation[list[Document]]:
        memory = self.memory
        passages: Sequence[Hit | Citation]
        if effort:
            result = yield Wait(
                lambda: memory.research(query, effort=effort), lambda: memory.aresearch(query, effort=effort)
            )
            passages = result.citations[:k]
        else:
            passages = yield Wait(lambda: memory.recall(query, k), lambda: memory.arecall(query, k))
        records = memory._runtime.archive.snapshot().records(one.record_id for one in passages)
        return [_document(one, records[one.record_id]) for one in passages if one.record_id in records]


def as_sessions(documents: Iterable[Document]) -> Iterator[Session]:
    """A session for each document with text in it, for `memorize_many`.

    Its id is the document's, or `id` of the metadata, or `source`, numbered where several documents have one source
    (`notes.pdf#1`); its time is `time`. All metadata stays with the session, what is no JSON as text.
    """
    given = list(documents)
    shared = Counter(_name(document) for document in given)
    seen: Counter[str | None] = Counter()
    for document in given:
        name = _name(document)
        seen[name] += 1
        if document.page_content.strip():
            time = document.metadata.get("time")
            yield Session(
                text=document.page_content,
                id=f"{name}#{seen[name]}" if name and shared[name] > 1 else name,
                time=time if isinstance(time, str | datetime) and time else None,
                metadata=_plain(document.metadata),
            )


def _document(passage: Hit | Citation, record: Page | MemoryItem) -> Document:
    hit = passage if isinstance(passage, Hit) else None
    return Document(
        passage.text if isinstance(passage, Hit) else passage.quote,
        id=f"{record.id}:{passage.start}-{passage.end}",
        metadata={
            "page_id": passage.page_id,
            "item_id": passage.item_id,
            "start": passage.start,
            "end": passage.end,
            "session_id": record.session_id if isinstance(record, Page) else None,
            "time": record.time.isoformat() if record.time else None,
            "speaker": hit.speaker if hit else None,
            "score": hit.score if hit else None,
            "scores": dict(hit.scores) if hit else {},
        },
    )


def _name(document: Document) -> str | None:
    names = (document.id, document.metadata.get("id"), document.metadata.get("source"))
    return next((str(name) for name in names if name is not None and str(name).strip()), None)


def _plain(metadata: Mapping[str, Any]) -> dict[str, Any]:
    text = json.dumps(dict(metadata), default=str, skipkeys=True)
    plain: dict[str, Any] = json.loads(text, parse_constant=str)  # NaN is common in what comes from tables
    return plain
