"""Record the requests and replies of a model, for `replay.py`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable, RunnableBinding

from ..nodes.llm.ask import name_of
from ..stores.truth.embeddings import model_name
from .recording_file import VERSION, Request, append, prepare, reply_to_dict, request_to_dict
from .stepped_model import RunManager, SteppedModel, Tool, as_last_chunk, as_openai, as_result, take_step, with_choice

DOCUMENT, QUERY = "document", "query"
_ORIGINALS = "jitmem_tools"  # the tools as they were bound; `tools` has their schemas


class RecordingModel(SteppedModel):
    """Asks `model` and appends every exchange to the file at `path`, for `ReplayedModel` to answer from.

    >>> from jitmem.testing import RecordingModel, ReplayedModel, ScriptedModel
    >>> real = ScriptedModel(lines=["Ana left the bank."])    # usually ChatOpenAI(…), or any other chat model
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

    Keys, credentials and HTTP headers are never written; requests and replies are, in plain text. An error of the
    model is raised and not recorded, nor is a stream that is not read to its end. Structured output
    (`with_structured_output`) is requested by a tool call. Delete the file to record again: a request that is recorded
    twice has two replies, in order. Several threads and processes may record to the same file.
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
        return name_of(self.model)

    def bind_tools(
        self, tools: Sequence[Tool], *, tool_choice: Any = None, **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Bind the tools; a model without tool calls raises its error here."""
        options = with_choice(tool_choice, kwargs)
        self.model.bind_tools(tools, **options)
        return self.bind(tools=as_openai(tools), **{_ORIGINALS: list(tools)}, **options)

    @property
    def _llm_type(self) -> str:
        return "recording"

    def _generate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: RunManager = None, **kwargs: Any
    ) -> ChatResult:
        call = self._call(messages, stop, run_manager, kwargs)
        return as_result(call.record(call.model.invoke(messages, **call.options)))

    async def _agenerate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: RunManager = None, **kwargs: Any
    ) -> ChatResult:
        call = self._call(messages, stop, run_manager, kwargs)
        return as_result(call.record(await call.model.ainvoke(messages, **call.options)))

    def _stream(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: RunManager = None, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        call = self._call(messages, stop, run_manager, kwargs)
        for message in call.model.stream(messages, **call.options):
            yield call.pass_on(message)
        call.record(call.whole())

    async def _astream(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: RunManager = None, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        call = self._call(messages, stop, run_manager, kwargs)
        async for message in call.model.astream(messages, **call.options):
            yield call.pass_on(message)
        call.record(call.whole())

    def _call(
        self, messages: list[BaseMessage], stop: Any, run_manager: RunManager, kwargs: dict[str, Any]
    ) -> _RecordedCall:
        step = take_step(kwargs, run_manager)
        originals = kwargs.pop(_ORIGINALS, None)
        if stop is not None:
            kwargs["stop"] = stop
        model: Any = self.model
        options = kwargs
        if originals is not None:
            model = self.model.bind_tools(originals, **{name: kwargs[name] for name in kwargs if name != "tools"})
            options = {}
            while isinstance(model, RunnableBinding):  # which would replace our callbacks
                model, options = model.bound, {**model.kwargs, **options}
        request = request_to_dict(messages, kwargs)
        line = {"version": VERSION, "kind": "chat", "key": Request.from_dict(request).key, "step": step}
        line |= {"model": self.model_name, "request": request}
        # No callbacks: they hear of the call from the recorder, once.
        config = {"callbacks": [], "metadata": {"jitmem_step": step} if step else {}}
        return _RecordedCall(model, {"config": config, **options}, Path(self.path), line)


@dataclass(slots=True)
class _RecordedCall:
    """One call of the real model, and the line of the recording that it becomes."""

    model: Any
    options: dict[str, Any]
    path: Path
    line: dict[str, Any]
    pieces: list[AIMessageChunk] = field(default_factory=list)

    def record(self, reply: AIMessage) -> AIMessage:
        append(self.path, [self.line | {"reply": reply_to_dict(reply)}], self.model)
        return reply

    def pass_on(self, message: AIMessage) -> ChatGenerationChunk:
        """The chunk to yield; a model that cannot stream gives its whole message as one."""
        piece = message if isinstance(message, AIMessageChunk) else as_last_chunk(message, message.content)
        self.pieces.append(piece.model_copy())  # the yielded one gets the id of the outer run
        return ChatGenerationChunk(message=piece)

    def whole(self) -> AIMessage:
        first, *others = self.pieces
        return first.__add__(others) if others else first


class RecordingEmbeddings(Embeddings):
    """Asks `embeddings` and appends every text and its vector to the file at `path`, for `ReplayedEmbeddings`.

    A line of the file is a JSON object with `version` (1), `kind` ("embedding"), `model` (class and name of it),
    `use` ("document" or "query"), `text`, and `vector` (numbers that read back exactly). The file may be that of a
    `RecordingModel`.
    """

    def __init__(self, embeddings: Embeddings, path: str | Path) -> None:
        self.embeddings = embeddings
        self.path = Path(path)
        prepare(self.path)

    @property
    def model(self) -> str:
        """The name of the recorded model."""
        return model_name(self.embeddings)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return self._record(DOCUMENT, texts, self.embeddings.embed_documents(texts))

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        return self._record(DOCUMENT, texts, await self.embeddings.aembed_documents(texts))

    def embed_query(self, text: str) -> list[float]:
        return self._record(QUERY, [text], [self.embeddings.embed_query(text)])[0]

    async def aembed_query(self, text: str) -> list[float]:
        return self._record(QUERY, [text], [await self.embeddings.aembed_query(text)])[0]

    def _record(self, use: str, texts: Sequence[str], vectors: Sequence[Sequence[float]]) -> list[list[float]]:
        exact = [[float(number) for number in vector] for vector in vectors]
        line = {"version": VERSION, "kind": "embedding", "model": self.model, "use": use}
        if len(exact) == len(texts):  # the caller detects a wrong number of vectors
            lines = [{**line, "text": t, "vector": v} for t, v in zip(texts, exact, strict=True)]
            append(self.path, lines, self.embeddings)
        return exact
