"""Create a session from Markdown with front matter."""

from __future__ import annotations

import re

from .stores.errors import BadInput
from .stores.records import Session

_KEY = re.compile(r"\w[\w .-]*")


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
