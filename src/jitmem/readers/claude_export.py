"""Claude: `conversations.json` of a data export, with attachments' text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..stores.records import Session
from .block_text import ROLES, block_text, mark
from .chat_turns import Chat, ChatTurn, chat_sessions
from .source_file import SourceFile
from .written_times import read_time


def recognise(file: SourceFile) -> bool:
    """A conversation has "chat_messages"."""
    return any(isinstance(one.get("chat_messages"), list) for one in file.objects[:20])


def read_file_sessions(file: SourceFile) -> list[Session]:
    """A session a conversation, cut by day; its id is the conversation's."""
    sessions = []
    for conversation in file.objects:
        messages = conversation.get("chat_messages")
        if not isinstance(messages, list):
            continue
        chat = Chat(
            turns=[_turn(one, file.label) for one in _branch(messages, conversation) if isinstance(one, dict)],
            id=str(conversation.get("uuid") or ""),
            title=str(conversation.get("name") or ""),
            time=read_time(conversation.get("created_at"), file.label),
            metadata={"source": "claude"},
        )
        sessions += chat_sessions(chat)
    return sessions


def _branch(messages: list[Any], conversation: Mapping[str, Any]) -> list[Any]:
    """The messages up to the current leaf where the file has a tree; all of them in other files."""
    by_id = {one.get("uuid"): one for one in messages if isinstance(one, dict)}
    at = conversation.get("current_leaf_message_uuid")
    if not at or at not in by_id:
        return messages
    path = []
    while at in by_id:
        path.append(by_id.pop(at))
        at = path[-1].get("parent_message_uuid")
    return path[::-1]


def _turn(message: Mapping[str, Any], shown: str) -> ChatTurn:
    sender = str(message.get("sender") or "")
    text = block_text(message.get("content"))
    if not text.strip():
        text = str(message.get("text") or "")
    notes = []
    for one in message.get("attachments") or []:
        if isinstance(one, dict):
            name = one.get("file_name")
            notes.append(mark("file", name, one.get("file_type"), one.get("file_size")))
            notes.append(str(one.get("extracted_content") or ""))
    files = [*(message.get("files") or []), *(message.get("files_v2") or [])]
    names = [one.get("file_name") for one in files if isinstance(one, dict)]
    notes += [mark(_kind(name), name) for name in dict.fromkeys(names) if name]
    words = "\n".join(part for part in (text, *notes) if part.strip())
    return ChatTurn(ROLES.get(sender, sender) or "user", words, read_time(message.get("created_at"), shown))


def _kind(name: str) -> str:
    return "image" if name.lower().endswith((".png", ".jpg", ".jpeg", ".gif", ".webp", ".heic")) else "file"
