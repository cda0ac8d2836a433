"""LangMem: the items of a LangGraph store, from `store.search()` or its API as JSON, or its table `store` as CSV."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, BinaryIO

from ..stores.errors import BadInput
from ..stores.records import Kind
from ..strict_json import parse_json
from .found import Found, Remembered, contents, document, objects, spoken, table, text_of, time_of

_RIGHT = 'it must be a list of items {"namespace": […], "key": …, "value": {…}}, an item a line, or the table as CSV'


def find(file: BinaryIO, name: str) -> Found:
    """An item is knowledge, an episode an event of when it was written; its namespace makes the group."""
    text, found = contents(file, name), Found()
    expiring = 0
    for given, where in objects(_records(text, name), name, "item"):
        record = dict(given)
        if "namespace" not in record and isinstance(record.get("prefix"), str):
            record["namespace"] = record.pop("prefix").split(".")
        path = record.get("namespace")
        if not isinstance(path, list) or not all(isinstance(label, str) for label in path):
            raise BadInput(f'{where}: "namespace" must be a list of texts (in a table: "prefix", joined by dots).')
        text_of(record, "key", where)
        value = record.get("value")
        if isinstance(value, str):
            value = parse_json(value, name=f"{where}, value", right="it must be a JSON object")
        if not isinstance(value, dict):
            raise BadInput(f'{where}: "value" must be an object.')
        record = {key: one for key, one in {**record, "value": value}.items() if one is not None and key != "score"}
        said, kind = _said(value)
        if not said.strip():
            found.leave("items without content")
            continue
        expiring += "expires_at" in record
        time = time_of(record, where, "created_at", "updated_at")
        if kind == "episodic" and time is None:
            kind = "semantic"  # an event has a time
        found.memories.append(Remembered(said, kind, time, ".".join(path), record, where))
    if expiring:
        found.notes.append(f"{expiring:,} items would expire. That stands on their page; nothing expires by it here.")
    return found


def _records(text: str, name: str) -> object:
    first = text.lstrip()[:1]
    if first in ("{", "["):
        value = document(text, name, _RIGHT)
        return value.get("items", [value]) if isinstance(value, dict) else value
    rows = list(table(text, name))
    if not rows or not {"key", "value"} <= rows[0].keys():
        raise BadInput(f"{name}: is no dump of a LangGraph store; {_RIGHT}.")
    return rows


def _said(value: Mapping[str, Any]) -> tuple[str, Kind]:
    """LangMem's `{"content": …}` and `{"kind": …, "content": …}`; any other object in words."""
    if not value.keys() <= {"kind", "content"} or "content" not in value:
        return spoken(dict(value)), "semantic"
    kind, content = value.get("kind"), value["content"]
    if isinstance(content, dict) and content.keys() == {"content"}:
        content = content["content"]
    said = spoken(content)
    if isinstance(kind, str) and kind not in ("", "Memory"):
        said = f"{kind}: {said}"
    return said, "episodic" if kind == "Episode" else "semantic"
