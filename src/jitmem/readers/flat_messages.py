"""A message an object, as logs and databases write them: who, what, when, and in which conversation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..stores.records import Session
from .block_text import INSTRUCTIONS, ROLES, TOOL_ROLES, block_text, call_text, mark, result_text
from .chat_turns import Chat, ChatTurn, chat_sessions
from .message_objects import SPEAKERS, TIMES, WORDS, is_dumped, is_message, message_turns
from .source_file import SourceFile
from .written_times import order_of, read_times

CHATS = (
    *("conversation_id", "conversationId", "thread_id", "threadId", "chat_id", "chatId", "session_id", "sessionId"),
    *("dialogue_id", "dialog_id", "channel_id", "channel", "conversation", "room", "group", "thread"),
)

_ATTACHED = {
    **dict.fromkeys(("photos", "images", "image", "gifs"), "image"),
    **dict.fromkeys(("videos", "video"), "video"),
    **dict.fromkeys(("audio_files", "voice"), "audio"),
    **dict.fromkeys(("attachments", "attached_files", "files", "media"), "file"),
    "sticker": "sticker",
    "share": "link",
}
_NAMES = ("original_name", "filename", "fileName", "file_name", "name", "uri", "path", "url", "link")
_SENDERS = {"sender", "sender_name", "author", "creator", "user", "username", "speaker"}


def recognise(file: SourceFile) -> bool:
    """Messages with times or the id of a conversation, in a list, a line each, or under "messages" of each object."""
    rows = file.rows[:50] if len(file.rows) > 0 else []
    if rows and all(_is_flat(one) for one in rows):
        return True
    holders = [_chat(one) for one in file.objects[:20]]
    return bool(holders) and all(_is_timed_chat(one) for one in holders)


def read_file_sessions(file: SourceFile) -> list[Session]:
    """A session a conversation, cut by day and by pauses; without an id the file is one conversation."""
    if not (file.rows and all(_is_flat(one) for one in file.rows[:50])):
        return _read_chats(file)
    return sessions_of_rows(file, file.rows)


def sessions_of_rows(file: SourceFile, rows: Sequence[Mapping[str, Any]]) -> list[Session]:
    """The conversations in rows with the keys of a message, in the order in which they begin; messages by their time."""
    times = read_times([_stamp(one) for one in rows], file.label, file.day_first, in_order=True)
    chats: dict[str, list[ChatTurn]] = {}
    for row, time in zip(rows, times, strict=True):
        chats.setdefault(_first(row, CHATS), []).extend(_row_turns(row, time))
    sessions = []
    for name, turns in chats.items():
        whole = all(turn.time is not None for turn in turns)
        ordered = sorted(turns, key=lambda turn: order_of(turn.time)) if whole else turns
        sessions += chat_sessions(Chat(turns=ordered, id=name or file.stem, dated=not name))
    return sessions


def _read_chats(file: SourceFile) -> list[Session]:
    """Objects whose messages have times of their own."""
    sessions = []
    for number, row in enumerate(map(_chat, file.objects), start=1):
        stem = file.stem if len(file.objects) == 1 else f"{file.stem}-{number}" if file.stem else ""
        name = str(row.get("id") or row.get("uuid") or "") or _first(row, CHATS)
        messages = row["messages"]
        times = read_times([_stamp(one) for one in messages], file.label, file.day_first, in_order=True)
        turns = [turn for one, time in zip(messages, times, strict=True) for turn in _row_turns(one, time)]
        if all(turn.time is not None for turn in turns):  # Facebook and others write the newest first
            turns.sort(key=lambda turn: order_of(turn.time))
        title = str(row.get("title") or row.get("name") or "")
        sessions += chat_sessions(Chat(turns=turns, id=name or stem, title=title))
    return sessions


def _row_turns(row: Mapping[str, Any], time: Any) -> list[ChatTurn]:
    if is_dumped(row):
        return message_turns([row], time)
    speaker = next((row[key] for key in SPEAKERS if row.get(key) not in (None, "")), "")
    if isinstance(speaker, Mapping):
        speaker = (
            speaker.get("display_name") or speaker.get("name") or speaker.get("username") or speaker.get("role") or ""
        )
    name = str(speaker)
    if name.lower() in INSTRUCTIONS:
        return []
    words = next((row[key] for key in WORDS if row.get(key) not in (None, "")), None)
    text = result_text(words) if name.lower() in TOOL_ROLES else block_text(words)
    text = "\n".join(filter(None, (text, *_notes(row))))
    if row.get("tool_calls"):
        return message_turns([row], time)
    return [ChatTurn(ROLES.get(name.lower(), name), text, time)]


def _notes(row: Mapping[str, Any]) -> Iterator[str]:
    """What a message has beside its words: calls of tools as the Gemini CLI logs them, names and words of what was attached."""
    for one in row.get("toolCalls") or []:
        if isinstance(one, Mapping):
            yield call_text(one.get("name"), one.get("args"))
            found = block_text(one.get("result"))
            yield found if found.startswith("[result: ") else result_text(found)
    for key, kind in _ATTACHED.items():
        held = row.get(key)
        for one in held if isinstance(held, list) else [held]:
            if isinstance(one, str) and one:
                yield mark(kind, one.rpartition("/")[2])
            elif isinstance(one, Mapping):
                name = next((str(one[key]) for key in _NAMES if one.get(key)), "")
                words = [str(one[key]) for key in ("share_text", "title", "description", "text") if one.get(key)]
                if name or words:
                    yield "\n".join([mark(kind, name if kind == "link" else name.rpartition("/")[2]), *words])


def _chat(row: dict[str, Any]) -> dict[str, Any]:
    """The object that has the messages: a program may keep the whole chat below "chat" (Open WebUI), and Facebook and
    Instagram write each byte of UTF-8 as a character of its own."""
    inner = row.get("chat")
    if isinstance(inner, dict) and (isinstance(inner.get("messages"), list) or _shown_branch(inner)):
        row = {**inner, **{key: row[key] for key in ("id", "title") if row.get(key)}}
        row["messages"] = _shown_branch(inner) or inner["messages"]
    if isinstance(row.get("messages"), list) and any(
        isinstance(one, dict) and one.get("children") for one in row["messages"]
    ):
        row = {**row, "messages": list(_with_children(row["messages"]))}
    listed = row.get("messages")
    if isinstance(listed, list) and listed and all(isinstance(one, dict) and "timestamp_ms" in one for one in listed):
        row = {**row, "title": _join_bytes(row.get("title"))}
        row["messages"] = [_join_bytes(one) for one in listed]
    return row


def _shown_branch(chat: Mapping[str, Any]) -> list[Any]:
    """From the first message to the current one of a tree, as Open WebUI keeps it."""
    history = chat.get("history")
    by_id = history.get("messages") if isinstance(history, Mapping) else None
    at = history.get("currentId") if isinstance(history, Mapping) else None
    path: list[Any] = []
    while isinstance(by_id, Mapping) and isinstance(by_id.get(at), Mapping) and len(path) < len(by_id):
        path.append(by_id[at])
        at = by_id[at].get("parentId")
    return path[::-1]


def _with_children(messages: Sequence[Any]) -> Iterator[Any]:
    """Each message and the replies inside it (LibreChat)."""
    waiting = list(reversed(messages))
    while waiting:
        one = waiting.pop()
        yield one
        waiting += reversed(one.get("children") or [] if isinstance(one, Mapping) else [])


def _join_bytes(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _join_bytes(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_join_bytes(one) for one in value]
    try:
        return value.encode("latin-1").decode("utf-8") if isinstance(value, str) else value
    except UnicodeError:
        return value


def _stamp(row: Mapping[str, Any]) -> Any:
    return next((row[key] for key in TIMES if row.get(key) not in (None, "")), None)


def _first(row: Mapping[str, Any], keys: Sequence[str]) -> str:
    found = next((row[key] for key in keys if isinstance(row.get(key), str | int) and row[key] != ""), "")
    return str(found)


def _is_flat(row: Mapping[str, Any]) -> bool:
    """A message with a time or a conversation; a message with neither is read as before, as one of LangChain's."""
    if any(isinstance(row.get(key), list) for key in ("messages", "turns", "sessions")):
        return False
    says = any(isinstance(row.get(key), str | list) for key in WORDS)
    # An object with "text" may be a session whose "name" or "type" is metadata.
    keys = [key for key in SPEAKERS if key not in ("name", "type") or "text" not in row]
    who = any(isinstance(row.get(key), str | Mapping) for key in keys)
    return says and who and (_stamp(row) is not None or _first(row, CHATS) != "")


def _is_timed_chat(row: Mapping[str, Any]) -> bool:
    messages = row.get("messages")
    if not isinstance(messages, list) or not messages or "turns" in row or "text" in row:
        return False
    return all(isinstance(one, dict) and not is_dumped(one) for one in messages) and any(
        _is_flat(one) and (is_message(one) or _SENDERS & one.keys()) for one in messages
    )
