"""Telegram: `result.json` of Telegram Desktop, of one chat or of all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from ..stores.records import Session
from .block_text import block_text, mark
from .chat_turns import Chat, ChatTurn, chat_sessions
from .source_file import SourceFile
from .written_times import order_of, read_time

_MEDIA = {
    "voice_message": "audio",
    "audio_file": "audio",
    "video_message": "video",
    "video_file": "video",
    "animation": "GIF",
    "sticker": "sticker",
}


def recognise(file: SourceFile) -> bool:
    """One chat or lists of chats whose messages have a date, and a sender or an actor."""
    return isinstance(file.value, dict) and any(_is_chat(one) for one in _chats(file.value))


def read_file_sessions(file: SourceFile) -> list[Session]:
    """A session a day of each chat; ids begin with the chat's."""
    sessions = []
    for chat in _chats(file.value):
        if not _is_chat(chat):
            continue
        turns = [turn for one in chat["messages"] if (turn := _turn(one, file.label))]
        name = str(chat.get("name") or "") or str(chat.get("type") or "").replace("_", " ")
        identity = f"telegram-{chat['id']}" if chat.get("id") is not None else file.stem
        sessions += chat_sessions(
            Chat(
                turns=sorted(turns, key=lambda turn: order_of(turn.time)),
                id=identity,
                title=name,
                dated=True,
                metadata={"source": "telegram", "chat": name},
            )
        )
    return sessions


def _chats(value: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield value
    for key in ("chats", "left_chats"):
        listed = value.get(key)
        for chat in (listed.get("list") if isinstance(listed, Mapping) else None) or []:
            if isinstance(chat, Mapping):
                yield chat


def _is_chat(chat: Mapping[str, Any]) -> bool:
    messages = chat.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(one, dict) for one in messages):
        return False
    return all("date" in one and ("from_id" in one or "from" in one or "actor" in one) for one in messages[:20])


def _turn(message: Mapping[str, Any], shown: str) -> ChatTurn | None:
    if message.get("type") != "message":
        return None
    parts = [_text(message.get("text") or message.get("text_entities"))]
    if forwarded := message.get("forwarded_from"):
        parts.insert(0, f"[forwarded from {forwarded}]")
    if message.get("photo"):
        parts.append(mark("image", _file(message["photo"]), message.get("photo_file_size")))
    elif message.get("file") or message.get("media_type"):
        kind = _MEDIA.get(str(message.get("media_type")), "file")
        name = message.get("file_name") or message.get("sticker_emoji") or _file(message.get("file"))
        parts.append(mark(kind, name, message.get("mime_type"), message.get("file_size")))
    if isinstance(poll := message.get("poll"), Mapping):
        answers = [str(one.get("text")) for one in poll.get("answers") or []]
        parts.append(f"[poll: {_text(poll.get('question'))} {' / '.join(answers)}]")
    if isinstance(place := message.get("location_information"), Mapping):
        where = (message.get("place_name"), message.get("address"), place.get("latitude"), place.get("longitude"))
        parts.append(mark("location", *where))
    if isinstance(contact := message.get("contact_information"), Mapping):
        parts.append(mark("contact", contact.get("first_name"), contact.get("last_name"), contact.get("phone_number")))
    speaker = str(message.get("from") or message.get("from_id") or "deleted account")
    return ChatTurn(speaker, "\n".join(part for part in parts if part.strip()), _time(message, shown))


def _text(value: Any) -> str:
    """A text comes whole, or in parts of which some are formatted, and some are links with their address beside them."""
    if isinstance(value, list):
        return "".join(one if isinstance(one, str) else _entity(one) for one in value)
    return block_text(value) if value else ""


def _entity(part: Mapping[str, Any]) -> str:
    text, address = str(part.get("text") or ""), str(part.get("href") or "")
    return f"{text} ({address})" if address and address not in text else text


def _file(value: Any) -> str:
    name = str(value or "")
    return "" if name.startswith("(") else name.rpartition("/")[2]


def _time(message: Mapping[str, Any], shown: str) -> datetime | None:
    """The date is by the clock of the machine that exported; the Unix time beside it says which zone that was."""
    time = read_time(message.get("date"), shown)
    try:
        instant = datetime.fromtimestamp(int(message["date_unixtime"]), UTC).replace(tzinfo=None)
    except (KeyError, ValueError, TypeError, OverflowError, OSError):
        return time
    offset = timedelta(minutes=round((time - instant).total_seconds() / 60)) if time and time.tzinfo is None else None
    return (
        time.replace(tzinfo=timezone(offset))
        if time and offset is not None and abs(offset) < timedelta(hours=15)
        else time
    )
