"""Slack: a workspace export, a file for each channel and day, with names from `users.json`; or messages of its API."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..stores.records import Session
from .block_text import block_text, mark
from .chat_turns import Chat, ChatTurn, chat_sessions
from .source_file import SourceFile
from .written_times import order_of, read_time

_DAY_FILE = re.compile(r"\d{4}-\d\d-\d\d")
_STAMP = re.compile(r"\d{9,11}\.\d{6}")
# Notices: somebody joined, set a topic, pinned a message.
_NOTICES = re.compile(
    r"(?:channel|group|mpim)_|bot_(?:add|remove)|pinned_item|reminder_add|tombstone|sh_room_|huddle_thread"
)
_WORD = re.compile(r"\w+")
_REFERENCE = re.compile(r"<([@#!]?)([^<>|]+)(?:\|([^<>]*))?>")


def recognise(file: SourceFile) -> bool:
    """Messages have Slack's stamps: seconds with six decimals, in a string."""
    rows = _messages(file)[:20]
    return bool(rows) and all(
        isinstance(one, dict) and _STAMP.fullmatch(str(one.get("ts"))) and isinstance(one.get("ts"), str)
        for one in rows
    )


def read_file_sessions(file: SourceFile) -> list[Session]:
    """A file of an export is one session, `channel/day`; messages of the API are cut by day."""
    names = _names(file)
    messages = [reply for one in _messages(file) for reply in _with_replies(one)]
    turns = [turn for one in messages if (turn := _turn(one, names, file.label))]
    turns.sort(key=lambda turn: order_of(turn.time))
    channel = _channel(file, names)
    day_file = _DAY_FILE.fullmatch(file.title) is not None
    chat = Chat(
        turns=turns,
        id=file.stem,
        title=channel,
        whole=day_file,
        dated=not day_file,
        metadata={"source": "slack", **({"channel": channel} if channel else {})},
    )
    return chat_sessions(chat)


def _messages(file: SourceFile) -> list[dict[str, Any]]:
    value = file.value
    if isinstance(value, dict) and isinstance(value.get("messages"), list):
        return value["messages"] if all(isinstance(one, dict) for one in value["messages"]) else []
    return file.rows


def _with_replies(message: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The message as it was changed last, and the thread that slackdump keeps in its first message, which it repeats."""
    inner = message.get("message")
    yield inner if message.get("subtype") == "message_changed" and isinstance(inner, Mapping) else message
    for reply in message.get("slackdump_thread_replies") or []:
        if isinstance(reply, Mapping) and reply.get("ts") != message.get("ts"):
            yield reply


def _names(file: SourceFile) -> dict[str, str]:
    """Ids of users to the names that the workspace shows."""
    users = file.beside("users.json")
    listed = users.get("members", []) if isinstance(users, dict) else users if isinstance(users, list) else []
    return {str(one["id"]): _name(one) for one in listed if isinstance(one, dict) and one.get("id")}


def _name(user: Mapping[str, Any]) -> str:
    inner = user.get("profile")
    profile = inner if isinstance(inner, Mapping) else {}
    keys = (profile.get("display_name"), profile.get("real_name"), user.get("real_name"), user.get("display_name"))
    return str(next((one for one in keys if one), user.get("name") or user.get("id") or ""))


def _channel(file: SourceFile, names: Mapping[str, str]) -> str:
    """The folder's name; for direct messages, whose folder is an id, the people."""
    folder = file.path.parent.name
    for listed in ("dms.json", "mpims.json", "channels.json", "groups.json"):
        for one in file.beside(listed) or []:
            if isinstance(one, dict) and folder and folder in (one.get("id"), one.get("name")):
                if listed in ("dms.json", "mpims.json"):
                    return ", ".join(names.get(str(member), str(member)) for member in one.get("members") or [])
                return str(one.get("name") or folder)
    return folder


def _turn(message: Mapping[str, Any], names: Mapping[str, str], shown: str) -> ChatTurn | None:
    if _NOTICES.match(str(message.get("subtype") or "")) or message.get("hidden"):
        return None
    profile = message.get("user_profile") or message.get("bot_profile") or {}
    user = str(message.get("user") or message.get("bot_id") or "")
    own = _name({"profile": profile, **profile}) if profile else ""
    speaker = names.get(user) or own or str(message.get("username") or user or "unknown")
    parts = [_plain(_with_more(str(message.get("text") or ""), message.get("blocks")), names)]
    for one in message.get("attachments") or []:
        said = [str(one.get(key) or "") for key in ("pretext", "author_name", "title", "text")]
        said += [
            f"{field.get('title') or ''}: {field.get('value') or ''}".strip(": ") for field in one.get("fields") or []
        ]
        said += [str(one.get("footer") or "")]
        own_text = "\n".join(part for part in said if part) or str(one.get("fallback") or "")
        parts.append(_plain(_with_more(own_text, one.get("blocks")), names))
    for one in message.get("files") or []:
        kind = str(one.get("mimetype") or "file").partition("/")[0]
        kind = kind if kind in ("image", "audio", "video") else "file"
        parts.append(
            mark(kind, one.get("name") or one.get("title") or one.get("id"), one.get("mimetype"), one.get("size"))
        )
        parts.append(str(one.get("preview") or "") if one.get("mode") in ("snippet", "post", "email") else "")
        comment = one.get("initial_comment")
        parts.append(_plain(str(comment.get("comment") or ""), names) if isinstance(comment, Mapping) else "")
    seen = dict.fromkeys(part for part in parts if part.strip())
    return ChatTurn(speaker, "\n".join(seen), read_time(message.get("ts"), shown))


def _with_more(text: str, blocks: Any) -> str:
    """The text, and those lines of the blocks whose words it does not have: of a program it may be a short notice alone. Of what
    a person typed (`rich_text`) it has every word."""
    if not text:
        return block_text(blocks)
    own = set(_WORD.findall(text.casefold()))
    others = [one for one in blocks or [] if isinstance(one, Mapping) and one.get("type") != "rich_text"]
    more = [line for line in block_text(others).split("\n") if set(_WORD.findall(line.casefold())) - own]
    return "\n".join([text, *more])


def _plain(text: str, names: Mapping[str, str]) -> str:
    """Names for ids, and addresses as people see them."""

    def render_reference(match: re.Match[str]) -> str:
        sign, target, label = match.groups()
        if sign == "@":
            return f"@{names.get(target) or label or target}"
        if sign == "#":
            return f"#{label or target}"
        if sign == "!":
            return label or f"@{target.partition('^')[0]}"
        return f"{label} ({target})" if label and label not in target else target

    return html.unescape(_REFERENCE.sub(render_reference, text))
