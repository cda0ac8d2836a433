"""ShareGPT and its kin: conversations for training, as lists of turns with `from` and `value`, or in pairs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..stores.records import Session
from .block_text import INSTRUCTIONS, ROLES, mark
from .chat_turns import Chat, ChatTurn, chat_sessions
from .message_objects import TIMES, is_message, message_turns
from .source_file import SourceFile
from .written_times import read_time

_LISTS = ("conversations", "conversation", "items", "dialog", "dialogue", "chat", "utterances", "data")
_PAIRS = (
    ("instruction", "output"),
    ("question", "answer"),
    ("input", "output"),
    ("query", "response"),
    ("user_input", "bot_response"),
)
_IDS = ("id", "conversation_id", "conversation_hash", "uuid", "conv_id", "idx")


def recognise(file: SourceFile) -> bool:
    """Each object has a list of turns, or an instruction with its output."""
    rows = file.objects[:20]
    return bool(rows) and all(_turns(one) for one in rows)


def read_file_sessions(file: SourceFile) -> list[Session]:
    """A session a conversation; most such files have no times."""
    sessions = []
    for number, row in enumerate(file.objects, start=1):
        stamp = next((row[key] for key in TIMES if row.get(key) not in (None, "")), None)
        name = next((str(row[key]) for key in _IDS if row.get(key) not in (None, "")), "")
        images = row.get("image") or row.get("images") or []
        notes = [
            mark("image", one) for one in ([images] if isinstance(images, str) else images) if isinstance(one, str)
        ]
        turns = _turns(row)
        if notes and turns:
            turns[0] = turns[0]._replace(text="\n".join([turns[0].text, *notes]))
        chat = Chat(
            turns=turns,
            id=name or (f"{file.stem}-{number}" if file.stem else ""),
            title=str(row.get("title") or ""),
            time=read_time(stamp, file.label),
            metadata={"source": "sharegpt"},
        )
        sessions += chat_sessions(chat)
    return sessions


def _turns(row: Mapping[str, Any]) -> list[ChatTurn]:
    for key in _LISTS:
        listed = row.get(key)
        if not isinstance(listed, list) or not listed:
            continue
        if all(is_message(one) for one in listed):
            return message_turns(listed)
        if all(isinstance(one, Mapping) and _pair(one) for one in listed):  # [{"human": …, "assistant": …}, …]
            return [turn for one in listed for turn in _pair(one)]
        if all(isinstance(one, str) for one in listed):
            return [ChatTurn(("user", "assistant")[number % 2], one) for number, one in enumerate(listed)]
    for asked, answered in _PAIRS:
        if isinstance(row.get(asked), str) and isinstance(row.get(answered), str):
            given = row.get("input") if asked == "instruction" else ""
            question = "\n".join(part for part in (row[asked], given or "") if part)
            history = [
                ChatTurn(speaker, str(text))
                for pair in row.get("history") or []
                if isinstance(pair, list)
                for speaker, text in zip(("user", "assistant"), pair, strict=False)
            ]
            return [*history, ChatTurn("user", question), ChatTurn("assistant", row[answered])]
    return []


def _pair(row: Mapping[str, Any]) -> list[ChatTurn]:
    """Keys that are roles: `{"human": …, "assistant": …}`."""
    return [
        ChatTurn(ROLES[key.lower()], value)
        for key, value in row.items()
        if key.lower() in ROLES and key.lower() not in INSTRUCTIONS and isinstance(value, str)
    ]
