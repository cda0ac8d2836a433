"""New versions of memory items that are there: updates, deletions, and what an undo brings back."""

from __future__ import annotations

from dataclasses import replace

from ..records import Edit, MemoryItem, Outcome
from .database import Connection
from .dedup_key import dedup_key
from .items import NEWEST, STANDS, Items, duplicate, find_item


def change_item(items: Items, db: Connection, namespace: int, edit: Edit) -> Outcome:
    """Carry out an update or a deletion within a write transaction."""
    current = _find_target(items, db, edit)
    if current is None or current.deleted:
        held = "There is no core memory yet; insert it." if edit.id is None else f"No item {edit.id!r} is here."
        return Outcome("unknown_id", edit, held)
    if edit.kind != current.kind:
        return Outcome("rejected", edit, f"Item {current.id} is {current.kind}, not {edit.kind}.", current)
    if edit.expected_version not in (None, current.version):
        reason = f"Item {current.id} was changed meanwhile: it is at version {current.version}."
        return Outcome("rejected", edit, reason, current)
    if edit.op == "delete":
        return write_version(items, db, namespace, edit, current, None)
    whole = replace(
        edit,
        id=current.id,
        content=current.content if edit.content is None else edit.content,
        time=edit.time or current.time,
        page_ids=tuple(dict.fromkeys([*current.page_ids, *edit.page_ids])),
    )
    if whole.content == current.content and str(whole.time) == str(current.time):  # a month is not its first day
        return duplicate(edit, current)
    return write_unless_taken(items, db, namespace, edit, whole, current)


def write_unless_taken(
    items: Items, db: Connection, namespace: int, edit: Edit, whole: Edit, current: MemoryItem
) -> Outcome:
    """A new version, unless another item says the same: then the outcome of `edit` names that one."""
    key = dedup_key(whole.kind, whole.content or "", whole.time)
    known = items.find_by_key(db, namespace, whole.kind, key)
    if known is not None and known.id != current.id:
        return duplicate(edit, known)
    return write_version(items, db, namespace, whole, current, whole.content)


def write_version(
    items: Items, db: Connection, namespace: int, edit: Edit, current: MemoryItem, content: str | None
) -> Outcome:
    """A new version of an item that is there; `content=None` takes it away."""
    whole = edit if content is not None else replace(edit, time=current.time, page_ids=current.page_ids)
    key = None if content is None else dedup_key(edit.kind, content, edit.time)
    (seq,) = db.execute(
        "UPDATE item SET version = ?, sketch = ? WHERE id = ? RETURNING seq", (current.version + 1, key, current.id)
    ).fetchone()
    return items.add_version(db, namespace, whole, seq, current.id, content, current)


def find_current(db: Connection, namespace: int, item_id: str) -> MemoryItem | None:
    """Its newest version, a deletion too."""
    return find_item(db, f"item.namespace = ? AND item.id = ? AND {NEWEST}", namespace, item_id)


def _find_target(items: Items, db: Connection, edit: Edit) -> MemoryItem | None:
    """The item that an edit means: by its id, or the core paragraph, which needs none."""
    namespace = items.namespace.number(db)
    if edit.kind == "core" and edit.id is None:
        return find_item(db, f"item.namespace = ? AND item.kind = 'core' AND {STANDS}", namespace)
    return find_current(db, namespace, edit.id or "")
