"""Delete a selection, or a whole namespace, in one transaction; or preview what would be deleted."""

from __future__ import annotations

from ..truth.database import PERSON, Connection
from ..truth.namespace import Namespace
from ..truth.row_deletion import DeletionResult, Selection, delete_rows, record_erasure
from .derived_texts import delete_repetitions
from .selectors import Selector

_PREVIEW_CHARS = 80  # of each text


def delete(namespace: Namespace, selector: Selector | None) -> tuple[DeletionResult, int | None]:
    """Delete what `selector` selects, or with None the whole namespace; also returns the number of the erasure."""
    with namespace.database.write() as db:
        result = _delete(db, namespace, selector)
        return result, record_erasure(db, result)


def preview(namespace: Namespace, selector: Selector | None) -> tuple[DeletionResult, dict[str, str]]:
    """What `delete` would do, rolled back; and by id the beginning of each text."""
    with namespace.database.read() as db:
        db.execute("BEGIN IMMEDIATE")
        try:
            db.execute("SAVEPOINT before")
            result = _delete(db, namespace, selector)
            db.execute("ROLLBACK TO before")
            return result, _beginnings(db, result)
        finally:
            db.execute("ROLLBACK")


def _delete(db: Connection, namespace: Namespace, selector: Selector | None) -> DeletionResult:
    number = namespace.number(db)
    if selector is None:
        return _delete_namespace(db, number)
    result = delete_rows(db, number, selector(db, number))
    delete_repetitions(db, result)
    return result


def _delete_namespace(db: Connection, namespace: int) -> DeletionResult:
    """The whole namespace with its name, entries, shares, rules and log."""
    everything = Selection(
        sessions=_numbers(db, "SELECT n FROM session WHERE namespace = ?", namespace),
        items=_numbers(db, "SELECT seq FROM item WHERE namespace = ?", namespace),
        proposals=_numbers(db, "SELECT n FROM proposal WHERE namespace = ?", namespace),
    )
    result = delete_rows(db, namespace, everything, PERSON)
    entries = "entry IN (SELECT entry.n FROM entry JOIN entry_path ON entry_path.n = entry.path WHERE namespace = ?)"
    for what, table, where in (
        ("vectors", "entry_embedding", f"text IN (SELECT n FROM entry_text WHERE {entries})"),
        ("entry texts", "entry_text", entries),
        ("entries", "entry", "path IN (SELECT n FROM entry_path WHERE namespace = ?)"),
        ("entry paths", "entry_path", "namespace = ?"),
        ("shares", "share", "namespace = ?"),
        ("rules", "retention", "namespace = ?"),
    ):
        result.delete(db, what, table, where, namespace)
    db.execute("DELETE FROM change WHERE namespace = ?", (namespace,))
    db.execute("DELETE FROM mark WHERE name LIKE ?", (f"embedded%:{namespace}:%",))
    result.delete(db, "namespaces", "namespace", "id = ?", namespace)
    return result


def _beginnings(db: Connection, result: DeletionResult) -> dict[str, str]:
    """By id, the beginning of a page, an item, an entry, a proposal, or the text of a session that waits to be filed."""
    found = {what: _beginning(text) for what, text in result.others.items()}
    for ids, query in (
        (result.session_ids, "SELECT json_extract(payload, '$.text') FROM session WHERE namespace = ? AND id = ?"),
        (result.page_ids, "SELECT text FROM page WHERE namespace = ? AND id = ?"),
        (
            result.item_ids,
            "SELECT content FROM item JOIN item_version ON item_version.item = item.seq WHERE namespace = ? AND id = ?"
            " AND content IS NOT NULL ORDER BY item_version.version DESC",
        ),
    ):
        for one in ids:
            row = db.execute(query, (result.namespace, one)).fetchone()
            if row is not None and row[0] is not None:
                found[one] = _beginning(row[0])
    return found


def _beginning(text: str) -> str:
    text = " ".join(text[: 2 * _PREVIEW_CHARS].split())
    return text if len(text) <= _PREVIEW_CHARS else f"{text[: _PREVIEW_CHARS - 1]}…"


def _numbers(db: Connection, query: str, *values: object) -> set[int]:
    return {n for (n,) in db.execute(query, values)}
