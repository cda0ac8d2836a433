"""Count the requests to a chat model inside another package."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import LLMResult

from ...nodes.llm.ask import UsageTracker, name_of
from ...stores.records import Usage


class CallCounter(BaseCallbackHandler):
    """A callback on one model."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._meter = UsageTracker()
        self._began: dict[UUID, float] = {}

    @property
    def usage(self) -> Usage:
        return Usage.of(self._meter.entries)

    def on_chat_model_start(self, serialized: Any, messages: Any, *, run_id: UUID, **kwargs: Any) -> None:
        self._began[run_id] = time.perf_counter()

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> None:
        seconds = time.perf_counter() - self._began.pop(run_id, time.perf_counter())
        message = getattr(response.generations[0][0], "message", None)
        self._meter.add(
            "remember", self._name, seconds, 0, message if isinstance(message, AIMessage) else AIMessage("")
        )


def with_call_counter(model: BaseChatModel) -> tuple[BaseChatModel, CallCounter]:
    """A copy of the model that counts, and its counter."""
    count = CallCounter(name_of(model))
    own = model.callbacks if isinstance(model.callbacks, list) else []
    return model.model_copy(update={"callbacks": [*own, count]}), count
