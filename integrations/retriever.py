"""A memory as a LangChain retriever.

chain = {"context": memory.as_retriever(k=5), "question": RunnablePassthrough()} | prompt | model
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableConfig
from pydantic import ConfigDict, Field

from ..nodes.llm.sync_async import Computation, Wait, run_async, run_sync
from ..nodes.options import Effort, OptionsModel
from ..research_run import validate_count
from ..stores.records import Citation, Hit, MemoryItem, Page
from ..stores.times import explain_dates, format_time
from ..stores.trace_guard import guard_traces


class JitmemRetriever(OptionsModel, BaseRetriever):
    """The best passages for a query, at most `k`, as documents; `invoke(query, k=…, effort=…)` changes either.

    With an `effort` the query is researched, and the documents are the passages that the result cites, in its order.
    Metadata: page_id, item_id, start, end, session_id, time (ISO, None for unknown), date (as a reader is shown it, with what
    relative dates mean), speaker, score, scores. What research cites has none of the last three. `BadInput`
    for an empty query and for impossible values.
    """

    model_config = ConfigDict(frozen=False)

    memory: Any
    k: int = Field(default=10, ge=1)
    effort: Effort | None = None

    def invoke(self, input: str, config: RunnableConfig | None = None, **changes: Any) -> list[Document]:
        """The documents for a query; `changes` are `k` and `effort`. A trace is sent no text of it."""
        with guard_traces(self.memory._runtime.trace_level, config) as guarded:
            return super().invoke(input, guarded, **changes)

    async def ainvoke(self, input: str, config: RunnableConfig | None = None, **changes: Any) -> list[Document]:
        """`invoke`, awaited."""
        with guard_traces(self.memory._runtime.trace_level, config) as guarded:
            return await super().ainvoke(input, guarded, **changes)

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, **changes: Any
    ) -> list[Document]:
        return run_sync(self._find(query, **changes))

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun, **changes: Any
    ) -> list[Document]:
        return await run_async(self._find(query, **changes))

    def _find(self, query: str, k: int | None = None, effort: Effort | None = None) -> Computation[list[Document]]:
        memory, k, effort = self.memory, validate_count(self.k if k is None else k), effort or self.effort
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


def _document(passage: Hit | Citation, record: Page | MemoryItem) -> Document:
    hit = passage if isinstance(passage, Hit) else None
    text = passage.text if isinstance(passage, Hit) else passage.quote
    return Document(
        text,
        id=f"{record.id}:{passage.start}-{passage.end}",
        metadata={
            "page_id": passage.page_id,
            "item_id": passage.item_id,
            "start": passage.start,
            "end": passage.end,
            "session_id": record.session_id if isinstance(record, Page) else None,
            "time": record.time.isoformat() if record.time else None,
            "date": format_time(record.time) + explain_dates(text, record.time if isinstance(record, Page) else None),
            "speaker": hit.speaker if hit else None,
            "score": hit.score if hit else None,
            "scores": dict(hit.scores) if hit else {},
        },
    )
