"""The seam: a step asks a typed question and gets a typed answer, from rules or from a language model."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Generic, Protocol, TypeVar

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.runnables import Runnable
from langgraph.constants import TAG_NOSTREAM
from pydantic import BaseModel

from ..stores.errors import ModelRefused, ModelReplyError, PromptTooLong
from .faults import Cure
from .form import Method, bound, called_form, cut_off, methods
from .meter import Meter, UsedUp, tokens
from .patience import Failed, patiently
from .prompt import Shown, clipped, render
from .reply import Unreadable, parse, parse_calls
from .secrets import covered, covered_for
from .step import Steps, Wait

Q = TypeVar("Q", bound=Shown)
A = TypeVar("A", bound=BaseModel)

TIMEOUT_S = 120.0
_REPLY_TOKENS = 500  # of an unreadable reply that are shown again
_SHARES = (1.0, 0.5, 0.25, 0.125)  # of the history in a prompt, where the model has no room for all


@dataclass(frozen=True, slots=True)
class Task(Generic[Q, A]):
    """What one step asks. `name` is also that of its prompt, `prompts/<name>.md`, and of its rules, `rules/<name>.py`.

    With `tools` (in OpenAI's form) the answer is made of tool calls, as `{"calls": [{"name", "args"}]}`. A node that
    asks for each page of a session gives its question a `part`, the page's number, which tells callbacks whose turn it is.
    """

    name: str
    question: type[Q]
    answer: type[A]
    tools: tuple[Mapping[str, Any], ...] = ()


class Answerer(Protocol):
    """Whoever answers a step."""

    def ask(self, task: Task[Q, A], question: Q, meter: Meter) -> Steps[A]:
        """The answer, or a `ModelError`, or `UsedUp`; what it cost goes to the meter, also when it failed."""


class Model:
    """Asks a chat model: prompt rendered, reply read, repaired once, then asked for in the next form.

    `words` are system words by step, in place of those of the package.
    """

    def __init__(
        self, model: BaseChatModel, timeout_s: float = TIMEOUT_S, words: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self.name = name_of(model)
        self.words = words
        self._model = model
        self._timeout_s = timeout_s
        self._methods = list(methods(model))
        self._bound: dict[tuple[Method, type[BaseModel]], Runnable[Any, AIMessage]] = {}

    def ask(self, task: Task[Q, A], question: Q, meter: Meter) -> Steps[A]:
        """`ModelReplyError` when no reply can be read: the first, its repair, and one in each other form."""
        known = [method for method in self._methods if method != "json_schema"] if task.tools else self._methods
        asked = [known[0], *known]
        replies: list[BaseMessage] = []
        problem = ""
        while asked:
            method = asked.pop(0)
            try:
                reply = yield from self._fitted(method, task, question, replies, meter)
            except Failed as failure:
                rest = [other for other in asked if other != method]
                if failure.fault.cure is not Cure.OTHERWISE or not rest:
                    raise failure.fault.error from failure.__cause__
                self._methods = rest  # the server does not know this form: it need not be asked so again
                asked = rest if replies else [rest[0], *rest]
                continue
            try:
                return parse_calls(reply, task.answer, method) if task.tools else parse(reply, task.answer)
            except ModelRefused as refused:
                raise ModelRefused(covered(str(refused), self._model)) from None
            except Unreadable as unreadable:
                problem = covered(str(unreadable), self._model)
                mend = f"{problem}\nAnswer again with one JSON object of the form above."
                replies += [AIMessage(covered_for(_words(reply), self._model)), HumanMessage(mend)]
        raise ModelReplyError(
            f"{self.name} gave no answer to `{task.name}` that could be read, in {len(replies) // 2} replies: {problem}"
        )

    def _fitted(
        self, method: Method, task: Task[Q, A], question: Q, replies: Sequence[BaseMessage], meter: Meter
    ) -> Steps[AIMessage]:
        """The reply to the prompt, with less and less history where the model has no room for it."""
        for share in _SHARES:
            form = called_form(task.tools, method) if task.tools else None
            system, human = render(task.name, question.shown(share), task.answer, form, self.words.get(task.name))
            messages = [SystemMessage(system), HumanMessage(human), *replies[-2:]]
            try:
                return (yield from self._called(method, messages, task, meter, getattr(question, "part", None)))
            except Failed as failure:
                if failure.fault.cure is not Cure.SHORTER:
                    raise
                told = failure.fault.error
        raise PromptTooLong(f"{told} A {task.name} prompt of {tokens(messages)} tokens is the shortest there is.")

    def _called(
        self, method: Method, messages: list[BaseMessage], task: Task[Q, A], meter: Meter, part: int | None
    ) -> Steps[AIMessage]:
        size = tokens(messages)
        meter.admit(size)
        left = meter.left_s()
        timeout_s = self._timeout_s if left is None else min(left, self._timeout_s)
        started = time.perf_counter()

        def retrying(why: str, pause_s: float, took_s: float) -> None:
            nonlocal started
            meter.add(task.name, self.name, took_s, 0, None)
            meter.tell({"event": "retrying", "step": task.name, "why": why, "pause_s": round(pause_s, 2)})
            started = time.perf_counter() + pause_s

        runnable = self._runnable(method, task)
        # What a model thinks for the memory is a form, not words: an agent's stream of messages is to leave it out.
        told = {"jitmem_step": task.name} | ({"jitmem_part": part} if part else {})
        config: Any = {"run_name": task.name, "metadata": told, "tags": [TAG_NOSTREAM]}
        asking = Wait(lambda: runnable.invoke(messages, config), lambda: runnable.ainvoke(messages, config))
        try:
            reply: AIMessage = yield from patiently(asking, self.name, timeout_s, retrying, self._model)
        except Failed as failure:
            meter.add(task.name, self.name, time.perf_counter() - started, 0, None)
            if failure.fault.late and timeout_s < self._timeout_s:
                raise UsedUp from failure
            raise
        except Exception as error:
            cut = cut_off(error)
            if cut is None:
                raise
            reply = cut
        meter.add(task.name, self.name, time.perf_counter() - started, size, reply)
        return reply

    def _runnable(self, method: Method, task: Task[Q, A]) -> Runnable[Any, AIMessage]:
        if (method, task.answer) not in self._bound:
            self._bound[method, task.answer] = bound(self._model, method, task.answer, task.tools)
        return self._bound[method, task.answer]


def name_of(model: BaseChatModel) -> str:
    """What the provider calls the model; its class where it has no name."""
    return str(getattr(model, "model_name", None) or getattr(model, "model", None) or type(model).__name__)


def _words(reply: AIMessage) -> str:
    """A reply as it can stand in a prompt; a tool call would have to be followed by its result."""
    calls = [json.dumps(call["args"], ensure_ascii=False) for call in reply.tool_calls]
    return clipped("\n".join([str(reply.text), *calls]).strip() or "(nothing)", _REPLY_TOKENS)
