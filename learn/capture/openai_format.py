"""Messages and tools in OpenAI's format, with the arguments of calls as objects, for training rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, convert_to_openai_messages
from langchain_core.utils.function_calling import convert_to_openai_tool


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


def openai_tools(tools: Sequence[Any]) -> tuple[Mapping[str, Any], ...]:
    """Tools of other providers that have a name and a schema are converted; others stay as they are."""
    return tuple(_openai_tool(tool) for tool in tools)


def _openai_message(message: BaseMessage) -> dict[str, Any]:
    converted: Any = convert_to_openai_messages(message)
    back: dict[str, Any] = json.loads(json.dumps(converted, default=str))
    return back


def _openai_tool(tool: Any) -> Mapping[str, Any]:
    try:
        return convert_to_openai_tool(tool)
    except ValueError:  # a provider's own, such as its web search
        return dict(tool) if isinstance(tool, Mapping) else {"type": str(tool)}
