"""Sessions that wait to be filed are a queue: the process that files one has a lease on it; after its end another may."""

from __future__ import annotations

import json
from collections.abc import Sequence

from .database import Connection
from .journal import ABANDONED, abandonment, lease
from .namespace import Namespace

_WAITING = """
    SELECT session.n FROM session JOIN namespace ON namespace.id = session.namespace
    WHERE namespace.name = :name AND filed_at IS NULL AND {free}
    UNION SELECT page.session FROM uncurated JOIN page ON page.seq = uncurated.page
    JOIN namespace ON namespace.id = page.namespace JOIN session ON session.n = page.session
    WHERE :curate AND namespace.name = :name AND {free}
    ORDER BY 1 LIMIT :limit
"""
_FREE = "coalesce(leased_until, 0) < :now"


def take_sessions(namespace: Namespace, limit: int, *, curate: bool, abandoned: bool = False) -> list[int]:
    """Lease the oldest sessions that nobody has, which are not filed or, with `curate`, not curated; their numbers.

    `abandoned`: only those whose lease has ended, or that wait for as long as a lease without one. No write where
    there is none.
    """
    query = _WAITING.format(free=ABANDONED if abandoned else _FREE)
    values = {
        "name": namespace.name,
        "curate": curate,
        "limit": limit,
        **abandonment(),
    }
    if not namespace.database.fetch(query, values):
        return []
    with namespace.database.write() as db:
        taken = [n for (n,) in db.execute(query, values).fetchall()]
        _lease(db, taken)
    return taken


def lease_sessions(namespace: Namespace, sessions: Sequence[int]) -> None:
    """Lease sessions by their numbers, or renew the leases, also those of others."""
    with namespace.database.write() as db:
        _lease(db, sessions)


def release_sessions(namespace: Namespace, sessions: Sequence[int]) -> None:
    """Let others take at once what this process has leased and could not file."""
    with namespace.database.write() as db:
        db.execute(
            "UPDATE session SET leased_by = NULL, leased_until = NULL"
            " WHERE leased_by = ? AND n IN (SELECT value FROM json_each(?))",
            (lease()[0], json.dumps(list(sessions))),
        )


def _lease(db: Connection, sessions: Sequence[int]) -> None:
    db.execute(
        "UPDATE session SET leased_by = ?, leased_until = ? WHERE n IN (SELECT value FROM json_each(?))",
        (*lease(), json.dumps(list(sessions))),
    )
