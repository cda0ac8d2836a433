"""Create sessions from JSON and JSONL: session objects, or chat messages that form one session."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from langchain_core.messages import BaseMessage, convert_to_messages
from pydantic import ValidationError

from ..stores.errors import BadInput
from ..stores.records import Session
from ..stores.strict_json import parse_json
from .written_times import from_epoch

_BODIES = ("text", "turns", "messages")
_TIMES = ("time", "date", "timestamp", "created_at", "created", "create_time", "createdAt")
_SPEAKERS = ("speaker", "name", "role")
_WORDS = ("text", "content")

_SESSION_IS = 'a session object has exactly one of the keys "text", "turns" and "messages"'
_TURN_IS = 'a turn is ["Ana", "Good morning."] or {"speaker": "Ana", "text": "Good morning."}'
_MESSAGE_IS = 'a chat message is {"role": "user", "content": "Good morning."}'
_JSON_IS = "the file must be a session object, a list of them, or a list of chat messages"
_LINE_IS = "every line must be one JSON object"

# The place of a value ("notes.jsonl, line 7"), for messages, and the value.
_Placed = tuple[str, object]
_Read = TypeVar("_Read")


def sessions_of_json(source: str, name: str) -> list[Session]:
    """A session object, a list of them, `{"sessions": [...]}` (its other keys are not kept), or messages."""
    value = parse_json(source, name=name, right=_JSON_IS)
    if isinstance(value, dict):
        if "sessions" not in value or any(key in value for key in _BODIES):
            return _sessions([(name, value)], name)
        return _each(_session, value["sessions"], name, "sessions")
    if not isinstance(value, list):
        raise BadInput(f"{name}: {_kind(value)} is not a session; {_JSON_IS}")
    return _sessions([(f"{name}, item {number}", item) for number, item in enumerate(value, start=1)], name)


def sessions_of_jsonl(source: str, name: str) -> list[Session]:
    """A session object or a chat message a line; empty lines are skipped."""
    items: list[_Placed] = []
    # Not splitlines(): a JSON string may contain U+2028 and other line separators.
    for number, line in enumerate(source.split("\n"), start=1):
        if line.strip():
            value = parse_json(line, name=name, right=_LINE_IS, line=number)
            if not isinstance(value, dict):
                raise BadInput(f"{name}, line {number}: {_kind(value)} is not a session; {_LINE_IS}")
            items.append((f"{name}, line {number}", value))
    return _sessions(items, name)


def _sessions(items: Sequence[_Placed], name: str) -> list[Session]:
    if not items:
        raise BadInput(f"{name}: holds no session; {_JSON_IS}")
    if all(_looks_like_a_message(value) for _, value in items):
        return [Session(messages=[_message(value, where) for where, value in items])]
    return [_session(value, where) for where, value in items]


def _looks_like_a_message(value: object) -> bool:
    """By the keys of OpenAI's messages, of LangChain's dumped ones, and of its `dumpd` envelopes."""
    if not isinstance(value, dict) or any(key in value for key in _BODIES):
        return False
    return "role" in value or ("type" in value and ("content" in value or "kwargs" in value))


def _session(value: object, where: str) -> Session:
    if not isinstance(value, dict):
        raise BadInput(f"{where}: {_kind(value)} is not a session; {_SESSION_IS}")
    given = [key for key in _BODIES if value.get(key) is not None]
    if len(given) != 1:
        raise BadInput(f"{where}: {_SESSION_IS}, and here are the keys {reprlib.repr(list(value))}")
    rest = dict(value)
    body = {key: rest.pop(key, None) for key in _BODIES}
    session_id, time = _take_id(rest, where), _take_time(rest, where)
    return Session(
        text=None if body["text"] is None else _text(body["text"], where),
        turns=None if body["turns"] is None else _each(_turn, body["turns"], where, "turns"),
        messages=None if body["messages"] is None else _each(_message, body["messages"], where, "messages"),
        id=session_id,
        time=time,
        metadata=_metadata(rest, where),
    )


def _take_id(rest: dict[str, Any], where: str) -> str | None:
    given = rest.pop("id", None)
    if given is None:
        return None
    if isinstance(given, int) and not isinstance(given, bool):
        return str(given)
    if not isinstance(given, str) or not given.strip():
        raise BadInput(f'{where}: "id" is {_kind(given)}; it must be a string that is not empty, or an integer')
    return given


def _take_time(rest: dict[str, Any], where: str) -> str | datetime | None:
    """The first of `_TIMES` that is not empty; the others become metadata. A number is seconds or so since 1970."""
    for key in _TIMES:
        given = rest.get(key)
        if given is None or given == "":
            if key in _TIMES[:3]:
                rest.pop(key, None)
            continue
        if isinstance(given, str):
            return str(rest.pop(key))
        time = from_epoch(rest.pop(key)) if isinstance(given, int | float) and not isinstance(given, bool) else None
        if time is None:
            raise BadInput(
                f'{where}: "{key}" is {_kind(given)}; write it as a string, "2025-01-07 18:40", or as seconds since 1970'
            )
        return time
    return None


def _metadata(rest: dict[str, Any], where: str) -> dict[str, Any]:
    metadata = rest.pop("metadata", None)
    if metadata is None:
        return rest
    if not isinstance(metadata, dict):
        raise BadInput(f'{where}: "metadata" is {_kind(metadata)}; it must be an object')
    for key in rest.keys() & metadata.keys():
        raise BadInput(f'{where}: {key[:80]!r} stands in "metadata" and beside it; keep one')
    return rest | metadata


def _text(value: object, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise BadInput(f'{where}: "text" is {_kind(value)}; it must be a string that is not empty')
    return value


def _turn(value: object, where: str) -> tuple[str, str]:
    """A pair; other keys of an object are dropped."""
    if isinstance(value, dict):
        value = [next((value[key] for key in keys if value.get(key) is not None), None) for keys in (_SPEAKERS, _WORDS)]
    if not isinstance(value, list):
        fault = _kind(value)
    elif len(value) != 2:
        fault = f"a list of {len(value)}"
    else:
        speaker, text = value
        if isinstance(speaker, str) and isinstance(text, str):
            return speaker, text
        fault = f"the {'text' if isinstance(speaker, str) else 'speaker'} is not a string"
    raise BadInput(f"{where}: {fault}; {_TURN_IS}")


def _message(value: object, where: str) -> BaseMessage:
    if not isinstance(value, dict):
        raise BadInput(f"{where}: {_kind(value)} is not a message; {_MESSAGE_IS}")
    if "lc" not in value:
        value = _with_content(value, where)
    try:
        (message,) = convert_to_messages([value])
        if getattr(message, "tool_calls", None):
            # Their arguments are JSON inside JSON: only serialising shows whether they can be stored.
            message.model_dump_json()
    except Exception as error:  # langchain-core raises KeyError, TypeError and others
        raise BadInput(f"{where}: not a chat message ({_reason(error)}); {_MESSAGE_IS}") from error
    return message


def _with_content(message: dict[str, Any], where: str) -> dict[str, Any]:
    """Validate `role` and `content`: langchain-core takes `{}` for "" and quotes whole messages in its errors."""
    key = "role" if "role" in message else "type"
    if not isinstance(message.get(key), str):
        raise BadInput(f'{where}: "role" is {_kind(message.get(key))}; {_MESSAGE_IS}')
    if "content" not in message and not message.get("tool_calls"):
        raise BadInput(f'{where}: there is no "content"; {_MESSAGE_IS}')
    content = message.get("content")
    if not isinstance(content, str | list | None):
        raise BadInput(f'{where}: "content" is {_kind(content)}; it must be a string or a list of content blocks')
    return {**message, "content": content}


def _reason(error: Exception) -> str:
    """One line of at most 200 characters."""
    reason = str(error)
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        reason = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    elif isinstance(error, KeyError):
        reason = f"no key {reason}"
    return reason.partition("\n")[0][:200] or type(error).__name__


def _each(read: Callable[[object, str], _Read], value: object, where: str, key: str) -> list[_Read]:
    """Every element of a list, read with its place."""
    if not isinstance(value, list) or not value:
        raise BadInput(f'{where}: "{key}" is {_kind(value)}; it must be a list that is not empty')
    return [read(one, f"{where}, {key.removesuffix('s')} {number}") for number, one in enumerate(value, start=1)]


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a string" if value.strip() else "an empty string"
        case list():
            return "a list" if value else "an empty list"
        case _:
            return "an object"
