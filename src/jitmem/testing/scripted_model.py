"""A chat model with scripted replies; a request after the last one is an error."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.utils import count_tokens_approximately
from langchain_core.runnables import Runnable
from pydantic import BaseModel, Field, PrivateAttr, field_validator

from ..stores.errors import BadInput
from .stepped_model import InstantModel, Tool, as_openai

Reply: TypeAlias = str | Mapping[str, Any] | BaseModel | AIMessage | Exception
Lines: TypeAlias = dict[str, list[Reply]] | list[Reply] | Callable[[list[BaseMessage]], Reply]

ANY_STEP = "any step"


class ScriptEnded(AssertionError):
    """A request after the last line of the script."""


class ScriptedModel(InstantModel):
    """Replies with its `lines`, whatever the request.

    >>> model = ScriptedModel(lines=["Hello.", {"memo": "Ana left the bank."}])
    >>> model.invoke("Hi").content
    'Hello.'
    >>> model.remaining()
    {'any step': [{'memo': 'Ana left the bank.'}]}

    `lines` are a list of replies, used in order; or a list for each step, such as `{"plan": […], "reflect": […]}`,
    where a step is one of jitmem's or the LangGraph node that asks ("None" for neither); or a function from the
    messages to a reply. A reply is a text; a dict or pydantic model (said as JSON, or as the arguments of the call
    when the caller's `tool_choice` demands one, as `with_structured_output` does); an `AIMessage`, for tool calls;
    or an exception, which is raised. When no line is left it raises `ScriptEnded`.

    `seen` keeps the step and the messages of every request, `bound_tools` the tools of every `bind_tools`, in
    OpenAI's form. Tokens are counted by `count_tokens_approximately`. Streams come in several pieces.
    """

    lines: Any  # of type `Lines`; Any, so that `model.lines.update(…)` needs no narrowing
    model: str = "scripted"
    seen: list[tuple[str, list[BaseMessage]]] = Field(default_factory=list)
    bound_tools: list[list[dict[str, Any]]] = Field(default_factory=list)
    _lock: threading.Lock = PrivateAttr(default_factory=threading.Lock)

    @field_validator("lines", mode="before")
    @classmethod
    def _own_lists(cls, lines: Any) -> Any:
        """Copy the lists: lines are removed as they are used."""
        if callable(lines):
            return lines
        if isinstance(lines, Mapping):
            return {str(step): _as_list(replies, f"lines[{step!r}]") for step, replies in lines.items()}
        return _as_list(lines, "lines")

    def remaining(self) -> dict[str, list[Reply]]:
        """The lines not used yet, by step; `{}` for none, and for a function."""
        with self._lock:
            by_step = {ANY_STEP: self.lines} if isinstance(self.lines, list) else self.lines
            return {} if callable(by_step) else {step: list(lines) for step, lines in by_step.items() if lines}

    def bind_tools(
        self, tools: Sequence[Tool], *, tool_choice: Any = None, **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """The same script for any tools; they are added to `bound_tools`."""
        self.bound_tools.append(as_openai(tools))
        return super().bind_tools(tools, tool_choice=tool_choice, **kwargs)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _reply(self, messages: list[BaseMessage], step: str | None, options: dict[str, Any]) -> AIMessage:
        reply = self._next(str(step), messages)
        if isinstance(reply, Exception):
            raise reply
        tool = _required_tool(options.get("tools"), options.get("tool_choice"), reply)
        message = _as_message(reply, tool, f"call_{len(self.seen)}")
        prompt, completion = count_tokens_approximately(messages), count_tokens_approximately([message])
        usage = {"input_tokens": prompt, "output_tokens": completion, "total_tokens": prompt + completion}
        return message.model_copy(
            update={
                "usage_metadata": message.usage_metadata or usage,
                "response_metadata": {"model_name": self.model, **message.response_metadata},
            }
        )

    def _next(self, step: str, messages: list[BaseMessage]) -> Reply:
        with self._lock:
            self.seen.append((step, messages))
            if callable(self.lines):
                by_rule: Reply = self.lines(messages)
                return by_rule
            lines: list[Reply] = self.lines if isinstance(self.lines, list) else self.lines.get(step, [])
            if not lines:
                left = isinstance(self.lines, dict) and [step for step in sorted(self.lines) if self.lines[step]]
                other = "" if left is False else f" Lines are left for: {', '.join(left) or 'no step'}."
                last = _truncate(f"{messages[-1].type}: {messages[-1].text}") if messages else "no message"
                raise ScriptEnded(
                    f"The model was asked once too often for {step!r}: request {len(self.seen)}.{other}"
                    f" The last message was {last!r}."
                )
            return lines.pop(0)


def _as_list(replies: Any, name: str) -> list[Reply]:
    if not isinstance(replies, Sequence) or isinstance(replies, str):
        raise BadInput(f"{name} is a {type(replies).__name__}; write a list of replies.")
    return list(replies)


def _as_message(reply: Reply, tool: str | None, call_id: str) -> AIMessage:
    """`tool` is the one that a dict or pydantic model is the arguments of."""
    if isinstance(reply, AIMessage):
        return reply
    if isinstance(reply, str):
        return AIMessage(reply)
    if not isinstance(reply, BaseModel | Mapping):
        raise BadInput(
            f"A scripted reply is a str, a dict, a pydantic model, an AIMessage or an exception,"
            f" not a {type(reply).__name__}: {_truncate(repr(reply))}"
        )
    values = reply.model_dump(mode="json") if isinstance(reply, BaseModel) else dict(reply)
    if tool is None:
        return AIMessage(json.dumps(values, ensure_ascii=False))
    return AIMessage("", tool_calls=[{"name": tool, "args": values, "id": call_id, "type": "tool_call"}])


def _required_tool(tools: Any, choice: Any, reply: Reply) -> str | None:
    """The tool that the caller requires: by name, or any of its tools (the reply's namesake, or the first)."""
    names = [tool.get("function", tool).get("name") for tool in tools or [] if isinstance(tool, dict)]
    if isinstance(choice, Mapping):
        choice = choice.get("function", choice).get("name")
    if choice in names:
        return str(choice)
    if not names or choice not in ("any", "required", True):
        return None
    return type(reply).__name__ if type(reply).__name__ in names else str(names[0])


def _truncate(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:200]}…"
