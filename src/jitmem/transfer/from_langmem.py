"""LangMem: the items of a LangGraph store, from `store.search()` or its API as JSON, or its table `store` as CSV."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, BinaryIO

from ..stores.errors import BadInput
from ..stores.records import Kind
from ..stores.strict_json import parse_json
from .foreign_export import ForeignExport, in_words, objects, read_json, read_table, read_text, text_of, time_of

_RIGHT = 'it must be a list of items {"namespace": […], "key": …, "value": {…}}, an item a line, or the table as CSV'


def parse(file: BinaryIO, name: str) -> ForeignExport:
    """An item becomes semantic, an episode episodic with the time it was written; its namespace is the group."""
    text, found = read_text(file, name), ForeignExport()
    for given, where in objects(_records(text, name), name, "item"):
        record = {key: one for key, one in given.items() if one is not None and key != "score"}
        if "namespace" not in record and isinstance(record.get("prefix"), str):
            record["namespace"] = record.pop("prefix").split(".")
        path, value = record.get("namespace"), record.get("value")
        if not isinstance(path, list) or not all(isinstance(label, str) for label in path):
            raise BadInput(f'{where}: "namespace" must be a list of texts (in a table: "prefix", joined by dots).')
        text_of(record, "key", where)
        if isinstance(value, str):
            value = parse_json(value, name=f"{where}, value", right="it must be a JSON object")
        if not isinstance(value, dict):
            raise BadInput(f'{where}: "value" must be an object.')
        record["value"] = value
        content, kind = _content(value)
        time = time_of(record, where, "created_at", "updated_at")
        if kind == "episodic" and time is None:
            kind = "semantic"  # an event has a time
        found.add(content, kind, time, ".".join(path), record, where, expires="expires_at" in record)
    return found


def _records(text: str, name: str) -> object:
    if text.lstrip()[:1] in ("{", "["):
        value = read_json(text, name, _RIGHT)
        return value.get("items", [value]) if isinstance(value, dict) else value
    rows = list(read_table(text, name))
    if not rows or not {"key", "value"} <= rows[0].keys():
        raise BadInput(f"{name}: is not a dump of a LangGraph store; {_RIGHT}.")
    return rows


def _content(value: Mapping[str, Any]) -> tuple[str, Kind]:
    """Text and kind of LangMem's `{"content": …}` or `{"kind": …, "content": …}`; any other object as plain text."""
    if not value.keys() <= {"kind", "content"} or "content" not in value:
        return in_words(dict(value)), "semantic"
    kind, content = value.get("kind"), value["content"]
    if isinstance(content, dict) and content.keys() == {"content"}:
        content = content["content"]
    text = in_words(content)
    if isinstance(kind, str) and kind not in ("", "Memory"):
        text = f"{kind}: {text}"
    return text, "episodic" if kind == "Episode" else "semantic"
