"""LangChain: messages as `dumps`, `dumpd`, `messages_to_dict` and chat message histories write them."""

from __future__ import annotations

from ..stores.records import Session
from .chat_turns import Chat, chat_sessions
from .message_objects import is_dumped, message_turns
from .source_file import SourceFile
from .written_times import read_time


def recognise(file: SourceFile) -> bool:
    """Messages as `messages_to_dict` writes them, alone or under "messages"; others are read as native JSON."""
    rows = file.objects[:20]
    return bool(rows) and (all(_is_old(one) for one in rows) or all(_holds(one) for one in rows))


def read_file_sessions(file: SourceFile) -> list[Session]:
    """A list of messages is one session, an object with messages one each."""
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


def _is_old(value: object) -> bool:
    return is_dumped(value) and isinstance(value, dict) and "data" in value


def _holds(value: dict[str, object]) -> bool:
    inner = value.get("kwargs") if isinstance(value.get("kwargs"), dict) else value
    listed = (inner.get("messages") or inner.get("History")) if isinstance(inner, dict) else None
    return isinstance(listed, list) and bool(listed) and all(is_dumped(one) for one in listed)
