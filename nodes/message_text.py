"""The text of a chat message: every word of every content block, whichever provider's form the block has.

What is no text becomes a mark in brackets with its name or URL, type and size; a tool call becomes one with its
arguments. Only a model's thinking is left out.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote_to_bytes

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage

from .llm.thinking_marks import spoken_text

_DEEPEST = 60  # levels of blocks in blocks; of what lies deeper the texts are collected one by one
_THINKING = frozenset("reasoning thinking redacted_thinking reasoning_content redacted_reasoning thought".split())
_CALLS = re.compile(r"(?:^|_)(?:tool_use|tool_call|tool_call_chunk|function_call|call)$")
_MEDIA = re.compile(
    r"(?:^|_)(?:image|audio|video|document|media|blob|inline_data|file_data|container_upload)$"
    r"|^(?:input_|output_)?file$|^(?:image|audio|video|file)_(?:url|file)$"
)
_SOURCES = frozenset("source image image_url input_audio audio audio_url video_url file inline_data file_data".split())
_PLACES = ("url", "image_url", "video_url", "audio_url", "file_url", "uri", "file_uri", "file_id")
_DATA = ("data", "base64", "bytes", "file_data", "blob", "b64_json")
_NAMES = ("filename", "file_name", "name", "title", "display_name")
_TYPES = ("mime_type", "media_type", "format")
_RESULTS = frozenset("output outputs result results content error".split())
_ARGUMENTS = ("input", "args", "arguments")
# Of a block whose type says what they are, these stand without their name.
_PLAIN = frozenset(
    "text content output refusal transcript title context code stdout stderr summary data value result response input"
    " message query cited_text document_title logs".split()
)
_VERBATIM = _PLAIN - {"data", "value", "result"}
_NOISE = re.compile(
    r"(?:^|_)(?:type|id|ids|index|signature)$|^(?:encrypted_\w+|cache_control|cache_point|is_error|status|caller|detail)$"
)
_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(?:;[\w.+-]+=[^;,]*)*(;base64)?,(.*)", re.S | re.I)
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")
_LONGEST_WORD = 200  # characters; letters and digits without a space beyond that are data
_ESCAPE = re.compile(r'\\(["\\/bfnrt])')
_UNESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def message_text(message: BaseMessage) -> str:
    """Part by part, one below the other; "" where nothing was said."""
    calls = message.tool_calls if isinstance(message, AIMessage) else []
    known = {str(call["id"]) for call in calls}
    content: Sequence[Any] = [message.content] if isinstance(message.content, str) else message.content
    parts = [part for block in content for part in _parts(block, known)]
    parts += [part for part in _parts_beside_content(message) if part not in parts]
    if isinstance(message, AIMessage):  # only what a model said may hold its thinking
        parts = [spoken_text(part) for part in parts]
        parts += [_call_mark(call["name"], call["args"]) for call in calls]
    if isinstance(message, ToolMessage) and message.status == "error":
        parts.insert(0, "[error]")
    return "\n".join(part for part in parts if part)


def content_text(content: Any) -> str:
    """The same of a content alone: a text, a block, or a list of them."""
    return "\n".join(part for part in _parts(content) if part)


def _parts_beside_content(message: BaseMessage) -> Iterator[str]:
    """What OpenAI's chat replies and broken calls have in fields of their own."""
    extra = message.additional_kwargs
    if isinstance(refusal := extra.get("refusal"), str):
        yield refusal
    if isinstance(audio := extra.get("audio"), Mapping):
        yield from _parts({**audio, "type": "audio"})
    if isinstance(message, AIMessage):
        for call in message.invalid_tool_calls:
            yield _call_mark(call.get("name") or "?", call.get("args") or "")
        made = extra.get("function_call")
        if isinstance(made, Mapping) and not message.tool_calls:
            yield _call_mark(made.get("name") or "?", made.get("arguments") or "")


def _parts(block: Any, calls: Collection[str] = (), depth: int = 0) -> Iterator[str]:
    """The texts and marks of a block and of all in it. A call whose id is in `calls` is written elsewhere."""
    if isinstance(block, str):
        yield block
    elif isinstance(block, bytes | bytearray):
        yield _mark("data", None, None, len(block))
    elif isinstance(block, BaseMessage):
        yield message_text(block)
    elif depth > _DEEPEST:
        yield from _texts(block)
    elif isinstance(block, Mapping):
        yield from _block_parts(block, calls, depth)
    elif isinstance(block, Sequence):
        for one in block:
            yield from _parts(one, calls, depth + 1)
    elif block is not None:
        yield str(block)


def _block_parts(block: Mapping[Any, Any], calls: Collection[str], depth: int) -> Iterator[str]:
    kind, fields = _kind_and_fields(block)
    if kind in _THINKING or fields.get("thought") is True:
        return
    if kind == "non_standard":
        yield from _parts(fields.get("value"), calls, depth + 1)
        return
    if _CALLS.search(kind):
        if {str(fields.get(name)) for name in ("id", "call_id", "tool_use_id")} & set(calls):
            return
        yield _call_block_mark(kind, fields)
        fields = {name: value for name, value in fields.items() if name in _RESULTS}
    elif _MEDIA.search(kind) or kind == "text_plain":
        fields = dict(_flatten_sources(fields))
        yield from _medium_parts(kind, fields)
    for name, value in fields.items():
        if _is_setting(name, value):
            continue
        label = "" if name in _PLAIN or name == kind else f"{name}: "
        if isinstance(value, str | bytes | bytearray):
            part = str(value if name in _VERBATIM else _without_data(value))
            yield label + part if part else ""
        elif _holds_blocks(value):
            yield from _parts(value, calls, depth + 1)
        elif value not in (None, [], {}):
            yield label + _json(value)


def _is_setting(name: str, value: Any) -> bool:
    """What providers need, and nobody said."""
    if isinstance(value, Mapping):
        return name == "citations" and "enabled" in value
    return not isinstance(value, list) and bool(_NOISE.search(name))


def _kind_and_fields(block: Mapping[Any, Any]) -> tuple[str, dict[str, Any]]:
    """The type of a block and the rest of it, names in snake case. Bedrock and Gemini name the type by the one key:
    `{"toolResult": {…}}`."""
    fields = {_snake_case(str(name)): value for name, value in block.items()}
    kind = fields.pop("type", None)
    if isinstance(kind, str):
        return _snake_case(kind.replace("-", "_")), fields
    for name, value in fields.items():
        if isinstance(value, Mapping) and name not in ("json", "response", "args", "input"):
            others = {other: one for other, one in fields.items() if other != name}
            inner = {_snake_case(str(other)): one for other, one in value.items()}
            return name, {**others, **inner} if not set(others) & set(inner) else {**others, name: value}
    return "", fields


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _holds_blocks(value: Any) -> bool:
    """Whether a value is a block or a list of blocks, and not plain data."""
    if isinstance(value, Mapping):
        if isinstance(value.get("type"), str) or value.get("thought") is True:
            return True
        name = _snake_case(str(next(iter(value), "")))
        return len(value) == 1 and (name in _PLAIN | _THINKING or bool(_MEDIA.search(name)))
    return isinstance(value, list | tuple) and any(
        isinstance(one, str | BaseMessage) or _holds_blocks(one) for one in value
    )


# -- calls -------------------------------------------------------------------------------------------------


def _call_block_mark(kind: str, fields: dict[str, Any]) -> str:
    """Of a call that a server carries out, and of any that the message does not list as its own."""
    given = {name: one for name, one in fields.items() if name not in _RESULTS and not _NOISE.search(name)}
    name = given.pop("name", None) or kind.removesuffix("_call")
    found = [given[key] for key in _ARGUMENTS if key in given]
    return _call_mark(name, found[0] if len(found) == len(given) == 1 else given)


def _call_mark(name: Any, arguments: Any) -> str:
    return f"[calls {name} {arguments if isinstance(arguments, str) else _json(arguments)}]"


def _json(value: Any) -> str:
    """JSON whose texts stand as they are, without escapes: they are to be read and found, not parsed."""
    try:
        written = json.dumps(_without_data(value), ensure_ascii=False, default=str)
    except (RecursionError, ValueError):
        return "\n".join(_texts(value))
    return _ESCAPE.sub(lambda match: _UNESCAPED.get(match[1], match[1]), written)


def _without_data(value: Any) -> Any:
    if isinstance(value, str):
        return _text_or_mark(value)
    if isinstance(value, bytes | bytearray):
        return _mark("data", None, None, len(value))
    if isinstance(value, Mapping):
        if value.get("type") in _THINKING:
            return {}
        return {str(name): _without_data(one) for name, one in value.items()}
    return [_without_data(one) for one in value] if isinstance(value, list | tuple) else value


def _texts(value: Any) -> Iterator[str]:
    """Every text in a structure of any depth, in order."""
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, str):
            yield _text_or_mark(one)
        elif isinstance(one, Mapping):
            left.extend(reversed([] if one.get("type") in _THINKING else list(one.values())))
        elif isinstance(one, list | tuple):
            left.extend(reversed(one))


# -- what is no text ---------------------------------------------------------------------------------------


def _flatten_sources(fields: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The fields of a medium and of the objects in which providers put its source: `{"source": {"bytes": …}}`."""
    for name, value in fields.items():
        if name in _SOURCES and isinstance(value, Mapping):
            inner = {_snake_case(str(key)): one for key, one in value.items()}
            yield from _flatten_sources({("source_type" if key == "type" else key): one for key, one in inner.items()})
        elif name == "s3_location" and isinstance(value, Mapping):
            yield "uri", value.get("uri")
        else:
            yield name, value


def _medium_parts(kind: str, fields: dict[str, Any]) -> Iterator[str]:
    """Its mark, or its text where its data is text. Takes from `fields` what was written."""
    mime = next((one for key in _TYPES if isinstance(one := fields.pop(key, None), str)), None)
    if fields.get("source_type") == "id":
        fields["file_id"] = fields.pop("id", None)
    place = next((one for key in _PLACES if isinstance(one := fields.pop(key, None), str) and one), None)
    plain = "data" in fields and (kind == "text_plain" or fields.get("source_type") == "text")
    data: Any = next((one for key in _DATA if (one := fields.pop(key, None)) is not None), None)
    if place and _DATA_URL.fullmatch(place):
        place, data = None, place
    elif isinstance(data, Mapping | list):
        fields["content"], data = data, None
    if data is None and place is None:
        return
    if isinstance(data, str) and (inside := _DATA_URL.fullmatch(data)):
        mime = inside[1] or mime
    text = _decoded_text(data, mime or ("text/plain" if kind == "text_plain" else None), plain=plain)
    if text is not None:
        yield text
        return
    name = next((one for key in _NAMES if isinstance(one := fields.get(key), str) and one), None)
    if name:
        del fields[next(key for key in _NAMES if fields.get(key) == name)]
    known = re.sub(r"^(?:input|output)_|_(?:url|file)$", "", kind)
    if known in ("media", "inline_data", "file_data", "blob", "container_upload"):
        known = mime.split("/")[0] if mime and mime.split("/")[0] in ("image", "audio", "video") else "file"
    yield _mark(known, ", ".join(part for part in (name, place) if part), mime, _size(data))


def _decoded_text(data: Any, mime: str | None, *, plain: bool) -> str | None:
    """The text that data is, of a data URL, in base64 or as it stands; None for what is no text."""
    if not isinstance(data, str):
        return None if not isinstance(data, bytes | bytearray) or not _is_text(mime) else _utf8(bytes(data))
    if inside := _DATA_URL.fullmatch(data):
        decoded = _bytes_of_data_url(inside)
        return _utf8(decoded) if _is_text(inside[1] or mime or "text/plain") and decoded is not None else None
    if plain:
        return data
    decoded = _base64(data)
    if decoded is None:
        return data if re.search(r"\s", data.strip()) or not _BASE64.fullmatch(data) else None
    return _utf8(decoded) if _is_text(mime) else None


def _is_text(mime: str | None) -> bool:
    return bool(mime) and bool(
        re.match(r"text/|application/(?:[\w.-]+\+)?(?:json|xml|yaml)|(?:txt|md|csv|html)$", mime or "")
    )


def _utf8(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def _base64(text: str) -> bytes | None:
    squeezed = re.sub(r"[\r\n]", "", text).replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(squeezed + "=" * (-len(squeezed) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def _bytes_of_data_url(found: re.Match[str]) -> bytes | None:
    return _base64(found[3]) if found[2] else unquote_to_bytes(found[3])


def _size(data: Any) -> int | None:
    if isinstance(data, str):
        inside = _DATA_URL.fullmatch(data)
        decoded = _bytes_of_data_url(inside) if inside else _base64(data)
        return len(data) if decoded is None else len(decoded)
    return len(data) if isinstance(data, bytes | bytearray) else None


def _text_or_mark(text: str) -> str:
    """The text, unless it is data."""
    if len(text) > _LONGEST_WORD and _BASE64.fullmatch(text):
        return _mark("data", None, None, _size(text))
    inside = _DATA_URL.fullmatch(text) if text[:5].lower() == "data:" else None
    if inside is None or not (inside[1] or inside[2]):
        return text
    decoded = _decoded_text(text, inside[1], plain=False)
    return _mark("data", None, inside[1], _size(text)) if decoded is None else decoded


def _mark(kind: str, name: str | None, mime: str | None, size: int | None) -> str:
    said = [part for part in (name, mime, None if size is None else _readable_size(size)) if part]
    return f"[{kind}: {', '.join(said)}]" if said else f"[{kind}]"


def _readable_size(size: int) -> str:
    if size < 1000:
        return f"{size} bytes"
    return f"{size / 1000:.1f} kB" if size < 1_000_000 else f"{size / 1_000_000:.1f} MB"
