"""A chat message as an object: of OpenAI, Anthropic, Gemini, LangChain or a data set, to a turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .block_text import INSTRUCTIONS, ROLES, TOOL_ROLES, block_text, call_text, result_text
from .chat_turns import ChatTurn
from .written_times import try_time

SPEAKERS = ("role", "from", "speaker", "sender", "sender_name", "author", "creator", "name", "user", "username", "type")
WORDS = ("content", "value", "text", "message", "body", "parts", "utterance")
TIMES = (
    "timestamp",
    "timestamp_ms",
    "created_at",
    "create_time",
    "createdAt",
    "created",
    "time",
    "date",
    "ts",
    "sent_at",
    "datetime",
    "tstamp",
    "created_date",
)


def is_message(value: object) -> bool:
    """By the keys of OpenAI, ShareGPT, Gemini and LangChain, dumped in any of its ways."""
    if not isinstance(value, Mapping):
        return False
    if is_dumped(value):
        return True
    role = value.get("role", value.get("from", value.get("type")))
    return isinstance(role, str) and (any(key in value for key in WORDS) or "tool_calls" in value)


def is_dumped(value: object) -> bool:
    """A message as `dumpd` or `messages_to_dict` of langchain-core writes it."""
    if not isinstance(value, Mapping):
        return False
    if isinstance(value.get("kwargs"), Mapping) and isinstance(value.get("id"), list):
        return str(value["id"][-1:]).find("Message") > 0
    return isinstance(value.get("type"), str) and isinstance(value.get("data"), Mapping) and "content" in value["data"]


def message_turns(messages: Sequence[Any], time: Any = None) -> list[ChatTurn]:
    """The turns of messages; instructions for the model are left out, a tool's result joins the assistant's turn before."""
    turns: list[ChatTurn] = []
    for message in messages:
        if isinstance(message, str):
            turns.append(ChatTurn("user", message, time))
        elif isinstance(message, Mapping):
            _add(turns, _unwrap(message), time)
    return [turn for turn in turns if turn.text.strip()]


def speaker_of(message: Mapping[str, Any]) -> str:
    """The name of a role or a person as pages have it: `user`, `assistant`, or as it stands."""
    given = next((message[key] for key in SPEAKERS if message.get(key)), "")
    if isinstance(given, Mapping):
        given = given.get("name") or given.get("role") or given.get("username") or ""
    role = ROLES.get(str(given).lower(), str(given))
    name = message.get("name")
    return name if role in ("user", "assistant") and isinstance(name, str) and name.strip() else role


def new_turns(known: Sequence[ChatTurn], found: Sequence[ChatTurn]) -> list[ChatTurn] | None:
    """What `found` has beyond `known`, which it begins with; None if it does not begin with it."""
    if len(found) < len(known) or any(a[:2] != b[:2] for a, b in zip(known, found, strict=False)):
        return None
    return list(found[len(known) :])


def _unwrap(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields of a message out of the envelopes of langchain-core."""
    if isinstance(message.get("kwargs"), Mapping):
        kind = str(message["id"][-1]) if isinstance(message.get("id"), list) and message["id"] else ""
        return {"type": kind.removesuffix("Chunk").removesuffix("Message").lower(), **message["kwargs"]}
    if isinstance(message.get("data"), Mapping) and "content" in message["data"]:
        return {**message["data"], "type": message.get("type")}
    return message


def _add(turns: list[ChatTurn], message: Mapping[str, Any], time: Any) -> None:
    kind, speaker = str(message.get("type") or ""), speaker_of(message)
    role = str(message.get("role") or message.get("from") or message.get("type") or "").lower()
    own = next((found for key in TIMES if (found := try_time(message.get(key)))), time)
    if role in INSTRUCTIONS or kind in ("reasoning", "item_reference"):
        return
    if role in ("function_call", "tool_call") and not kind:  # of a data set, the whole call in its words
        content = next((message[key] for key in WORDS if message.get(key) is not None), "")
        turns.append(ChatTurn("assistant", f"[calls {block_text(content)}]", own))
        return
    if "function_call" in kind or "tool_call" in kind:  # items of the Responses API
        if kind.endswith("_output"):
            _join(turns, result_text(message.get("output")), own)
        else:
            name = message.get("name") or kind
            _join(turns, call_text(name, message.get("arguments") or message.get("input")), own)
        return
    content = next((message[key] for key in WORDS if message.get(key) is not None), "")
    if role in TOOL_ROLES:
        _join(turns, result_text(content), own)
        return
    results = [one for one in content if _is_result(one)] if isinstance(content, list) else []
    if results and role == "user":  # as Anthropic sends them back
        _join(turns, block_text(results), own)
        content = [one for one in content if not _is_result(one)]
    parts = [block_text(content)]
    parts += [text for key in ("refusal",) if isinstance(text := message.get(key), str) and text not in parts]
    blocks = content if isinstance(content, list) else []
    if not any(isinstance(one, Mapping) and one.get("type") in ("tool_use", "tool_call") for one in blocks):
        parts += [_call(one) for one in message.get("tool_calls") or [] if isinstance(one, Mapping)]
    if isinstance(call := message.get("function_call"), Mapping):
        parts.append(_call(call))
    if isinstance(audio := message.get("audio"), Mapping):
        parts.append(block_text(audio.get("transcript")))
    turns.append(ChatTurn(speaker, "\n".join(part for part in parts if part.strip()), own))


def _join(turns: list[ChatTurn], note: str, time: Any) -> None:
    if not note:
        return
    if turns and turns[-1].speaker == "assistant":
        last = turns.pop()
        turns.append(last._replace(text=f"{last.text}\n{note}".strip()))
    else:
        turns.append(ChatTurn("assistant", note, time))


def _is_result(block: object) -> bool:
    return isinstance(block, Mapping) and str(block.get("type", "")).endswith("tool_result")


def _call(call: Mapping[str, Any]) -> str:
    function = call["function"] if isinstance(call.get("function"), Mapping) else call
    return call_text(function.get("name"), function.get("args", function.get("arguments")))
