"""Items as they were, at a time or before a change, and when the next is hidden by its age."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from ..errors import UnknownRecord
from ..records import Edit, MemoryItem, Outcome
from .item_changes import find_current, write_unless_taken, write_version
from .items import NEWEST, OWN, Items, find_item, of_kind


def undo(items: Items, change: int, *, cause: str = "person") -> Outcome:
    """Put an item back to what it was before a change, as a change of its own.

    `UnknownRecord` for a number that is no change of an item here; rejected when the item was changed since.
    """
    with items.namespace.database.write() as db:
        namespace = items.namespace.enter(db)
        row = db.execute(
            "SELECT item.id, item_version.version FROM item_version"
            " JOIN standing_item AS item ON item.seq = item_version.item JOIN change ON change.n = item_version.n"
            " WHERE change.number = ? AND change.namespace = ? AND item.namespace = change.namespace",
            (change, namespace),
        ).fetchone()
        if row is None:
            raise UnknownRecord(f"No change {change} of an item in this namespace.")
        current = find_current(db, namespace, row[0])
        assert current is not None, "a change has an item"
        edit = Edit(op="undo", kind=current.kind, id=current.id, cause=cause)
        if current.change != change:
            reason = f"Item {current.id} was changed since, by change {current.change}; undo that one first."
            return Outcome("rejected", edit, reason, current)
        # The last version before it that was not erased.
        earlier = "item.id = ? AND item_version.version < ? ORDER BY item_version.version DESC LIMIT 1"
        before = find_item(db, earlier, current.id, row[1])
        if before is None or before.deleted:
            return write_version(items, db, namespace, edit, current, None)
        restored = replace(edit, content=before.content, time=before.time, page_ids=before.page_ids)
        return write_unless_taken(items, db, namespace, edit, restored, current)


def as_of(items: Items, time: datetime, *, kind: str | None = None) -> list[MemoryItem]:
    """The items as they stood at a time of this memory's own clock (not of the events), oldest first."""
    found = items.select(
        f"{OWN} AND {of_kind(kind)} AND item_version.n = ("
        "   SELECT max(v.n) FROM item_version AS v JOIN change AS c ON c.n = v.n"
        "   WHERE v.item = item.seq AND c.at <= :at) ORDER BY item.seq",
        kind=kind,
        at=(time if time.tzinfo else time.astimezone()).astimezone(UTC).isoformat(),
    )
    return [item for item in found if not item.deleted]


def next_expiry(items: Items) -> float | None:
    """When the next item that may be read is hidden by its age, in seconds since 1970; None where no rule says
    so."""
    rows = items.fetch(
        "SELECT age_s, (SELECT min(made.at) FROM standing_item AS item"
        f" CROSS JOIN item_version ON item_version.item = item.seq AND {NEWEST}"
        " CROSS JOIN change AS made ON made.n = item_version.n"
        " WHERE item.namespace = retention.namespace AND item.kind = retention.kind)"
        f" FROM retention WHERE namespace IN ({items.namespace.readable_sql}) AND kind != 'page'"
    )
    return min((datetime.fromisoformat(at).timestamp() + age for age, at in rows if at), default=None)
