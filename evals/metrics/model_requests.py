"""Ask a chat model outside the graphs: prompts from files, retries, verdicts with one repair, and a count of calls."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, TypeVar
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.outputs import LLMResult
from pydantic import BaseModel

from ...nodes.llm.ask import TIMEOUT_S, name_of
from ...nodes.llm.redaction import redact
from ...nodes.llm.retry import ProviderFailure, with_retries
from ...nodes.llm.structured_output import UnreadableReply, parse_reply
from ...nodes.llm.sync_async import Computation, Wait, run_sync
from ...nodes.llm.usage import UsageTracker
from ...stores.delimiters import escape_delimiters
from ...stores.errors import ModelError, ModelReplyError
from ...stores.records import Usage

VerdictT = TypeVar("VerdictT", bound=BaseModel)
MAX_REPLIES = 2
"""The first reply, and one repair."""

_PLACE = re.compile(r"\{\{(\w+)\}\}")
_PARTS = re.compile(r"^# (?:System|Task)\s*$", re.M)


@dataclass(frozen=True)
class PromptFile:
    """A Markdown file of a package with a `# System` and a `# Task` part, and places such as `{{question}}`.

    `tags` are the tags that enclose data in this prompt; `fence` removes them from the data.
    """

    package: str
    path: str
    tags: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The whole file, for reports."""
        return _read_resource(self.package, self.path)

    def messages(
        self, values: Mapping[str, str], answer: type[BaseModel] | None = None
    ) -> tuple[SystemMessage, HumanMessage]:
        """Each place is filled once: a value that looks like a place stays as it is. `answer` adds its JSON form."""
        _, system, task = (_PLACE.sub(lambda place: values[place[1]], part.strip()) for part in self._split())
        form = f"\n\nAnswer with one JSON object of this form:\n{_answer_form(answer)}" if answer else ""
        return SystemMessage(system + form), HumanMessage(task)

    def fence(self, tag: str, text: str) -> str:
        """Text between tags that it cannot close."""
        return f"<{tag}>\n{escape_delimiters(text, *self.tags)}\n</{tag}>"

    def _split(self) -> list[str]:
        return _PARTS.split(self.text)


def request_reply(model: BaseChatModel, messages: list[BaseMessage], timeout_s: float) -> Computation[AIMessage]:
    """One reply, with retries; a `ModelError` when it stays broken."""
    waiting = Wait(lambda: model.invoke(messages), lambda: model.ainvoke(messages))
    try:
        reply: AIMessage = yield from with_retries(waiting, name_of(model), timeout_s, secrets_of=model)
    except ProviderFailure as failure:
        raise failure.error from failure.__cause__
    return reply


def request_verdict(
    model: BaseChatModel, prompt: tuple[BaseMessage, ...], answer: type[VerdictT], timeout_s: float
) -> Computation[VerdictT]:
    """A reply of this form; an unreadable one is sent back once with what is wrong. `ModelReplyError` after that."""
    messages = list(prompt)
    problem = ""
    for _ in range(MAX_REPLIES):
        reply = yield from request_reply(model, messages, timeout_s)
        try:
            return parse_reply(reply, answer)
        except UnreadableReply as unreadable:
            problem = redact(str(unreadable), model)
            repair = f"{problem}\nAnswer again with one JSON object of the form above."
            messages = [*messages, AIMessage(str(reply.text) or "(nothing)"), HumanMessage(repair)]
    raise ModelReplyError(f"{name_of(model)} gave no verdict that could be read, in {MAX_REPLIES} replies: {problem}")


class ModelCaller:
    """Asks one chat model; `timeout_s` is for one answer, with retries. `name` is what its provider calls the model."""

    def __init__(self, model: BaseChatModel, timeout_s: float = TIMEOUT_S) -> None:
        self.name = name_of(model)
        self._model = model
        self._timeout_s = timeout_s

    def _ask(self, messages: Sequence[BaseMessage]) -> AIMessage:
        return run_sync(request_reply(self._model, [*messages], self._timeout_s))

    def _ask_verdict(self, prompt: tuple[BaseMessage, ...], answer: type[VerdictT]) -> VerdictT | str:
        """The verdict, or the `ModelError` as text: what could not be judged is counted, never scored."""
        try:
            return run_sync(request_verdict(self._model, prompt, answer, self._timeout_s))
        except ModelError as error:
            return f"{type(error).__name__}: {error}"


@cache
def _read_resource(package: str, path: str) -> str:
    return resources.files(package).joinpath(*path.split("/")).read_text(encoding="utf-8")


@cache
def _answer_form(answer: type[BaseModel]) -> str:
    fields = answer.model_json_schema()["properties"]
    bare = {name: {key: value for key, value in field.items() if key != "title"} for name, field in fields.items()}
    return json.dumps({"type": "object", "properties": bare, "required": list(bare)}, ensure_ascii=False)


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
