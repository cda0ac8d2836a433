"""What a message of an API or an export says in words: every text of every block, and a mark for what is no text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ..nodes.message_text import content_text

SHORT = 500
"""Characters of a tool's call and result that stay of the logs of coding agents and of ChatGPT, which hold whole files."""

ROLES = {
    "human": "user",
    "user": "user",
    "prompter": "user",
    "ai": "assistant",
    "gpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "chatgpt": "assistant",
    "bing": "assistant",
    "bard": "assistant",
    "claude": "assistant",
    "gemini": "assistant",
    "chatbot": "assistant",
    "assistant": "assistant",
    "aimessagechunk": "assistant",
    "humanmessagechunk": "user",
}
INSTRUCTIONS = ("system", "developer")
"""Roles whose words are instructions for a model, and no history."""
TOOL_ROLES = ("tool", "function", "observation", "function_response", "ipython", "tool_result")
_SILENT = (
    "thinking",
    "think",
    "redacted_thinking",
    "reasoning",
    "reasoning_content",
    "thoughts",
    "token_budget",
    "flag",
)
_TEXTS = ("text", "value", "content", "output_text", "input_text", "refusal", "transcript", "extracted_content")
_PLAIN = ("", "text", "output_text", "input_text", "multimodal_text", "refusal")
_MEDIA = ("image", "audio", "video", "file")
_CALLS = ("tool_use", "tool_call", "function_call", "server_tool_use", "mcp_tool_use", "custom_tool_call")


def block_text(content: Any, longest: int | None = None) -> str:
    """The words of a content: a string, a block, or blocks in a list, nested as deep as they come. Calls and results of
    tools have at most `longest` characters."""
    return "\n".join(part for part in _parts(content, longest, 0) if part.strip())


def short_text(text: str, longest: int | None = None) -> str:
    """The text, or its beginning and how much is left out."""
    text = text.strip()
    left = 0 if longest is None else len(text) - longest
    return f"{text[:longest]}… [{left:,} more characters]" if left > 0 else text


def call_text(name: object, arguments: Any, longest: int | None = None) -> str:
    """A call of a tool as a page shows it."""
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except ValueError:
            return f"[calls {name} {short_text(arguments, longest)}]"
    return f"[calls {name} {short_text(json.dumps(arguments or {}, ensure_ascii=False), longest)}]"


def result_text(content: Any, longest: int | None = None) -> str:
    """What a tool returned, as a note; "" for nothing."""
    text = short_text(block_text(content), longest)
    return f"[result: {text}]" if text else ""


def mark(kind: object, *details: object) -> str:
    """What is no text: `[image: photo.jpg, image/jpeg, 83,921 bytes]`."""
    said = ", ".join(f"{one:,} bytes" if isinstance(one, int) else str(one) for one in details if one)
    return f"[{kind}: {said}]" if said else f"[{kind}]"


def _parts(content: Any, longest: int | None, depth: int) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, list) and depth < 20:
        for one in content:
            yield from _parts(one, longest, depth + 1)
    elif isinstance(content, Mapping) and depth < 20:
        yield from _block(content, longest, depth)


def _block(block: Mapping[str, Any], longest: int | None, depth: int) -> Iterator[str]:
    kind = str(block.get("type") or block.get("content_type") or "")
    if kind in _SILENT:
        return
    if kind in _CALLS or "functionCall" in block:
        call = block.get("functionCall") or block
        arguments = call.get("input") or call.get("args") or call.get("arguments")
        yield call_text(call.get("name") or kind, arguments, longest)
        return
    if kind.endswith(("tool_result", "function_call_output")) or "functionResponse" in block:
        yield result_text(block.get("content") or block.get("output") or _response(block), longest)
        return
    texts = [block[key] for key in _TEXTS if block.get(key) is not None]
    said = [part for text in texts for part in _parts(text, longest, depth + 1)]
    if kind in _PLAIN or (said and any(word in kind for word in _MEDIA)):
        yield from said
    elif any(word in kind for word in _MEDIA):
        yield _mark_of(kind, block)
    else:
        yield content_text(block) or _mark_of(kind, block)


def _response(block: Mapping[str, Any]) -> str:
    found = block.get("functionResponse")
    return json.dumps(found.get("response"), ensure_ascii=False) if isinstance(found, Mapping) else ""


def _mark_of(kind: str, block: Mapping[str, Any]) -> str:
    """The kind, name, address and type of a block without text."""
    inner = block.get("source") or block.get("file") or block.get("image_url") or block.get("input_audio") or {}
    both = {**block, **inner} if isinstance(inner, Mapping) else {**block, "url": inner}
    name = next((both[key] for key in ("filename", "file_name", "name", "title", "file_id", "id") if both.get(key)), "")
    url = str(both.get("url") or both.get("asset_pointer") or "")
    url = "" if url.startswith("data:") else url[:300]
    plain = next((word for word in (*_MEDIA, "document") if word in kind), kind)
    media = both.get("media_type") or both.get("mime_type") or both.get("mimeType")
    size = both.get("size_bytes") or both.get("size")
    return mark(plain, name, url, media, size if isinstance(size, int) else None)
