"""Create a session from text or Markdown, word for word."""

from __future__ import annotations

import codecs
import re

from .stores.errors import BadInput
from .stores.records import Session

_ENCODINGS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"", "utf-8"),
)

_KEY = re.compile(r"\w[\w .-]*")


def decode_text(data: bytes, name: str) -> str:
    """Decode a text, without its byte order mark and otherwise unchanged; `name` is for messages."""
    bom, encoding = next(known for known in _ENCODINGS if data.startswith(known[0]))
    remedy = "save it as UTF-8, or as UTF-16 with a byte order mark"
    try:
        text = data[len(bom) :].decode(encoding)
    except UnicodeDecodeError as error:
        at = len(bom) + error.start
        raise BadInput(
            f"{name}: not text (the byte 0x{data[at]:02x} at offset {at} is not {encoding.upper()}); {remedy}"
        ) from error
    if "\0" in text:
        raise BadInput(f"{name}: not text (a NUL after {text.index(chr(0))} characters); {remedy}")
    return text


def session_of_markdown(text: str, name: str) -> Session:
    """The text below the front matter, which gives id, time, and metadata by its other keys."""
    fields, body = _front_matter(text)
    if not body.strip():
        raise BadInput(f"{name}: nothing but front matter; a session needs some text below it")
    session_id = fields.pop("id", "") or None
    time = None
    for key in ("time", "date", "timestamp"):
        time = time or fields.pop(key, "") or None
    return Session(text=body, id=session_id, time=time, metadata=fields)


def _front_matter(text: str) -> tuple[dict[str, str], str]:
    """The `key: value` lines between a first and a second `---`, and the text below them.

    `({}, text)` unless every line between is such a pair and no key comes twice: then the first `---` is
    a rule, and what follows it may be a conversation.
    """
    if not text.startswith("---"):
        return {}, text
    fields: dict[str, str] = {}
    lines = text.split("\n")
    if lines[0].rstrip() != "---":
        return {}, text
    for number, line in enumerate(lines[1:], start=2):
        if line.rstrip() == "---":
            return (fields, "\n".join(lines[number:])) if fields else ({}, text)
        key, _, value = line.partition(":")
        if ":" not in line or not _KEY.fullmatch(key) or value[:1].strip() or key.strip() in fields:
            break
        fields[key.strip()] = _unquote(value.strip())
    return {}, text


def _unquote(value: str) -> str:
    quote = value[:1]
    if quote in ("'", '"') and value.count(quote) == 2 and value.endswith(quote):
        return value[1:-1]
    return value
