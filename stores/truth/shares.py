"""Which other namespaces may read one."""

from __future__ import annotations

from ..errors import BadInput
from .database import PERSON, log_change
from .namespace import BELOW, Namespace, validate_name


def share(namespace: Namespace, reader: str) -> None:
    """Let another namespace read this one, or with `/*` at the end of a name all that lie below it."""
    validate_name(reader)
    if reader == namespace.name:
        raise BadInput(
            f"A namespace reads itself; share {namespace.name!r} with another, such as {namespace.name + BELOW!r}."
        )
    with namespace.database.write() as db:
        own = namespace.enter(db)
        if db.execute("INSERT INTO share VALUES (?, ?) ON CONFLICT DO NOTHING", (own, reader)).rowcount:
            log_change(db, own, "share", own, "share", PERSON)


def unshare(namespace: Namespace, reader: str) -> bool:
    """Take it back; False where nothing was shared so."""
    with namespace.database.write() as db:
        own = namespace.number(db)
        found = db.execute("DELETE FROM share WHERE namespace = ? AND reader = ?", (own, reader)).rowcount > 0
        if found:
            log_change(db, own, "share", own, "unshare", PERSON)
    return found


def shares(namespace: Namespace) -> list[str]:
    query = "SELECT reader FROM share JOIN namespace ON id = namespace WHERE name = :name ORDER BY reader"
    return [reader for (reader,) in namespace.database.fetch(query, namespace.values)]
