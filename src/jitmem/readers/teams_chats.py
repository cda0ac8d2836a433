"""Teams and Skype: `messages.json` of an account's export."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..stores.records import Session
from .chat_turns import Chat, ChatTurn, chat_sessions
from .html_page import html_text
from .source_file import SourceFile
from .written_times import order_of, read_time

_SAID = ("richtext", "text", "media", "html")


def recognise(file: SourceFile) -> bool:
    """Conversations with a "MessageList"; or messages of the Graph API."""
    value = file.value
    if isinstance(value, dict) and isinstance(value.get("conversations"), list):
        return any(isinstance(one, dict) and "MessageList" in one for one in value["conversations"])
    rows = _graph_rows(file)
    return bool(rows) and all("createdDateTime" in one and isinstance(one.get("body"), dict) for one in rows[:20])


def read_file_sessions(file: SourceFile) -> list[Session]:
    """A session a day of each conversation."""
    if rows := _graph_rows(file):
        turns = [_graph_turn(one, file.label) for one in rows if one.get("messageType", "message") == "message"]
        return _sessions(turns, str(rows[0].get("chatId") or file.stem), "")
    sessions = []
    for chat in file.value["conversations"]:
        turns = [_turn(one, file.label) for one in chat.get("MessageList") or [] if _is_said(one)]
        sessions += _sessions(turns, str(chat.get("id") or file.stem), str(chat.get("displayName") or ""))
    return sessions


def _sessions(turns: list[ChatTurn], identity: str, title: str) -> list[Session]:
    turns.sort(key=lambda turn: order_of(turn.time))
    return chat_sessions(Chat(turns=turns, id=identity, title=title, dated=True, metadata={"source": "teams"}))


def _is_said(message: Mapping[str, Any]) -> bool:
    return str(message.get("messagetype") or "text").lower().startswith(_SAID)


def _turn(message: Mapping[str, Any], shown: str) -> ChatTurn:
    speaker = str(message.get("displayName") or message.get("from") or "unknown").partition(":")
    name = speaker[2] if speaker[1] and speaker[0].isdigit() else "".join(speaker)
    return ChatTurn(
        name, html_text(str(message.get("content") or "")), read_time(message.get("originalarrivaltime"), shown)
    )


def _graph_rows(file: SourceFile) -> list[dict[str, Any]]:
    value = file.value
    listed = value.get("value") if isinstance(value, dict) else value
    return (
        listed
        if isinstance(listed, list) and all(isinstance(one, dict) and "createdDateTime" in one for one in listed)
        else []
    )


def _graph_turn(message: Mapping[str, Any], shown: str) -> ChatTurn:
    sender = message.get("from") or {}
    user = sender.get("user") or sender.get("application") or {}
    return ChatTurn(
        str(user.get("displayName") or "unknown"),
        html_text(str(message["body"].get("content") or "")),
        read_time(message.get("createdDateTime"), shown),
    )
