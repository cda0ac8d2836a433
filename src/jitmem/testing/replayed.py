"""Replay what a chat model replied, without the model."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage, messages_from_dict
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from pydantic import PrivateAttr

from .asked import Request, difference, translated, written_down
from .recording import NotRecorded, read
from .stepped import RunManager, SteppedModel, Tool, as_openai, chosen, in_pieces, result, take_step

_MAKE = "RecordingModel(model=…, path=…)"


class ReplayedModel(SteppedModel):
    """Answers from the recording at `path` that `RecordingModel` made: no model, no key, no network.

    The same request gets the same reply: content, tool calls and usage. Asked n times, it gets its n replies in the
    order of the recording. Requests are compared without page ids, which every run makes anew: those in a reply are
    turned into the ones of the present request. What was not recorded, or not so often, raises `NotRecorded`: so may
    a run that files several sessions at once, which see more or less of each other every time.
    """

    path: str | Path
    _lock: threading.Lock = PrivateAttr(default_factory=threading.Lock)
    _exchanges: list[_Exchange] = PrivateAttr(default_factory=list)
    _by_key: dict[str, list[_Exchange]] = PrivateAttr(default_factory=dict)
    _said: dict[str, int] = PrivateAttr(default_factory=lambda: defaultdict(int))

    def model_post_init(self, context: Any, /) -> None:
        """`RecordingError` for a file that is missing or cannot be read."""
        super().model_post_init(context)
        for told in read(Path(self.path), "chat", _MAKE):
            exchange = _Exchange(Request.of(told["request"]), told["reply"], told["step"], told["model"])
            self._exchanges.append(exchange)
            self._by_key.setdefault(exchange.request.key, []).append(exchange)

    @property
    def model_name(self) -> str:
        """The name of the model that was asked; several, where several recorded to the file."""
        return ", ".join(dict.fromkeys(exchange.model for exchange in self._exchanges)) or "replayed"

    def left(self) -> dict[str, int]:
        """How many recorded replies were not asked for yet, by step; `{}` for none."""
        counts: dict[str, int] = defaultdict(int)
        with self._lock:
            for key, exchanges in self._by_key.items():
                for exchange in exchanges[self._said[key] :]:
                    counts[str(exchange.step)] += 1
        return dict(counts)

    def bind_tools(
        self, tools: Sequence[Tool], *, tool_choice: Any = None, **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """The tools are a part of what is asked; they are called by the replies that called them."""
        return self.bind(tools=as_openai(tools), **chosen(tool_choice, kwargs))

    @property
    def _llm_type(self) -> str:
        return "replayed"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return result(self._reply(messages, stop, run_manager, kwargs))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return result(self._reply(messages, stop, run_manager, kwargs))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        yield from in_pieces(self._reply(messages, stop, run_manager, kwargs))

    def _reply(
        self, messages: list[BaseMessage], stop: list[str] | None, run_manager: RunManager, kwargs: dict[str, Any]
    ) -> AIMessage:
        step = take_step(kwargs, run_manager)
        asked = Request.of(written_down(messages, {**kwargs, "stop": stop}))
        with self._lock:
            recorded = self._by_key.get(asked.key, [])
            place = self._said[asked.key] if recorded else 0
            if place >= len(recorded):
                raise NotRecorded(self._why_not(step, asked, len(recorded)))
            self._said[asked.key] += 1
        reply = translated(recorded[place].reply, recorded[place].request, asked)
        return cast(AIMessage, messages_from_dict([reply])[0])

    def _why_not(self, step: str | None, asked: Request, times: int) -> str:
        who = f"The step {step!r}" if step else "Somebody"
        if times:
            return f"{who} asked once more what {self.path} has {times} time(s), with as many replies; record anew."
        if not self._exchanges:
            return f"{who} asked, and {self.path} holds no exchange with a chat model; make one with {_MAKE}."
        same_step = [exchange for exchange in self._exchanges if exchange.step == step] or self._exchanges
        told = difference(asked.lines, [exchange.request.lines for exchange in same_step])
        return f"{who} asked what is not recorded in {self.path}; record anew. The nearest request differs:\n{told}"


@dataclass(frozen=True, slots=True)
class _Exchange:
    request: Request
    reply: dict[str, Any]
    step: str | None
    model: str
