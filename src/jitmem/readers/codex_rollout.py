"""Codex: the JSON lines of a rollout under `~/.codex/sessions`, of today's and of the first versions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..stores.records import Session
from .block_text import INSTRUCTIONS, SHORT, block_text, call_text, result_text
from .chat_turns import Chat, ChatTurn, chat_sessions, merge_turns
from .source_file import SourceFile
from .written_times import read_time

_KINDS = ("session_meta", "response_item", "event_msg", "turn_context", "compacted")
# What the program itself sends as a user's message.
_INSERTED = re.compile(
    r"\s*(?:<(environment_context|user_instructions|ENVIRONMENT_CONTEXT|INSTRUCTIONS|turn_aborted|permissions instructions)>"
    r"|# AGENTS\.md instructions for )"
)
_CALLS = ("function_call", "custom_tool_call", "local_shell_call", "web_search_call")
_OUTPUTS = ("function_call_output", "custom_tool_call_output", "local_shell_call_output")


def recognise(file: SourceFile) -> bool:
    """Lines are wrapped as {"type": "response_item", "payload": …}; the first versions had the items bare."""
    rows = file.rows[:50]
    wrapped = [one for one in rows if one.get("type") in _KINDS and isinstance(one.get("payload"), dict)]
    return bool(wrapped) or _is_old(rows)


def read_file_sessions(file: SourceFile) -> list[Session]:
    """A session a rollout, cut by day: messages and short notes on tools. `event_msg` repeats them, and is used where
    there is no item."""
    rows = file.rows
    if _is_old(rows):
        rows = [{"type": "response_item", "timestamp": rows[0].get("timestamp"), "payload": one} for one in rows[1:]]
        meta: Mapping[str, Any] = file.rows[0]
    else:
        meta = next((one["payload"] for one in rows if one.get("type") == "session_meta"), {})
    items = [turn for row in rows if row.get("type") == "response_item" for turn in _item(row, file.label)]
    if not any(turn.speaker == "user" and turn.text for turn in items):
        items = [turn for row in rows if row.get("type") == "event_msg" for turn in _event(row, file.label)]
    chat = Chat(
        turns=merge_turns(items),
        id=str(meta.get("id") or file.title),
        time=read_time(meta.get("timestamp"), file.label),
        metadata={"source": "codex"},
    )
    return chat_sessions(chat)


def _is_old(rows: list[dict[str, Any]]) -> bool:
    return bool(rows) and {"id", "timestamp"} <= rows[0].keys() and "instructions" in rows[0] and "type" not in rows[0]


def _item(row: Mapping[str, Any], shown: str) -> list[ChatTurn]:
    payload, time = row.get("payload") or {}, read_time(row.get("timestamp"), shown)
    kind = payload.get("type")
    if kind == "message" or (kind is None and "role" in payload):
        role = str(payload.get("role") or "")
        blocks = payload.get("content")
        kept = [
            one for one in (blocks if isinstance(blocks, list) else [blocks]) if not _INSERTED.match(block_text(one))
        ]
        return [] if role in INSTRUCTIONS else [ChatTurn(role, block_text(kept), time)]
    if kind in _CALLS:
        arguments = payload.get("arguments") or payload.get("input") or payload.get("action")
        return [ChatTurn("assistant", call_text(payload.get("name") or kind, arguments, SHORT), time)]
    if kind in _OUTPUTS:
        return [ChatTurn("assistant", result_text(payload.get("output"), SHORT), time)]
    return []


def _event(row: Mapping[str, Any], shown: str) -> list[ChatTurn]:
    payload, time = row.get("payload") or {}, read_time(row.get("timestamp"), shown)
    speaker = {"user_message": "user", "agent_message": "assistant"}.get(str(payload.get("type")))
    text = str(payload.get("message") or "")
    return [ChatTurn(speaker, text, time)] if speaker and not _INSERTED.match(text) else []
