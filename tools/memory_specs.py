"""The tools that edit memory items, as every model sees them: agents, curate, the trainer and clients of MCP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..stores.records import KINDS
from .expose import ToolSpec

CORE_TOKENS = 512
CONTENT_TOKENS = 1024  # of a semantic or episodic item
CHARS_PER_TOKEN = 4

ARGUMENTS = {
    "memory_insert": ("kind", "content", "time"),
    "memory_update": ("kind", "content", "id", "time"),
    "memory_delete": ("kind", "id"),
}
TOOL_NAMES = tuple(ARGUMENTS)

_DESCRIPTIONS = {
    "memory_insert": "Remember something new: one fact or one event per call. What is known already is not kept twice.",
    "memory_update": "Change a memory that is no longer right or complete. Its earlier text stays in its history.",
    "memory_delete": "Take away a memory that is wrong or no longer wanted. A person can bring it back.",
}
_KINDS = {
    "core": "core (the one paragraph that is always shown)",
    "semantic": "semantic (knowledge: facts, preferences, relations)",
    "episodic": "episodic (an event and its time)",
}


def memory_specs(kinds: Sequence[str] = KINDS, core_tokens: int = CORE_TOKENS) -> tuple[ToolSpec, ...]:
    """memory_insert, memory_update and memory_delete, where only these kinds may be edited."""
    return tuple(_spec(name, kinds, core_tokens * CHARS_PER_TOKEN) for name in TOOL_NAMES)


def _spec(name: str, kinds: Sequence[str], core_chars: int) -> ToolSpec:
    sentence = "one sentence that is clear by itself, with names, numbers and dates"
    paragraph = f"one paragraph of at most {core_chars:,} characters"
    content = paragraph if list(kinds) == ["core"] else sentence
    if "core" in kinds and content == sentence:
        content += f"; for core {paragraph}"
    change = "The whole new text, which takes the place of the old" if name == "memory_update" else "What to remember"
    descriptions = {
        "kind": f"Which memory: {', '.join(_KINDS[kind] for kind in kinds)}.",
        "content": f"{change}: {content}.",
        "time": "When it happened, or since when it holds, such as 2024-05-08 or 8 May 2024"
        + ("; an episodic memory needs it." if "episodic" in kinds else "."),
        "id": "The id of the memory: the 12 characters in square brackets before its text"
        + ("; none for core." if "core" in kinds else "."),
    }
    properties: dict[str, Any] = {
        argument: {"type": "string", "description": descriptions[argument]} for argument in ARGUMENTS[name]
    }
    properties["kind"]["enum"] = list(kinds)
    required = ["kind", "content"] if name == "memory_insert" else ["kind"]
    schema = {"type": "object", "properties": properties, "required": required}
    return ToolSpec(name, _DESCRIPTIONS[name], schema)
