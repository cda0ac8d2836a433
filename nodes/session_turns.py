"""The turns of a session that came as turns or as messages: `(speaker, words)`, in order; `BadInput` for anything else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import BaseMessage, convert_to_messages

from ..stores.errors import BadInput
from .llm.thinking_marks import spoken_text
from .message_text import message_text

_SPEAKERS = {"human": "user", "ai": "assistant"}
_MODELS = ("assistant", "ai")  # whose words may hold their thinking


def turn_pairs(turns: Any) -> list[tuple[str, str]]:
    """Validated."""
    pairs = []
    for number, turn in enumerate(_as_list(turns, "turns"), start=1):
        if not isinstance(turn, list | tuple) or len(turn) != 2 or not all(isinstance(part, str) for part in turn):
            raise BadInput(f"Turn {number} must be a (speaker, text) pair of two strings, not {turn!r:.80}.")
        pairs.append((turn[0], spoken_text(turn[1]) if turn[0] in _MODELS else turn[1]))
    return pairs


def _as_list(value: Any, name: str) -> Sequence[Any]:
    """Neither a text nor a dict: their letters and keys would be taken for what was said."""
    if isinstance(value, str | bytes | bytearray) or not isinstance(value, Sequence):
        raise BadInput(f"Session.{name} must be a list, not {type(value).__name__}.")
    return value


def message_turns(messages: Any) -> list[tuple[str, str]]:
    """Of a list of messages, in any form that LangChain converts; instructions are left out."""
    messages = _as_list(messages, "messages")
    given = [{"content": "", **one} if isinstance(one, Mapping) and "tool_calls" in one else one for one in messages]
    try:
        converted = convert_to_messages(given)
    except (ValueError, TypeError, NotImplementedError, KeyError) as error:
        reason = str(error).splitlines()[0].partition(". Use one of")[0]
        right = "Other speakers: Session(turns=[(speaker, text), …])"
        raise BadInput(f"Not a list of chat messages: {reason[:120]}. {right}.") from error
    return [(_speaker(message), message_text(message)) for message in converted if not _is_instruction(message)]


def _is_instruction(message: BaseMessage) -> bool:
    """A system prompt says how to answer: it is no part of what was said."""
    return message.type == "system" or getattr(message, "role", None) in ("system", "developer")


def _speaker(message: BaseMessage) -> str:
    return message.name or getattr(message, "role", None) or _SPEAKERS.get(message.type, message.type)
