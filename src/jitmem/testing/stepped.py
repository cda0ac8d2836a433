"""A chat model that knows which step asks it, also when it streams, and can say its reply in pieces."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, message_chunk_to_message
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import ensure_config
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

Tool = dict[str, Any] | type | Callable[..., Any] | BaseTool
RunManager = CallbackManagerForLLMRun | AsyncCallbackManagerForLLMRun | None

_STEP = "jitmem_step"
_PIECES = 16


class SteppedModel(BaseChatModel):
    """Hands the step down as an argument of the call: LangChain gives `_stream` no run, hence no metadata."""

    def invoke(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AIMessage:
        return super().invoke(input, config, stop=stop, **_with_step(config, kwargs))

    async def ainvoke(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AIMessage:
        return await super().ainvoke(input, config, stop=stop, **_with_step(config, kwargs))

    def stream(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> Iterator[AIMessageChunk]:
        return super().stream(input, config, stop=stop, **_with_step(config, kwargs))

    def astream(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[AIMessageChunk]:
        return super().astream(input, config, stop=stop, **_with_step(config, kwargs))


def take_step(kwargs: dict[str, Any], run_manager: RunManager) -> str | None:
    """The step of jitmem that asks, or the LangGraph node, or None; it is taken out of the arguments."""
    handed: str | None = kwargs.pop(_STEP, None)
    return handed or _named(run_manager.metadata if run_manager else {})


def as_openai(tools: Sequence[Tool]) -> list[dict[str, Any]]:
    """Tools of any kind in the one form that can be written down and compared."""
    return [convert_to_openai_tool(tool) for tool in tools]


def chosen(tool_choice: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
    """What is bound beside the tools; no choice is not the same as the choice of none."""
    return kwargs if tool_choice is None else {"tool_choice": tool_choice, **kwargs}


def result(reply: BaseMessage) -> ChatResult:
    """One reply, in the form that LangChain expects of a chat model."""
    return ChatResult(generations=[ChatGeneration(message=message_chunk_to_message(reply))])


def in_pieces(reply: AIMessage) -> Iterator[ChatGenerationChunk]:
    """A reply as a stream of it would come: its text bit by bit, with the last all the rest."""
    pieces: list[Any] = [reply.content]
    if isinstance(reply.content, str):
        size = max(8, -(-len(reply.content) // _PIECES))
        pieces = [reply.content[start : start + size] for start in range(0, len(reply.content), size)] or [""]
    for piece in pieces[:-1]:
        yield ChatGenerationChunk(message=AIMessageChunk(content=piece, id=reply.id))
    yield ChatGenerationChunk(message=as_chunk(reply, pieces[-1]))


def as_chunk(reply: AIMessage, content: Any) -> AIMessageChunk:
    """The last chunk of a stream: `content`, and whatever the reply has beside its own."""
    return AIMessageChunk(
        content=content,
        additional_kwargs=reply.additional_kwargs,
        response_metadata=reply.response_metadata,
        name=reply.name,
        id=reply.id,
        tool_calls=reply.tool_calls,
        invalid_tool_calls=reply.invalid_tool_calls,
        usage_metadata=reply.usage_metadata,
        chunk_position="last",
    )


def _with_step(config: RunnableConfig | None, kwargs: dict[str, Any]) -> dict[str, Any]:
    step = _named(ensure_config(config).get("metadata") or {})
    return {_STEP: step, **kwargs} if step else kwargs


def _named(metadata: dict[str, Any]) -> str | None:
    step = metadata.get(_STEP) or metadata.get("langgraph_node")
    return None if step is None else str(step)
