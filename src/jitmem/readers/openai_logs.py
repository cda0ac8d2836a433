"""OpenAI: logged requests with their replies, batches, responses, stored completions and fine-tuning files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from ..stores.records import Session
from .chat_turns import Chat, ChatTurn, chat_sessions
from .message_objects import TIMES, is_message, message_turns, new_turns
from .source_file import SourceFile
from .written_times import read_time

_REQUESTS = ("request", "body", "request_body", "params", "kwargs", "input", "data")
_RESPONSES = ("response", "response_body", "output", "completion", "result")
_REPLIES = ("preferred_output", "chosen", "completion", "response", "output", "result")
_PARAMETERS = {
    "tools",
    "functions",
    "max_tokens",
    "max_completion_tokens",
    "temperature",
    "stream",
    "tool_choice",
    "system",
}
"""Beside "model" and "messages" they tell a request from a stored conversation."""
_TIMES = (*TIMES, "startTime", "start_time", "request_time", "requested_at")
_CHATS = ("session_id", "conversation_id", "thread_id", "chat_id", "conversation")


class _LoggedCall(NamedTuple):
    turns: list[ChatTurn]
    time: datetime | None
    id: str
    previous: str
    chat: str


def recognise(file: SourceFile) -> bool:
    """A request beside its response, a response of either API, or pairs of prompt and completion."""
    rows = file.objects[:20]
    return bool(_thread_messages(file)) or (bool(rows) and all(_is_exchange(one) for one in rows))


def read_file_sessions(file: SourceFile) -> list[Session]:
    """A session a conversation: a request that repeats an earlier one with more turns continues its session."""
    if messages := _thread_messages(file):
        return _threads(messages, file.label)
    chats: list[Chat] = []
    turns: list[list[ChatTurn]] = []
    by_id: dict[str, int] = {}
    for number, row in enumerate(file.objects, start=1):
        one = _exchange(row, file.label)
        if not one.turns:
            continue
        at = by_id.get(one.previous, by_id.get(one.chat))
        if one.previous in by_id:
            turns[by_id[one.previous]] += one.turns
        elif at is not None and (more := new_turns(turns[at], one.turns)) is not None:
            turns[at] += more
        elif (at := _find_continued(turns, one.turns)) is not None:
            turns[at] += new_turns(turns[at], one.turns) or []
        else:
            at = len(turns)
            turns.append(one.turns)
            name = one.chat or one.id or (f"{file.stem}-{number}" if file.stem else "")
            chats.append(Chat(turns=turns[-1], id=name, time=one.time, metadata=_about(row)))
        at = by_id[one.previous] if at is None else at
        by_id.update({name: at for name in (one.id, one.chat) if name})
    return [session for chat in chats for session in chat_sessions(chat)]


def _thread_messages(file: SourceFile) -> list[dict[str, Any]]:
    """The messages of threads as the Assistants API lists them, newest first; or the items of a list of the Conversations API."""
    value = file.value
    is_list = isinstance(value, dict) and value.get("object") == "list"
    rows = value.get("data") if is_list else file.rows
    listed = [one for one in rows if isinstance(one, dict)] if isinstance(rows, list) else []
    if all(one.get("object") == "thread.message" for one in listed):
        return listed
    return listed if is_list and any(one.get("type") == "message" and is_message(one) for one in listed) else []


def _threads(messages: list[dict[str, Any]], shown: str) -> list[Session]:
    threads: dict[str, list[ChatTurn]] = {}
    if all(one.get("object") == "thread.message" for one in messages):
        for one in sorted(messages, key=lambda message: message.get("created_at") or 0):
            turns = message_turns([one], read_time(one.get("created_at"), shown))
            threads.setdefault(str(one.get("thread_id") or ""), []).extend(turns)
    else:
        threads[""] = message_turns(messages)
    chats = [Chat(turns=turns, id=name, metadata={"source": "openai"}) for name, turns in threads.items()]
    return [session for chat in chats for session in chat_sessions(chat)]


def _find_continued(known: list[list[ChatTurn]], found: list[ChatTurn]) -> int | None:
    """The newest conversation that these turns begin with, if they go on."""
    for at in range(len(known) - 1, max(-1, len(known) - 200), -1):
        if len(found) > len(known[at]) > 1 and new_turns(known[at], found) is not None:
            return at
    return None


def _about(row: Mapping[str, Any]) -> dict[str, Any]:
    model = next((one["model"] for one in _all(row) if isinstance(one.get("model"), str)), None)
    return {"source": "openai", **({"model": model} if model else {})}


def _is_exchange(row: Mapping[str, Any]) -> bool:
    if isinstance(row.get("choices"), list) or row.get("object") in ("chat.completion", "response"):
        return True
    if isinstance(row.get("mapping"), dict) or "run_type" in row:
        return False
    asks = any(_asks(one) for one in _all(row))
    replies = any(
        isinstance(one.get("choices") or one.get("candidates"), list) or _is_output(one.get("output"))
        for one in _all(row)
    )
    pairs = ("prompt" in row and bool({"completion", "response", "chosen"} & row.keys())) or (
        "preferred_output" in row and "input" in row
    )
    nested = asks and (not isinstance(row.get("messages"), list) or ("model" in row and bool(_PARAMETERS & row.keys())))
    return pairs or replies or nested


def _asks(value: Mapping[str, Any]) -> bool:
    messages = value.get("messages", value.get("input", value.get("contents")))
    if isinstance(messages, str):
        return "model" in value
    return isinstance(messages, list) and bool(messages) and all(is_message(one) for one in messages)


def _is_output(value: object) -> bool:
    return isinstance(value, list) and any(isinstance(one, Mapping) and one.get("type") == "message" for one in value)


def _all(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The row, and the requests and responses in it, at most three deep."""
    yield row
    for key in (*_REQUESTS, *_RESPONSES):
        inner = row.get(key)
        if isinstance(inner, Mapping):
            yield inner
            body = inner.get("body")
            if isinstance(body, Mapping):
                yield body


def _exchange(row: Mapping[str, Any], shown: str) -> _LoggedCall:
    parts = list(_all(row))
    stamp = next((one[key] for one in parts for key in _TIMES if one.get(key) not in (None, "")), None)
    time = read_time(stamp, shown)
    asked: Any = row.get("prompt")
    for one in parts:
        if asked is None and (_asks(one) or isinstance(one.get("input"), str)):
            asked = one.get("messages", one.get("input", one.get("contents")))
    answered = _answers(row, parts)
    turns = message_turns([asked] if isinstance(asked, str) else asked or [], time)
    replies = message_turns(answered, time)
    turns += [turn._replace(speaker="assistant") for turn in replies if turn.text]
    name = next((str(one["id"]) for one in parts if isinstance(one.get("id"), str)), "")
    previous = next((str(one["previous_response_id"]) for one in parts if one.get("previous_response_id")), "")
    return _LoggedCall(turns, time, str(row.get("custom_id") or name), previous, _chat_id(parts))


def _answers(row: Mapping[str, Any], parts: list[Mapping[str, Any]]) -> list[Any]:
    for one in parts:
        choices = one.get("choices") or one.get("candidates")
        if isinstance(choices, list) and choices and isinstance(choices[0], Mapping):
            return [choices[0].get("message") or choices[0].get("text") or choices[0].get("content") or ""]
    for one in parts:
        if _is_output(one.get("output")):
            return list(one["output"])
    found = next((row[key] for key in _REPLIES if row.get(key)), None)
    if isinstance(found, list):
        return found
    if isinstance(found, Mapping):
        inner = found.get("messages")
        return inner if isinstance(inner, list) else [found] if is_message(found) else []
    return [found] if isinstance(found, str) else []


def _chat_id(parts: list[Mapping[str, Any]]) -> str:
    for one in parts:
        for key in _CHATS:
            found = one.get(key)
            found = found.get("id") if isinstance(found, Mapping) else found
            if isinstance(found, str | int) and found:
                return str(found)
    return ""
