"""LangChain: messages as `dumps`, `dumpd`, `messages_to_dict` and chat message histories write them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..stores.records import Session
from .chat_turns import Chat, chat_sessions
from .message_objects import is_dumped, message_turns
from .source_file import SourceFile
from .written_times import read_time


def recognise(file: SourceFile) -> bool:
    """Messages as `messages_to_dict` writes them, alone, under "messages", or in the rows of a table of messages; others are
    read as native JSON."""
    rows = file.objects[:20]
    if rows and all(_in_row(one) for one in rows):
        return True
    return bool(rows) and (all(_is_old(one) for one in rows) or all(_holds(one) for one in rows))


def read_file_sessions(file: SourceFile) -> list[Session]:
    """A list of messages is one session, an object with messages one each."""
    if all(_in_row(one) for one in file.objects):
        return _table(file)
    if all(_is_old(one) for one in file.objects):
        return chat_sessions(Chat(turns=message_turns(file.objects), id=file.stem))
    sessions = []
    for number, row in enumerate(file.objects, start=1):
        inner = row.get("kwargs") or row
        name = str(row.get("session_id") or row.get("SessionId") or row.get("thread_id") or "")
        fallback = file.stem if len(file.objects) == 1 or not file.stem else f"{file.stem}-{number}"
        messages = inner.get("messages") or inner.get("History") or []
        time = read_time(row.get("created_at") or row.get("timestamp"), file.label)
        sessions += chat_sessions(Chat(turns=message_turns(messages), id=name or fallback, time=time))
    return sessions


def _in_row(row: Mapping[str, Any]) -> Any:
    """The message of a row as `SQLChatMessageHistory` and its kin keep it, as JSON in a text or as an object."""
    found = next((row[key] for key in ("message", "History") if key in row), None)
    if isinstance(found, str) and found.startswith("{"):
        try:
            found = json.loads(found)
        except ValueError:
            return None
    return found if is_dumped(found) and ("session_id" in row or "SessionId" in row) else None


def _table(file: SourceFile) -> list[Session]:
    chats: dict[str, list[Mapping[str, Any]]] = {}
    for row in file.objects:
        message = _in_row(row)
        if "data" in message and row.get("created_at"):
            message = {**message, "data": {**message["data"], "created_at": row["created_at"]}}
        chats.setdefault(str(row.get("session_id") or row.get("SessionId") or file.stem), []).append(message)
    return [one for name, found in chats.items() for one in chat_sessions(Chat(turns=message_turns(found), id=name))]


def _is_old(value: object) -> bool:
    return is_dumped(value) and isinstance(value, dict) and "data" in value


def _holds(value: dict[str, object]) -> bool:
    inner = value.get("kwargs") if isinstance(value.get("kwargs"), dict) else value
    listed = (inner.get("messages") or inner.get("History")) if isinstance(inner, dict) else None
    return isinstance(listed, list) and bool(listed) and all(is_dumped(one) for one in listed)
