"""mem0: what `Memory.get_all()` and `MemoryClient.get_all()` give, as JSON or a memory a line."""

from __future__ import annotations

from typing import BinaryIO

from ..stores.errors import BadInput
from .found import Found, Remembered, contents, document, objects, text_of, time_of

_RIGHT = 'it must be {"results": [{"id": …, "memory": …}]}, a list of memories, or a memory a line'
_OWNERS = ("user_id", "agent_id", "app_id", "run_id")


def find(file: BinaryIO, name: str) -> Found:
    """Every memory is knowledge that holds from when it was written; whose it is makes the group."""
    value, found = document(contents(file, name), name, _RIGHT), Found()
    listed = value
    if isinstance(value, dict):
        listed = value.get("results", value.get("memories"))
        if relations := value.get("relations"):
            found.leave("relations of the graph", len(relations) if isinstance(relations, list) else 1)
        if value.get("next"):
            found.notes.append("The file is one page of several: import the others, too.")
    if not isinstance(listed, list):
        raise BadInput(f"{name}: is no export of mem0; {_RIGHT}.")
    expiring = 0
    for record, where in objects(listed, name, "memory"):
        text = text_of(record, "memory", where)
        if not text.strip():
            found.leave("empty memories")
            continue
        expiring += record.get("expiration_date") is not None
        owner = " ".join(str(record[key]) for key in _OWNERS if record.get(key) is not None)
        time = time_of(record, where, "created_at", "updated_at")
        found.memories.append(Remembered(text, "semantic", time, owner, record, where))
    if expiring:
        found.notes.append(
            f"{expiring:,} memories have an expiration_date. It stands on their page; nothing expires by it here."
        )
    return found
