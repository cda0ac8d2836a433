"""LangGraph: the state of a thread, its history, the threads of a search, and dumped checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..stores.records import Session
from .chat_turns import Chat, ChatTurn, chat_sessions
from .message_objects import is_message, message_turns
from .source_file import SourceFile
from .written_times import read_time


def recognise(file: SourceFile) -> bool:
    """A state has its messages under "values", a checkpoint under "channel_values"."""
    rows = _states(file)[:50]
    return any(_messages(one) for one in rows) and all(_is_state(one) for one in rows)


def read_file_sessions(file: SourceFile) -> list[Session]:
    """A session a thread, cut by day where messages have times; of the states of one thread the longest counts."""
    threads: dict[str, tuple[list[ChatTurn], Mapping[str, Any]]] = {}
    states = _states(file)
    for number, state in enumerate(states, start=1):
        turns = message_turns(_messages(state))
        name = _thread(state) or (file.stem if len(states) == 1 else f"{file.stem}-{number}")
        if turns and len(turns) > len(threads.get(name, ([], {}))[0]):
            threads[name] = turns, state
    return [
        session
        for name, (turns, state) in threads.items()
        for session in chat_sessions(
            Chat(turns=turns, id=name, time=read_time(_creation(state), file.label), metadata={"source": "langgraph"})
        )
    ]


def _states(file: SourceFile) -> list[dict[str, Any]]:
    """The objects of a file; `json.dumps` makes a list of the fields of a `StateSnapshot`."""
    value = file.value
    if not isinstance(value, list) or not value or all(isinstance(one, dict) for one in value):
        return file.objects
    rows = value if all(isinstance(one, list) for one in value) else [value]
    names = ("values", "next", "config", "metadata", "created_at", "parent_config")
    return [dict(zip(names, one, strict=False)) for one in rows if 6 <= len(one) <= 9 and isinstance(one[0], dict)]


def _is_state(value: Mapping[str, Any]) -> bool:
    return "values" in value or "channel_values" in value or isinstance(value.get("checkpoint"), dict)


def _messages(state: Mapping[str, Any]) -> list[Any]:
    checkpoint = state.get("checkpoint")
    for holder in (
        state.get("values"),
        state.get("channel_values"),
        checkpoint.get("channel_values") if isinstance(checkpoint, Mapping) else None,
    ):
        found = holder.get("messages") if isinstance(holder, Mapping) else holder
        if isinstance(found, list) and found and all(is_message(one) for one in found):
            return found
    return []


def _thread(state: Mapping[str, Any]) -> str:
    if state.get("thread_id"):
        return str(state["thread_id"])
    for key in ("config", "checkpoint", "metadata", "parent_config"):
        inner = state.get(key)
        if isinstance(inner, Mapping):
            found = (inner.get("configurable") or {}).get("thread_id") if "configurable" in inner else None
            if found or inner.get("thread_id"):
                return str(found or inner["thread_id"])
    return ""


def _creation(state: Mapping[str, Any]) -> Any:
    checkpoint = state.get("checkpoint")
    stamp = checkpoint.get("ts") if isinstance(checkpoint, Mapping) else None
    return state.get("created_at") or state.get("ts") or stamp or state.get("updated_at")
