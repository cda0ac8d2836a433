"""Discord: a channel as DiscordChatExporter writes it in JSON, or `messages.json` of Discord's own data package."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..stores.records import Session
from .block_text import mark
from .chat_turns import Chat, ChatTurn, chat_sessions
from .source_file import SourceFile
from .written_times import order_of, read_time

_SAID = ("Default", "Reply", "ThreadStarterMessage", "ApplicationCommand", "ChatInputCommand", "ContextMenuCommand")


def recognise(file: SourceFile) -> bool:
    """The head of an export with its channel; or rows with Discord's own names of columns."""
    value = file.value
    if isinstance(value, dict):
        return isinstance(value.get("channel"), dict) and isinstance(value.get("messages"), list)
    rows = file.rows[:20]
    return bool(rows) and all({"ID", "Timestamp", "Contents"} <= one.keys() for one in rows)


def read_file_sessions(file: SourceFile) -> list[Session]:
    """A session a day; ids begin with the channel's."""
    if not isinstance(file.value, dict):
        return _data_package(file)
    channel, guild = file.value["channel"], file.value.get("guild") or {}
    turns = [turn for one in file.value["messages"] if (turn := _turn(one, file.label))]
    name = str(channel.get("name") or "")
    chat = Chat(
        turns=sorted(turns, key=lambda turn: order_of(turn.time)),
        id=f"discord-{channel['id']}" if channel.get("id") else file.stem,
        title=name,
        dated=True,
        metadata={"source": "discord", "channel": name, **({"server": guild["name"]} if guild.get("name") else {})},
    )
    return chat_sessions(chat)


def _turn(message: Mapping[str, Any], shown: str) -> ChatTurn | None:
    kind = str(message.get("type") or "Default")
    if kind not in _SAID and not kind.isdigit():
        return None
    author = message.get("author") or {}
    parts = [str(message.get("content") or "")]
    for one in message.get("attachments") or []:
        name = str(one.get("fileName") or one.get("filename") or "")
        image = name.lower().endswith((".png", ".jpg", ".jpeg", ".gif", ".webp"))
        parts.append(mark("image" if image else "file", name, one.get("fileSizeBytes")))
    for one in message.get("embeds") or []:
        said = [(one.get("author") or {}).get("name"), one.get("title"), one.get("description")]
        said += [f"{field.get('name')}: {field.get('value')}" for field in one.get("fields") or []]
        said += [(one.get("footer") or {}).get("text")]
        parts.append("\n".join(str(part) for part in said if part))
    parts += [mark("sticker", one.get("name")) for one in message.get("stickers") or []]
    if isinstance(poll := message.get("poll"), Mapping):
        answers = [str((one.get("answer") or one).get("text") or "") for one in poll.get("answers") or []]
        parts.append(f"[poll: {(poll.get('question') or {}).get('text') or ''} {' / '.join(answers)}]")
    if isinstance(forwarded := message.get("forwardedMessage"), Mapping):
        inner = _turn({**forwarded, "type": "Default"}, shown)
        parts.append(inner.text if inner else "")
    speaker = str(author.get("nickname") or author.get("name") or author.get("username") or "unknown")
    text = "\n".join(part for part in parts if part.strip())
    return ChatTurn(speaker, text, read_time(message.get("timestamp"), shown))


def _data_package(file: SourceFile) -> list[Session]:
    """One's own messages alone, as Discord hands them out; the channel's name stands beside them."""
    channel = file.beside("channel.json") or {}
    name = str(channel.get("name") or file.path.parent.name)
    turns = [
        ChatTurn(
            "user",
            str(one["Contents"]) or mark("file", one.get("Attachments")),
            read_time(one["Timestamp"], file.label),
        )
        for one in file.rows
    ]
    turns.sort(key=lambda turn: order_of(turn.time))
    identity = f"discord-{channel['id']}" if channel.get("id") else file.stem
    return chat_sessions(Chat(turns=turns, id=identity, title=name, dated=True, metadata={"source": "discord"}))
