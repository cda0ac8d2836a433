"""Create a session from Markdown with front matter."""

from __future__ import annotations

import json
import re
from typing import Any

from ..stores.errors import BadInput
from ..stores.records import Session
from .written_times import try_time

_KEY = re.compile(r"\w[\w .-]*")
_CREATED = re.compile(
    r"(?:date[ _-]?)?created(?:[ _-]?(?:at|on|time|date))?|creation[ _-]?(?:date|time)|date|day|published(?:[ _-]at)?",
    re.I,
)
_TEMPLATE = re.compile(r"\{\{|<%")  # a note that others are made from
_UNLINKED = re.compile(r"^\[\[([^\]|]*)(?:\|[^\]]*)?\]\]$|\s+#\s.*$")
_TOP = re.compile(r"[\w\"'][^:]*:(?:\s|$)|[ \t]+\S|- ")
_TOML = re.compile(r"\+\+\+[ \t]*\r?\n([^\0]{1,20000}?)\r?\n\+\+\+[ \t]*(?:\r?\n|\Z)")
_BLOCK = re.compile(r"---[ \t]*\r?\n([^\0]{1,20000}?)\r?\n---[ \t]*(?:\r?\n|\Z)")


def session_of_markdown(text: str, name: str) -> Session:
    """The text below the front matter, which gives id, time, and metadata by its other keys."""
    fields, body = _front_matter(text)
    if not fields:
        fields, body = _toml_front_matter(text) if text.startswith("+++") else _yaml_front_matter(text)
    if not body.strip():
        raise BadInput(f"{name}: nothing but front matter; a session needs some text below it")
    session_id = str(fields.pop("id", "") or "") or None
    time = None
    for key in ("time", "date", "timestamp"):
        if isinstance(fields.get(key), str) and not _TEMPLATE.search(fields[key]):
            time = time or _UNLINKED.sub(r"\1", fields.pop(key)) or None
    for key in list(fields):  # of note programs: what is no time there is metadata like any other
        if time is None and _CREATED.fullmatch(key) and isinstance(fields[key], str):
            time = _UNLINKED.sub(r"\1", fields[key]) if try_time(_UNLINKED.sub(r"\1", fields[key])) else None
            fields = fields if time is None else {name: value for name, value in fields.items() if name != key}
    return Session(text=body, id=session_id, time=time, metadata=fields)


def _front_matter(text: str) -> tuple[dict[str, Any], str]:
    """The `key: value` lines between a first and a second `---`, and the text below them.

    `({}, text)` unless every line between is such a pair and no key comes twice: then the first `---` is
    a rule, and what follows it may be a conversation.
    """
    if not text.startswith("---"):
        return {}, text
    fields: dict[str, Any] = {}
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


def _yaml_front_matter(text: str) -> tuple[dict[str, Any], str]:
    """Front matter with lists and nested keys, every value as it is written; `({}, text)` for what is no such block."""
    match = _BLOCK.match(text)
    if match is None or not all(_TOP.match(line) for line in match[1].split("\n")):
        return {}, text
    import yaml

    class PlainLoader(yaml.BaseLoader):
        """Strings, lists and maps; an alias, by which a few lines may grow to gigabytes, is refused."""

        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.events.AliasEvent):
                raise yaml.YAMLError("an alias")
            return super().compose_node(parent, index)

    try:
        fields = PlainLoader(match[1]).get_single_data()
    except (yaml.YAMLError, RecursionError, ValueError):
        return {}, text
    keys = [line.partition(":")[0] for line in match[1].split("\n") if not line.startswith((" ", "\t", "-"))]
    if not isinstance(fields, dict) or sorted(fields) != sorted(keys):  # a key twice: a conversation, or a fault
        return {}, text
    return fields, text[match.end() :]


def _toml_front_matter(text: str) -> tuple[dict[str, Any], str]:
    """Between lines of `+++`, as Hugo and others write it; `({}, text)` for what is no TOML."""
    import tomllib

    match = _TOML.match(text)
    try:
        fields = tomllib.loads(match[1]) if match else {}
    except (tomllib.TOMLDecodeError, RecursionError):
        fields = {}
    if match is None or not fields:
        return {}, text
    return json.loads(json.dumps(fields, default=str)), text[match.end() :]


def _unquote(value: str) -> str:
    quote = value[:1]
    if quote in ("'", '"') and value.count(quote) == 2 and value.endswith(quote):
        return value[1:-1]
    return value
