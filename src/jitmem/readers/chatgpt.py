"""ChatGPT: `conversations.json` of a data export; the branch that the conversation ended on, without hidden messages. DeepSeek
writes the same tree, with the words of a message in fragments."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from ..stores.records import Session
from .block_text import INSTRUCTIONS, SHORT, block_text, mark, result_text, short_text
from .chat_turns import Chat, ChatTurn, chat_sessions, merge_turns
from .source_file import SourceFile
from .written_times import read_time

_NO_WORDS = ("user_editable_context", "model_editable_context", "thoughts", "reasoning_recap", "system_error")
# References of the program in an answer, between characters of private use: what they show stands in the metadata.
_REFERENCE = re.compile("\ue200([^\ue200\ue201]*)\ue201?")
_FRAGMENTS = {"REQUEST": "user", "RESPONSE": "assistant"}


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
            time=read_time(conversation.get("create_time") or conversation.get("inserted_at"), file.label),
            metadata={"source": "deepseek" if "inserted_at" in conversation else "chatgpt"},
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
    if isinstance(message.get("fragments"), list):
        return _fragment_turns(message, shown)
    author, metadata = message.get("author") or {}, message.get("metadata") or {}
    content, role = message.get("content") or {}, author.get("role")
    if role in INSTRUCTIONS or metadata.get("is_visually_hidden_from_conversation"):
        return []
    kind = content.get("content_type") if isinstance(content, dict) else "text"
    if kind in _NO_WORDS:
        return []
    text = _resolve_references(_words(content, str(kind)), metadata.get("content_references") or [])
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


def _fragment_turns(message: Mapping[str, Any], shown: str) -> list[ChatTurn]:
    time = read_time(message.get("inserted_at"), shown)
    files = [one for one in message.get("files") or [] if isinstance(one, dict)]
    notes = [part for one in files for part in (mark("file", one.get("file_name")), str(one.get("content") or ""))]
    said = [
        (_FRAGMENTS[str(one["type"])], block_text(one.get("content")))
        for one in message["fragments"]
        if isinstance(one, dict) and one.get("type") in _FRAGMENTS
    ]
    return [ChatTurn(speaker, "\n".join(filter(None, [text, *notes])), time) for speaker, text in said]


def _resolve_references(text: str, references: list[Any]) -> str:
    """Sources by title and address, names of what was recognised, and nothing of the rest."""
    for one in references:
        matched = str(one.get("matched_text") or "") if isinstance(one, dict) else ""
        if "\ue200" in matched:
            sources = [
                f"{item.get('title') or ''} ({item['url']})".strip()
                for item in one.get("items") or []
                if isinstance(item, dict) and item.get("url")
            ]
            text = text.replace(matched, str(one.get("alt") or "") or "; ".join(sources))
    return _REFERENCE.sub(_name_of_reference, text)


def _name_of_reference(match: re.Match[str]) -> str:
    """`entity|["city","Faro","in Portugal"]` is Faro; `cite|turn0search1` is a number of the program."""
    kind, _, rest = match[1].partition("\ue202")
    try:
        value = json.loads(rest)
    except ValueError:
        return "" if re.search(r"turn\d+\w+\d+", rest) or not rest else rest
    return str(value[1]) if kind == "entity" and isinstance(value, list) and len(value) > 1 else ""


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
        made = (part.get("metadata") or {}).get("dalle") or {}
        return mark("image", made.get("prompt"), part.get("asset_pointer"), part.get("size_bytes"))
    if "audio" in kind or "video" in kind:
        inner = part.get("audio_asset_pointer") or part
        return mark("audio" if "audio" in kind else "video", inner.get("asset_pointer"), inner.get("size_bytes"))
    return block_text(part)
