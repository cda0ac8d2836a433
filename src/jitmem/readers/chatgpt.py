"""ChatGPT: `conversations.json` of a data export; the branch that the conversation ended on, without hidden messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..stores.records import Session
from .block_text import INSTRUCTIONS, SHORT, block_text, mark, result_text, short_text
from .chat_turns import Chat, ChatTurn, chat_sessions, merge_turns
from .source_file import SourceFile
from .written_times import read_time

_NO_WORDS = ("user_editable_context", "model_editable_context", "thoughts", "reasoning_recap", "system_error")


def recognise(file: SourceFile) -> bool:
    """A conversation has a tree of messages under "mapping"."""
    return any(_is_conversation(one) for one in file.objects[:20])


def read_file_sessions(file: SourceFile) -> list[Session]:
    """A session a conversation, cut by day; its id is the conversation's."""
    sessions = []
    for conversation in file.objects:
        if not _is_conversation(conversation):
            continue
        turns = [turn for message in _branch(conversation) for turn in _turns(message, file.label)]
        chat = Chat(
            turns=merge_turns(turns, "\n"),
            id=str(conversation.get("conversation_id") or conversation.get("id") or ""),
            title=str(conversation.get("title") or ""),
            time=read_time(conversation.get("create_time"), file.label),
            metadata={"source": "chatgpt"},
        )
        sessions += chat_sessions(chat)
    return sessions


def _is_conversation(value: Mapping[str, Any]) -> bool:
    mapping = value.get("mapping")
    return isinstance(mapping, dict) and all(
        isinstance(node, dict) and ("message" in node or "children" in node) for node in mapping.values()
    )


def _branch(conversation: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The messages from the root to the current node; without one, to the newest leaf."""
    mapping = conversation["mapping"]
    at = conversation.get("current_node")
    if at not in mapping:
        leaves = [key for key, node in mapping.items() if not node.get("children")]
        at = max(leaves, key=lambda key: (mapping[key].get("message") or {}).get("create_time") or 0, default=None)
    path: list[Mapping[str, Any]] = []
    seen = set()
    while at in mapping and at not in seen:
        seen.add(at)
        if isinstance(message := mapping[at].get("message"), dict):
            path.append(message)
        at = mapping[at].get("parent")
    return path[::-1]


def _turns(message: Mapping[str, Any], shown: str) -> list[ChatTurn]:
    author, metadata = message.get("author") or {}, message.get("metadata") or {}
    content, role = message.get("content") or {}, author.get("role")
    if role in INSTRUCTIONS or metadata.get("is_visually_hidden_from_conversation"):
        return []
    kind = content.get("content_type") if isinstance(content, dict) else "text"
    if kind in _NO_WORDS:
        return []
    text = _words(content, str(kind))
    time = read_time(message.get("create_time"), shown)
    if role == "tool":
        speaker, text = "assistant", _tool_note(str(author.get("name") or "tool"), text)
    elif role == "assistant":
        recipient = message.get("recipient") or "all"
        speaker = "assistant"
        if recipient != "all" and text:
            text = (
                f"[calls {recipient} {short_text(text, SHORT)}]" if not str(recipient).startswith("canmore") else text
            )
    else:
        speaker = "user" if role in ("user", None) else str(role)
    names = [one.get("name") for one in metadata.get("attachments") or [] if isinstance(one, dict)]
    notes = [mark("file", name) for name in names if name and name not in text]
    return [ChatTurn(speaker, "\n".join([text, *notes]).strip(), time)]


def _tool_note(name: str, text: str) -> str:
    return result_text(f"{name}: {text}", SHORT) if text else ""


def _words(content: Any, kind: str) -> str:
    if not isinstance(content, dict):
        return block_text(content)
    parts = content.get("parts")
    if isinstance(parts, list):
        return "\n".join(part for part in (_part(one) for one in parts) if part)
    if kind in ("tether_browsing_display", "execution_output", "code", "tether_quote", "sonic_webpage"):
        found = content.get("text") or content.get("result") or content.get("summary") or ""
        return str(found)
    return block_text(content)


def _part(part: Any) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, dict):
        return ""
    kind = str(part.get("content_type") or "")
    if isinstance(part.get("text"), str):  # an audio transcription
        return str(part["text"])
    if "image" in kind:
        return mark("image", part.get("asset_pointer"), part.get("size_bytes"))
    if "audio" in kind or "video" in kind:
        inner = part.get("audio_asset_pointer") or part
        return mark("audio" if "audio" in kind else "video", inner.get("asset_pointer"), inner.get("size_bytes"))
    return block_text(part)
