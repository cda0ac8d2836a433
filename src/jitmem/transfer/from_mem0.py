"""mem0: the result of `Memory.get_all()` or `MemoryClient.get_all()`, as JSON or JSON lines."""

from __future__ import annotations

from typing import BinaryIO

from ..stores.errors import BadInput
from .foreign_export import ForeignExport, objects, read_json, read_text, text_of, time_of

_RIGHT = 'it must be {"results": [{"id": …, "memory": …}]}, a list of memories, or a memory a line'
_OWNERS = ("user_id", "agent_id", "app_id", "run_id")


def parse(file: BinaryIO, name: str) -> ForeignExport:
    """Every memory becomes a semantic item with the time it was written; its owner is the group."""
    value, found = read_json(read_text(file, name), name, _RIGHT), ForeignExport()
    listed = value
    if isinstance(value, dict):
        listed = value.get("results", value.get("memories"))
        if relations := value.get("relations"):
            found.skipped["relations of the graph"] += len(relations) if isinstance(relations, list) else 1
        if value.get("next"):
            found.notes.append("The file is one page of several: import the others, too.")
    if not isinstance(listed, list):
        raise BadInput(f"{name}: is not an export of mem0; {_RIGHT}.")
    for record, where in objects(listed, name, "memory"):
        owner = " ".join(str(record[key]) for key in _OWNERS if record.get(key) is not None)
        time = time_of(record, where, "created_at", "updated_at")
        expires = record.get("expiration_date") is not None
        found.add(text_of(record, "memory", where), "semantic", time, owner, record, where, expires=expires)
    return found
