"""Record what a chat model was asked and what it replied, for `replayed.py` to say again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable, RunnableBinding, RunnableConfig

from .asked import Request, reply_written_down, written_down
from .recording import VERSION, append, prepare
from .stepped import RunManager, SteppedModel, Tool, as_chunk, as_openai, chosen, result, take_step

_ORIGINALS = "jitmem_tools"  # the tools as they were bound, beside their description in `tools`


class RecordingModel(SteppedModel):
    """Asks `model` and appends every exchange to the file at `path`, for `ReplayedModel` to answer from.

    >>> from jitmem.testing import RecordingModel, ReplayedModel, ScriptedModel
    >>> real = ScriptedModel(lines=["Ana left the bank."])    # in earnest ChatOpenAI(…), or any other chat model
    >>> model = RecordingModel(model=real, path="news.jsonl")
    >>> model.invoke("What is new?").content
    'Ana left the bank.'
    >>> ReplayedModel(path="news.jsonl").invoke("What is new?").content
    'Ana left the bank.'

    A line of the file is a JSON object with `version` (1), `kind` ("chat"), `key` (a hash of the request, in which
    page ids are replaced by their order), `step` (that of jitmem, or the LangGraph node that asked, or null),
    `model` (the provider's name of it), `request` with `messages` (in LangChain's `message_to_dict` form) and
    `options` (tools in OpenAI's form, `tool_choice`, `stop` and the rest), and `reply` (the message in the same
    form, with content, tool calls, usage and response metadata).

    Keys, credentials and HTTP headers are never written; what was asked and replied is, in plain text. An error of
    the model is raised and not recorded, nor is a stream that is not read to its end. Answers in a form
    (`with_structured_output`) are asked for by a tool call, whichever way the model itself would prefer. Delete the
    file to record anew: a request that is recorded twice has two replies, in their order. Several threads and
    processes may record to the same file.
    """

    model: BaseChatModel
    path: str | Path

    def model_post_init(self, context: Any, /) -> None:
        """`RecordingError` for a file that ends in a cut line."""
        super().model_post_init(context)
        prepare(Path(self.path))

    @property
    def model_name(self) -> str:
        """The name of the model that is asked."""
        return str(
            getattr(self.model, "model_name", None) or getattr(self.model, "model", None) or type(self.model).__name__
        )

    def bind_tools(
        self, tools: Sequence[Tool], *, tool_choice: Any = None, **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """What the model makes of the tools when it is asked; a model that knows no tools says so at once."""
        options = chosen(tool_choice, kwargs)
        self.model.bind_tools(tools, **options)
        return self.bind(tools=as_openai(tools), **{_ORIGINALS: list(tools)}, **options)

    @property
    def _llm_type(self) -> str:
        return "recording"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        asking = self._asking(messages, stop, run_manager, kwargs)
        return result(asking.recorded(asking.real.invoke(messages, asking.config, **asking.options)))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        asking = self._asking(messages, stop, run_manager, kwargs)
        return result(asking.recorded(await asking.real.ainvoke(messages, asking.config, **asking.options)))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        asking = self._asking(messages, stop, run_manager, kwargs)
        for message in asking.real.stream(messages, asking.config, **asking.options):
            yield asking.passed_on(message)
        asking.recorded(asking.whole)

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        asking = self._asking(messages, stop, run_manager, kwargs)
        async for message in asking.real.astream(messages, asking.config, **asking.options):
            yield asking.passed_on(message)
        asking.recorded(asking.whole)

    def _asking(
        self, messages: list[BaseMessage], stop: list[str] | None, run_manager: RunManager, kwargs: dict[str, Any]
    ) -> _Asking:
        step = take_step(kwargs, run_manager)
        originals = kwargs.pop(_ORIGINALS, None)
        if stop is not None:
            kwargs["stop"] = stop
        real: Any = self.model
        options = kwargs
        if originals is not None:
            real = self.model.bind_tools(originals, **{name: kwargs[name] for name in kwargs if name != "tools"})
            options = {}
            while isinstance(real, RunnableBinding):  # which would add the callbacks around it to none
                real, options = real.bound, {**real.kwargs, **options}
        told = {"version": VERSION, "kind": "chat", "key": "", "step": step, "model": self.model_name}
        return _Asking(real, options, Path(self.path), {**told, "request": written_down(messages, kwargs)}, step)


@dataclass(slots=True)
class _Asking:
    """One request on its way to the real model, and the line that will tell of it."""

    real: Runnable[Any, AIMessage]
    options: dict[str, Any]
    path: Path
    told: dict[str, Any]
    step: str | None
    pieces: list[AIMessageChunk] = field(default_factory=list)

    @property
    def config(self) -> RunnableConfig:
        """No callbacks: they hear of the call from the recorder, once."""
        return {"callbacks": [], "metadata": {"jitmem_step": self.step} if self.step else {}}

    @property
    def whole(self) -> AIMessage:
        """The pieces of the stream in one."""
        first, *others = self.pieces
        return first.__add__(others) if others else first

    def recorded(self, reply: AIMessage) -> AIMessage:
        self.told |= {"key": Request.of(self.told["request"]).key, "reply": reply_written_down(reply)}
        append(self.path, [self.told], self.real)
        return reply

    def passed_on(self, message: AIMessage) -> ChatGenerationChunk:
        """A model that cannot stream gives its whole message as one piece."""
        piece = message if isinstance(message, AIMessageChunk) else as_chunk(message, message.content)
        self.pieces.append(piece.model_copy())  # what is passed on gets the id of the outer run
        return ChatGenerationChunk(message=piece)
