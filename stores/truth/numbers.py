"""Give changes and proposals that were written without one their number in their namespace."""

from __future__ import annotations

from .database import Connection

_COUNTED = (
    ("change", "head"),
    ("proposal", "proposals"),
)  # table, and the column of the namespace that counts its rows


def number_rows(db: Connection) -> int:
    """In the order of the folder, after those that have a number; then the counters of the namespaces. How many rows and
    counters were changed."""
    changed = 0
    for table, counter in _COUNTED:
        newest = f"(SELECT max(number) FROM {table} AS other WHERE other.namespace = {{}} AND number > 0)"
        changed += db.execute(
            f"UPDATE {table} SET number = missing.number FROM (SELECT n, coalesce({newest.format('one.namespace')}, 0)"
            f" + row_number() OVER (PARTITION BY namespace ORDER BY n) AS number FROM {table} AS one WHERE number = 0)"
            f" AS missing WHERE missing.n = {table}.n"
        ).rowcount
        behind = f"{counter} < {newest.format('namespace.id')}"
        changed += db.execute(
            f"UPDATE namespace SET {counter} = {newest.format('namespace.id')} WHERE {behind}"
        ).rowcount
    for column, condition in (("items", "kind = 'item'"), ("erased", "op IN ('forget', 'retain')")):
        newest = f"(SELECT max(n) FROM change WHERE change.namespace = namespace.id AND {condition})"
        changed += db.execute(f"UPDATE namespace SET {column} = {newest} WHERE {column} < {newest}").rowcount
    return changed
