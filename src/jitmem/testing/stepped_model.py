"""Chat models that know which step calls them, also when they stream."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, message_chunk_to_message
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import ensure_config
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

Tool = dict[str, Any] | type | Callable[..., Any] | BaseTool
RunManager = CallbackManagerForLLMRun | AsyncCallbackManagerForLLMRun | None
Config = RunnableConfig | None

_STEP = "jitmem_step"
_PIECES = 16


class SteppedModel(BaseChatModel):
    """Passes the step as an argument of the call: LangChain gives `_stream` no run, hence no metadata."""

    def invoke(self, input: LanguageModelInput, config: Config = None, **kwargs: Any) -> AIMessage:
        return super().invoke(input, config, **_with_step(config, kwargs))

    async def ainvoke(self, input: LanguageModelInput, config: Config = None, **kwargs: Any) -> AIMessage:
        return await super().ainvoke(input, config, **_with_step(config, kwargs))

    def stream(self, input: LanguageModelInput, config: Config = None, **kwargs: Any) -> Iterator[AIMessageChunk]:
        return super().stream(input, config, **_with_step(config, kwargs))

    def astream(self, input: LanguageModelInput, config: Config = None, **kwargs: Any) -> AsyncIterator[AIMessageChunk]:
        return super().astream(input, config, **_with_step(config, kwargs))


class InstantModel(SteppedModel):
    """A model whose replies come from `_reply`: sync, async and streamed."""

    @abstractmethod
    def _reply(self, messages: list[BaseMessage], step: str | None, options: dict[str, Any]) -> AIMessage:
        """`step` is one of jitmem's, or the LangGraph node that asks, or None."""

    def bind_tools(
        self, tools: Sequence[Tool], *, tool_choice: Any = None, **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """The tools become a part of the request, and change no reply."""
        return self.bind(tools=as_openai(tools), **with_choice(tool_choice, kwargs))

    def _generate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: RunManager = None, **kwargs: Any
    ) -> ChatResult:
        return as_result(self._reply(messages, take_step(kwargs, run_manager), {**kwargs, "stop": stop}))

    async def _agenerate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: RunManager = None, **kwargs: Any
    ) -> ChatResult:
        # Not in a thread, the default: concurrent tasks are then answered in order.
        return self._generate(messages, stop, run_manager, **kwargs)

    def _stream(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: RunManager = None, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        """The text in several chunks; the last has everything else."""
        reply = self._reply(messages, take_step(kwargs, run_manager), {**kwargs, "stop": stop})
        pieces: list[Any] = [reply.content]
        if isinstance(reply.content, str):
            size = max(8, -(-len(reply.content) // _PIECES))
            pieces = [reply.content[start : start + size] for start in range(0, len(reply.content), size)] or [""]
        for piece in pieces[:-1]:
            yield ChatGenerationChunk(message=AIMessageChunk(content=piece, id=reply.id))
        yield ChatGenerationChunk(message=as_last_chunk(reply, pieces[-1]))


def take_step(kwargs: dict[str, Any], run_manager: RunManager) -> str | None:
    """The step of jitmem, or the LangGraph node, that calls, or None; it is removed from the arguments."""
    step: str | None = kwargs.pop(_STEP, None)
    return step or _step_of(run_manager.metadata if run_manager else {})


def as_openai(tools: Sequence[Tool]) -> list[dict[str, Any]]:
    """Tools of any kind in OpenAI's form, which can be stored and compared."""
    return [convert_to_openai_tool(tool) for tool in tools]


def with_choice(tool_choice: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
    """The options beside the tools, with `tool_choice` if it is given."""
    return kwargs if tool_choice is None else {"tool_choice": tool_choice, **kwargs}


def as_result(reply: BaseMessage) -> ChatResult:
    """A reply as LangChain expects it of a chat model."""
    return ChatResult(generations=[ChatGeneration(message=message_chunk_to_message(reply))])


def as_last_chunk(reply: AIMessage, content: Any) -> AIMessageChunk:
    """The last chunk of a stream: `content`, and all other fields of the reply."""
    fields = ("additional_kwargs", "response_metadata", "name", "id", "tool_calls", "invalid_tool_calls")
    values = {name: getattr(reply, name) for name in (*fields, "usage_metadata")}
    return AIMessageChunk(content=content, chunk_position="last", **values)


def _with_step(config: Config, kwargs: dict[str, Any]) -> dict[str, Any]:
    step = _step_of(ensure_config(config).get("metadata") or {})
    return {_STEP: step, **kwargs} if step else kwargs


def _step_of(metadata: dict[str, Any]) -> str | None:
    step = metadata.get(_STEP) or metadata.get("langgraph_node")
    return None if step is None else str(step)
