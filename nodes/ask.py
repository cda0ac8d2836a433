"""The seam: a step asks a typed question and gets a typed answer, from rules or from a language model."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from pydantic import BaseModel

from ..stores.errors import ModelReplyError
from .prompt import Shown, render
from .reply import Unreadable, parse
from .step import Steps, Wait

Q = TypeVar("Q", bound=Shown)
A = TypeVar("A", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Task(Generic[Q, A]):
    """What one step asks. `name` is also that of its prompt, `prompts/<name>.md`, and of its rules, `rules/<name>.py`."""

    name: str
    question: type[Q]
    answer: type[A]


class Answerer(Protocol):
    """Whoever answers a step. The second value tells what it cost, for `usage`; empty when it cost nothing."""

    def ask(self, task: Task[Q, A], question: Q) -> Steps[tuple[A, list[dict[str, Any]]]]:
        """The answer, or a `ModelError`."""


class Model:
    """Asks a chat model: prompt rendered, reply read, repaired once."""

    def __init__(self, model: BaseChatModel) -> None:
        self._model = model

    def ask(self, task: Task[Q, A], question: Q) -> Steps[tuple[A, list[dict[str, Any]]]]:
        """`ModelReplyError` when the second reply cannot be read either."""
        system, human = render(task.name, question.shown(), task.answer)
        messages: list[BaseMessage] = [SystemMessage(system), HumanMessage(human)]
        usage: list[dict[str, Any]] = []
        problem: Unreadable | None = None
        for _ in range(2):
            started = time.perf_counter()
            reply: AIMessage = yield self._call(list(messages), task.name)
            usage.append(_cost(task.name, self._model, reply, time.perf_counter() - started))
            try:
                return parse(reply, task.answer), usage
            except Unreadable as unreadable:
                problem = unreadable
                messages += [reply, HumanMessage(f"{unreadable}\nAnswer again with one JSON object of the form above.")]
        raise ModelReplyError(f"The model's answer to `{task.name}` could not be read, twice: {problem}")

    def _call(self, messages: list[BaseMessage], name: str) -> Wait[BaseMessage]:
        config: Any = {"run_name": name, "metadata": {"jitmem_step": name}}
        return Wait(lambda: self._model.invoke(messages, config), lambda: self._model.ainvoke(messages, config))


def _cost(step: str, model: BaseChatModel, reply: AIMessage, seconds: float) -> dict[str, Any]:
    tokens = reply.usage_metadata
    name = getattr(model, "model_name", None) or getattr(model, "model", None) or type(model).__name__
    return {
        "step": step,
        "model": str(name),
        "calls": 1,
        "prompt_tokens": tokens["input_tokens"] if tokens else 0,
        "completion_tokens": tokens["output_tokens"] if tokens else 0,
        "seconds": seconds,
    }
