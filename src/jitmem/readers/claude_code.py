"""Claude Code: the JSON lines of a session under `~/.claude/projects`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..stores.records import Session
from .block_text import SHORT, block_text, result_text
from .chat_turns import Chat, ChatTurn, chat_sessions, merge_turns
from .source_file import SourceFile
from .written_times import read_time

_KINDS = ("user", "assistant")
# What the program puts into a user's message: outputs of its own commands, reminders to the model.
_INSERTED = re.compile(
    r"<(system-reminder|local-command-stdout|local-command-caveat|local-command-stderr)>.*?</\1>", re.S
)
_COMMAND = re.compile(r"<command-name>\s*(.*?)\s*</command-name>", re.S)
_ARGUMENTS = re.compile(r"<command-args>\s*(.*?)\s*</command-args>", re.S)
# A command that the person ran with "!", and what it printed.
_SHELL = re.compile(r"<bash-input>(.*?)</bash-input>", re.S)
_PRINTED = re.compile(r"<bash-(stdout|stderr)>(.*?)</bash-\1>", re.S)
_INTERRUPTED = ("[Request interrupted by user]", "[Request interrupted by user for tool use]")


def recognise(file: SourceFile) -> bool:
    """A line has the session's id and a message of a kind."""
    return any(_is_message(one) and "sessionId" in one for one in file.rows[:50])


def read_file_sessions(file: SourceFile) -> list[Session]:
    """A session a log, cut by day; results of tools are short, thinking and other agents' side chains are left out."""
    title, session_id = "", ""
    turns = []
    for row in file.rows:
        if row.get("type") in ("summary", "custom-title", "ai-title"):
            title = str(row.get("summary") or row.get("customTitle") or row.get("title") or title)
        queued = row.get("attachment")
        if isinstance(queued, dict) and queued.get("type") == "queued_command" and not row.get("isSidechain"):
            # What a person typed while the model was at work.
            turns.append(
                ChatTurn("user", _typed_text(block_text(queued.get("prompt"))), read_time(row.get("timestamp"), ""))
            )
        if not _is_message(row) or row.get("isSidechain") or row.get("isMeta") or row.get("isCompactSummary"):
            continue
        session_id = session_id or str(row.get("sessionId") or "")
        turns += _turns(row, file.label)
    chat = Chat(turns=merge_turns(turns), id=session_id or file.title, title=title, metadata={"source": "claude-code"})
    return chat_sessions(chat)


def _is_message(row: Mapping[str, Any]) -> bool:
    return row.get("type") in _KINDS and isinstance(row.get("message"), dict)


def _turns(row: Mapping[str, Any], shown: str) -> list[ChatTurn]:
    """What a person typed is the user's; results of tools come back in a user's message, and are the assistant's."""
    time, content = read_time(row.get("timestamp"), shown), row["message"].get("content")
    if row["type"] == "assistant":
        return [ChatTurn("assistant", block_text(content, SHORT), time)]
    blocks = content if isinstance(content, list) else [content]
    results = [one for one in blocks if isinstance(one, dict) and one.get("type") == "tool_result"]
    own = block_text([one for one in blocks if one not in results])
    printed = result_text("\n".join(match[2] for match in _PRINTED.finditer(own)), SHORT)
    return [
        ChatTurn("assistant", "\n".join(filter(None, [block_text(results, SHORT), printed])), time),
        ChatTurn("user", _typed_text(_PRINTED.sub("", own)), time),
    ]


def _typed_text(text: str) -> str:
    text = _SHELL.sub(r"! \1", _INSERTED.sub("", text)).strip()
    if command := _COMMAND.search(text):
        arguments = _ARGUMENTS.search(text)
        text = f"{command[1]} {arguments[1] if arguments else ''}".strip()
    return "" if text in _INTERRUPTED or text.startswith("Caveat: The messages below were generated") else text
