"""LangMem in the same harness: its store manager writes memories session by session, its store finds them."""

from __future__ import annotations

import time
from typing import Any

from langgraph.store.memory import InMemoryStore

from ...models import chat_model, embedding_model
from ...stores.errors import BadInput, MissingPackage
from ...stores.hashing import HashedEmbeddings
from ..datasets.benchmark_records import Question, Sample
from .call_counter import with_call_counter
from .chunks import session_lines, session_title
from .eval_models import SystemContext
from .recall_system import CONTEXT_TOKENS
from .setups import Preparation, Setup, SystemAnswer, pack_context

MEMORIES = 20
_NAMESPACE = ("memories",)


class LangMem:
    """`create_memory_store_manager` with its own prompts over an indexed `InMemoryStore`; `pages` is how many memories
    a question may have (20). Memories do not name their session, so no source can be told."""

    def __init__(self, setup: Setup, opening: SystemContext) -> None:
        try:
            from langmem import create_memory_store_manager  # type: ignore[import-not-found,unused-ignore]
        except ImportError as error:
            raise MissingPackage(
                "The system langmem needs LangMem; install it with: pip install langmem==0.0.30"
            ) from error
        models = opening.models
        thinking = models.memorizer_model or models.model
        if thinking is None:
            raise BadInput("The system langmem writes its memories with a model; name one (--model).")
        self._budget = setup.context_tokens or CONTEXT_TOKENS
        self._limit = setup.pages or MEMORIES
        model, self._count = with_call_counter(
            chat_model(thinking, base_url=models.base_url, timeout_s=models.timeout_s)
        )
        embeddings = (
            HashedEmbeddings()
            if models.embeddings is None
            else embedding_model(models.embeddings, base_url=models.base_url, timeout_s=models.timeout_s)
        )
        dims = len(embeddings.embed_query("How long is a vector?"))
        index: Any = {"dims": dims, "embed": embeddings}
        self._store = InMemoryStore(index=index)
        self._manager: Any = create_memory_store_manager(model, namespace=_NAMESPACE, store=self._store)

    def prepare(self, sample: Sample) -> Preparation:
        """One session after the other, as LangMem sees the memories that it has."""
        started = time.perf_counter()
        for session in sample.sessions:
            said = "\n".join([session_title(session), *session_lines(session)]).strip()
            self._manager.invoke({"messages": [{"role": "user", "content": said}]})
        return Preparation(time.perf_counter() - started, self._count.usage)

    def answer(self, question: Question) -> SystemAnswer:
        """The memories that are likest."""
        started = time.perf_counter()
        found = self._store.search(_NAMESPACE, query=question.text, limit=self._limit)
        context, marks = pack_context([("", _words(one.value.get("content"))) for one in found], self._budget)
        return SystemAnswer(context, marks, seconds=time.perf_counter() - started)

    def close(self) -> None:
        """Nothing is open."""


def _words(content: Any) -> str:
    return str(content.get("content", content)) if isinstance(content, dict) else str(content)
