"""Mem0 in the same harness: `Memory.add` session by session, `Memory.search` for a question."""

from __future__ import annotations

import os
import time
from typing import Any

from ...models import chat_model, embedding_model
from ...stores.errors import BadInput, MissingPackage
from ...stores.hashing import HashedEmbeddings
from ..datasets.benchmark_records import Question, Sample
from .call_counter import with_call_counter
from .chunks import session_lines, session_name, session_title
from .eval_models import SystemContext
from .recall_system import CONTEXT_TOKENS
from .setups import Preparation, Setup, SystemAnswer, pack_context

MEMORIES = 20
_WHO = "evaluated"


class Mem0:
    """With its own prompts over a local Qdrant; `pages` is how many memories a question may have (20). It takes a
    session that it was given twice for two, so a stopped run begins its sample anew."""

    def __init__(self, setup: Setup, opening: SystemContext) -> None:
        os.environ["MEM0_TELEMETRY"] = "False"  # read when it is imported; nothing of a run is sent away
        os.environ.setdefault("MEM0_DIR", str(opening.folder / "mem0"))
        try:
            from mem0 import Memory  # type: ignore[import-not-found,unused-ignore]
        except ImportError as error:
            raise MissingPackage(
                "The system mem0 needs Mem0; install it with: pip install mem0ai==2.2.1 langchain"
            ) from error
        models = opening.models
        thinking = models.memorizer_model or models.model
        if thinking is None:
            raise BadInput("The system mem0 writes its memories with a model; name one (--model).")
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
        store = {"path": str(opening.folder / "qdrant"), "embedding_model_dims": dims, "on_disk": False}
        self._memory: Any = Memory.from_config(
            {
                "llm": {"provider": "langchain", "config": {"model": model}},
                "embedder": {"provider": "langchain", "config": {"model": embeddings}},
                "vector_store": {"provider": "qdrant", "config": store},
                "history_db_path": str(opening.folder / "history.db"),
            }
        )

    def prepare(self, sample: Sample) -> Preparation:
        """One session after the other, as Mem0 sees the memories that it has. The session's id goes with them."""
        started = time.perf_counter()
        self._memory.delete_all(user_id=_WHO)
        for at, session in enumerate(sample.sessions):
            said = "\n".join([session_title(session), *session_lines(session)]).strip()
            self._memory.add(
                [{"role": "user", "content": said}], user_id=_WHO, metadata={"session": session_name(session, at)}
            )
        return Preparation(time.perf_counter() - started, self._count.usage)

    def answer(self, question: Question) -> SystemAnswer:
        """The memories that are likest, best first."""
        started = time.perf_counter()
        found = self._memory.search(question.text, top_k=self._limit, filters={"user_id": _WHO}, threshold=0.0)
        spoken = [((one.get("metadata") or {}).get("session", ""), one["memory"]) for one in found["results"]]
        context, marks = pack_context(spoken, self._budget)
        sources = tuple(dict.fromkeys(mark.source for mark in marks if mark.source))
        return SystemAnswer(context, marks, sources, seconds=time.perf_counter() - started)

    def close(self) -> None:
        """Let go of the database."""
        close = getattr(self._memory, "close", None)
        if close is not None:
            close()
