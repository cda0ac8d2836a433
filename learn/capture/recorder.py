"""Record every request to a chat model in runs of compiled graphs, and its place in the run."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, BaseMessage, convert_to_openai_messages
from langchain_core.outputs import LLMResult
from langchain_core.utils.function_calling import convert_to_openai_tool

from ...nodes.llm.prompt import count_tokens
from ..rollout_records import ROLES, RecordedStep
from .run_keys import Place, RecordedRequest, nested_places, with_keys

ROLLOUT, ABOUT = "jitmem_rollout", "jitmem_about"
_STEP, _PART = "jitmem_step", "jitmem_part"


def openai_messages(messages: Sequence[BaseMessage]) -> tuple[dict[str, Any], ...]:
    """`{"role", "content"}`, with `tool_calls` or `tool_call_id` where there are any."""
    return tuple(openai_reply(one) if isinstance(one, AIMessage) else _openai_message(one) for one in messages)


def openai_reply(reply: AIMessage) -> dict[str, Any]:
    """`{"role": "assistant", "content", "tool_calls"}`. Arguments that are no JSON object stay text."""
    written = _openai_message(reply)
    calls = [(call["id"], call["name"], dict(call["args"])) for call in reply.tool_calls]
    broken = [(call["id"], call["name"], call["args"] or "") for call in reply.invalid_tool_calls]
    if calls or broken:
        written["tool_calls"] = [
            {"id": id or "", "type": "function", "function": {"name": name or "", "arguments": arguments}}
            for id, name, arguments in [*calls, *broken]
        ]
    return written


def _openai_message(message: BaseMessage) -> dict[str, Any]:
    converted: Any = convert_to_openai_messages(message)
    back: dict[str, Any] = json.loads(json.dumps(converted, default=str))
    return back


def _openai_tool(tool: Any) -> Mapping[str, Any]:
    """A tool of another provider that has a name and a schema is converted; others stay as they are."""
    try:
        return convert_to_openai_tool(tool)
    except ValueError:  # a provider's own, such as its web search
        return dict(tool) if isinstance(tool, Mapping) else {"type": str(tool)}


class Recorder(BaseCallbackHandler):
    """A callback: `graph.invoke(…, {"callbacks": [recorder], "metadata": {…}})`, sync or async.

    One recorder may record many runs at once, in any threads and event loops. `metadata` tells them apart:
    `jitmem_rollout` is the run, `jitmem_about` the session or question; both are optional. Subgraphs, branches and
    tools inherit it, and the graphs are not changed.
    """

    run_inline = True  # in the order of events, also in an event loop
    raise_error = True  # a lost step would falsify the record

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: dict[UUID, tuple[Place, ...]] = {}
        self._open: dict[UUID, RecordedRequest] = {}
        self._heard: dict[str, list[RecordedRequest]] = {}
        self._count = 0

    def take_steps(self, rollout: str = "") -> tuple[RecordedStep, ...]:
        """Remove and return the requests of a run so far, in its own order; a later reply is not recorded.

        In the order of the sessions and questions, then of the graph's steps; concurrent branches in the order of their
        names and numbers, whichever was first.
        """
        with self._lock:
            heard = self._heard.pop(rollout, [])
            for one in heard:
                self._open.pop(one.run, None)
        return tuple(_as_step(key, attempt, one) for key, attempt, one in with_keys(heard))

    # -- callbacks of LangChain ------------------------------------------------------------------------------

    def on_chain_start(
        self,
        serialized: Any,
        inputs: Any,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        metadata: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        with self._lock:
            self._runs[run_id] = self._places(parent_run_id, metadata or {}, run_id)

    def on_chain_end(self, outputs: Any, *, run_id: UUID, **kwargs: Any) -> None:
        with self._lock:
            self._runs.pop(run_id, None)

    def on_chain_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        self.on_chain_end(None, run_id=run_id)

    def on_chat_model_start(
        self,
        serialized: Any,
        messages: list[list[BaseMessage]],
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        metadata: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        given = metadata or {}
        params = kwargs.get("invocation_params") or {}
        step = given.get(_STEP)
        sent = openai_messages(messages[0])
        with self._lock:
            self._count += 1
            request = RecordedRequest(
                run=run_id,
                began=self._count,
                places=self._places(parent_run_id, given, run_id),
                name=str(step or given.get("langgraph_node") or ""),
                ours=step is not None,
                part=int(given.get(_PART) or 0),
                about=str(given.get(ABOUT, "")),
                messages=sent,
                tools=tuple(map(_openai_tool, params.get("tools") or ())),
                model=str(params.get("model") or params.get("model_name") or given.get("ls_model_name") or ""),
                prompt_tokens=count_tokens(messages[0]),
            )
            self._open[run_id] = request
            self._heard.setdefault(str(given.get(ROLLOUT, "")), []).append(request)

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> None:
        generations = response.generations[0] if response.generations else []
        message = getattr(generations[0], "message", None) if generations else None
        self._finish_request(run_id, message if isinstance(message, AIMessage) else AIMessage(""), "")

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        self._finish_request(run_id, None, f"{type(error).__name__}: {error}")

    def _places(self, parent: UUID | None, metadata: Mapping[str, Any], run: UUID) -> tuple[Place, ...]:
        return nested_places(self._runs.get(parent, ()) if parent else (), metadata, run)

    def _finish_request(self, run_id: UUID, reply: AIMessage | None, error: str) -> None:
        with self._lock:
            one = self._open.pop(run_id, None)
            if one is None:  # its run's steps were taken before
                return
            self._count += 1
            one.ended, one.took, one.reply, one.error = self._count, time.perf_counter() - one.at, reply, error


def _as_step(key: str, attempt: int, one: RecordedRequest) -> RecordedStep:
    reply = one.reply
    prompt_tokens, completion_tokens = one.prompt_tokens, count_tokens([reply]) if reply else 0
    if reply is not None and (usage := reply.usage_metadata):
        prompt_tokens, completion_tokens = usage["input_tokens"], usage["output_tokens"]
    return RecordedStep(
        key=key,
        role=ROLES.get(one.name, "other") if one.ours else "other",
        name=one.name,
        about=one.about,
        messages=one.messages,
        tools=one.tools,
        reply=None if reply is None else openai_reply(reply),
        error=one.error,
        attempt=attempt,
        model=str((reply.response_metadata.get("model_name") if reply else None) or one.model),
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        seconds=one.took,
    )
