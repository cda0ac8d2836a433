"""LangMem and Mem0 in the same harness: they write memories session by session, and a search finds them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from langgraph.store.memory import InMemoryStore

from ...stores.errors import BadInput, MissingPackage
from ..datasets.benchmark_records import Question, Sample
from ..metrics.model_requests import with_call_counter
from .chunks import session_lines, session_name, session_title
from .setups import CONTEXT_TOKENS, Preparation, Setup, SystemAnswer, SystemContext, answer_from_texts

MEMORIES = 20
_USER = "evaluated"


class OtherMemory:
    """`pages` is how many memories a question may have (20)."""

    package: str

    def __init__(self, setup: Setup, context: SystemContext) -> None:
        models = context.models
        writer = models.memorizer_model or models.model
        if writer is None:
            raise BadInput(f"The system {self.package} writes its memories with a model; name one (--model).")
        self._budget = setup.context_tokens or CONTEXT_TOKENS
        self._limit = setup.pages or MEMORIES
        self._model, self._counter = with_call_counter(models.chat_model(writer))
        self._embeddings = models.open_embeddings()
        self._dims = len(self._embeddings.embed_query("How long is a vector?"))

    def prepare(self, sample: Sample) -> Preparation:
        """One session after the other, since each is filed beside the memories before it."""
        self._clear()
        for at, session in enumerate(sample.sessions):
            text = "\n".join([session_title(session), *session_lines(session)]).strip()
            self._add([{"role": "user", "content": text}], session_name(session, at))
        return Preparation(self._counter.usage)

    def answer(self, question: Question) -> SystemAnswer:
        """The most similar memories, best first."""
        return answer_from_texts(list(self._search(question.text)), self._budget)

    def close(self) -> None: ...

    def _clear(self) -> None: ...

    def _add(self, messages: list[dict[str, str]], session: str) -> None:
        raise NotImplementedError

    def _search(self, question: str) -> Iterable[tuple[str, str]]:
        """Session id ("" where it is not known) and text."""
        raise NotImplementedError


class LangMem(OtherMemory):
    """`create_memory_store_manager` with its own prompts over an indexed `InMemoryStore`.

    Its memories do not name their session, so the answers have no sources.
    """

    package = "langmem"
    _NAMESPACE = ("memories",)

    def __init__(self, setup: Setup, context: SystemContext) -> None:
        try:
            from langmem import create_memory_store_manager  # type: ignore[import-not-found,unused-ignore]
        except ImportError as error:
            raise MissingPackage(
                "The system langmem needs LangMem; install it with: pip install langmem==0.0.30"
            ) from error
        super().__init__(setup, context)
        index: Any = {"dims": self._dims, "embed": self._embeddings}
        self._store = InMemoryStore(index=index)
        self._manager: Any = create_memory_store_manager(self._model, namespace=self._NAMESPACE, store=self._store)

    def _add(self, messages: list[dict[str, str]], session: str) -> None:
        self._manager.invoke({"messages": messages})

    def _search(self, question: str) -> Iterable[tuple[str, str]]:
        for one in self._store.search(self._NAMESPACE, query=question, limit=self._limit):
            content = one.value.get("content")
            yield "", str(content.get("content", content) if isinstance(content, dict) else content)


class Mem0(OtherMemory):
    """With its own prompts over a local Qdrant. A session that is added twice counts twice, so a stopped run clears its
    sample first."""

    package = "mem0"

    def __init__(self, setup: Setup, context: SystemContext) -> None:
        os.environ["MEM0_TELEMETRY"] = "False"  # read at import; nothing of a run is sent away
        os.environ.setdefault("MEM0_DIR", str(context.folder / "mem0"))
        try:
            from mem0 import Memory  # type: ignore[import-not-found,unused-ignore]
        except ImportError as error:
            raise MissingPackage(
                "The system mem0 needs Mem0; install it with: pip install mem0ai==2.2.1 langchain"
            ) from error
        super().__init__(setup, context)
        store = {"path": str(context.folder / "qdrant"), "embedding_model_dims": self._dims, "on_disk": False}
        self._memory: Any = Memory.from_config(
            {
                "llm": {"provider": "langchain", "config": {"model": self._model}},
                "embedder": {"provider": "langchain", "config": {"model": self._embeddings}},
                "vector_store": {"provider": "qdrant", "config": store},
                "history_db_path": str(context.folder / "history.db"),
            }
        )

    def close(self) -> None:
        getattr(self._memory, "close", lambda: None)()

    def _clear(self) -> None:
        self._memory.delete_all(user_id=_USER)

    def _add(self, messages: list[dict[str, str]], session: str) -> None:
        self._memory.add(messages, user_id=_USER, metadata={"session": session})

    def _search(self, question: str) -> Iterable[tuple[str, str]]:
        found = self._memory.search(question, top_k=self._limit, filters={"user_id": _USER}, threshold=0.0)
        return [((one.get("metadata") or {}).get("session", ""), one["memory"]) for one in found["results"]]
