"""Mem0 in the same harness: `Memory.add` session by session, `Memory.search` for a question."""

from __future__ import annotations

import os
import time
from typing import Any

from ...models import chat_model, embedding_model
from ...stores.errors import BadInput, MissingPackage
from ...stores.hashing import HashedEmbeddings
from ..datasets.records import Question, Sample
from .answer import Answer, Prepared, Setup, walked
from .chunks import head, lines, name
from .counted import counted
from .open import Opening
from .recall import CONTEXT_TOKENS

MEMORIES = 20
_WHO = "evaluated"


class Mem0:
    """With its own prompts over a local Qdrant; `pages` is how many memories a question may have (20). It takes a
    session that it was given twice for two, so a stopped run begins its sample anew."""

    def __init__(self, setup: Setup, opening: Opening) -> None:
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
        model, self._count = counted(chat_model(thinking, base_url=models.base_url, timeout_s=models.timeout_s))
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

    def prepare(self, sample: Sample) -> Prepared:
        """One session after the other, as Mem0 sees the memories that it has. The session's id goes with them."""
        started = time.perf_counter()
        self._memory.delete_all(user_id=_WHO)
        for at, session in enumerate(sample.sessions):
            said = "\n".join([head(session), *lines(session)]).strip()
            self._memory.add([{"role": "user", "content": said}], user_id=_WHO, metadata={"session": name(session, at)})
        return Prepared(time.perf_counter() - started, self._count.usage)

    def answer(self, question: Question) -> Answer:
        """The memories that are likest, best first."""
        started = time.perf_counter()
        found = self._memory.search(question.text, top_k=self._limit, filters={"user_id": _WHO}, threshold=0.0)
        spoken = [((one.get("metadata") or {}).get("session", ""), one["memory"]) for one in found["results"]]
        context, marks = walked(spoken, self._budget)
        sources = tuple(dict.fromkeys(mark.source for mark in marks if mark.source))
        return Answer(context, marks, sources, seconds=time.perf_counter() - started)

    def close(self) -> None:
        """Let go of the database."""
        close = getattr(self._memory, "close", None)
        if close is not None:
            close()
