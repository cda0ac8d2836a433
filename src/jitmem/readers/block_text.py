"""What a message of an API or an export says in words: every text of every block, and a mark for what is no text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

SHORT = 500  # characters of a tool's result that stay

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
_SILENT = ("thinking", "redacted_thinking", "reasoning", "reasoning_content", "thoughts", "token_budget", "flag")
_TEXTS = ("text", "value", "content", "output_text", "input_text", "refusal", "transcript", "extracted_content")
_CALLS = ("tool_use", "tool_call", "function_call", "server_tool_use", "mcp_tool_use", "custom_tool_call")


def block_text(content: Any) -> str:
    """The words of a content: a string, a block, or blocks in a list, nested as deep as they come."""
    return "\n".join(part for part in _parts(content, 0) if part.strip())


def short_text(text: str, length: int = SHORT) -> str:
    """The text, or its beginning and how much is left out."""
    text = text.strip()
    return text if len(text) <= length else f"{text[:length]}… [{len(text) - length:,} more characters]"


def call_text(name: object, arguments: Any) -> str:
    """A call of a tool as a page shows it."""
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except ValueError:
            return f"[calls {name} {short_text(arguments)}]"
    return f"[calls {name} {short_text(json.dumps(arguments or {}, ensure_ascii=False))}]"


def result_text(content: Any) -> str:
    """What a tool returned, as a short note; "" for nothing."""
    text = short_text(block_text(content))
    return f"[result: {text}]" if text else ""


def mark(kind: object, *details: object) -> str:
    """What is no text: `[image: photo.jpg, image/jpeg, 83,921 bytes]`."""
    said = ", ".join(f"{one:,} bytes" if isinstance(one, int) else str(one) for one in details if one)
    return f"[{kind}: {said}]" if said else f"[{kind}]"


def _parts(content: Any, depth: int) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, list) and depth < 20:
        for one in content:
            yield from _parts(one, depth + 1)
    elif isinstance(content, Mapping) and depth < 20:
        yield from _block(content, depth)


def _block(block: Mapping[str, Any], depth: int) -> Iterator[str]:
    kind = str(block.get("type") or block.get("content_type") or "")
    if kind in _SILENT:
        return
    if kind in _CALLS or "functionCall" in block:
        call = block.get("functionCall") or block
        yield call_text(call.get("name") or kind, call.get("input") or call.get("args") or call.get("arguments"))
        return
    if kind.endswith(("tool_result", "function_call_output")) or "functionResponse" in block:
        yield result_text(block.get("content") or block.get("output") or _response(block))
        return
    texts = [block[key] for key in _TEXTS if block.get(key) is not None]
    said = [part for text in texts for part in _parts(text, depth + 1)]
    if kind == "document" and isinstance(source := block.get("source"), Mapping) and source.get("type") != "base64":
        said += [*_parts(source.get("data"), depth + 1), *_parts(source.get("content"), depth + 1)]
    if kind == "text-plain":
        said += _parts(block.get("data"), depth + 1)
    if said:
        yield from said
    elif kind not in ("", "text", "output_text", "input_text"):
        yield _mark_of(kind, block)


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
    plain = next((word for word in ("image", "audio", "video", "document", "file") if word in kind), kind)
    media = both.get("media_type") or both.get("mime_type") or both.get("mimeType")
    size = both.get("size_bytes") or both.get("size")
    return mark(plain, name, url, media, size if isinstance(size, int) else None)
