"""What `jitmem doctor` looks at in PostgreSQL: the rows that belong together, the hashes, the settings of the server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from hashlib import sha256

from ..integrity.findings import MOST_IDS, Finding, many
from .hnsw_indexes import MIN_VECTORS, find_indexes, find_large
from .postgres_database import PostgresDatabase
from .sql_dialect import AGE

INSTEAD = (
    "The files of a database are its server's: check them with pg_amcheck, restore them from a backup (pg_dump, or"
    " point-in-time recovery), rebuild indexes with REINDEX."
)
_BATCH = 500  # pages read at once
_BROKEN = (
    ("sessions that are filed and have no page", "SELECT id FROM session WHERE filed_at IS NOT NULL AND NOT EXISTS"
     " (SELECT 1 FROM page WHERE page.session = session.n)"),
    ("sessions that wait without their text", "SELECT id FROM session WHERE filed_at IS NULL AND payload IS NULL"),
    ("items without their newest version", "SELECT id FROM item WHERE NOT EXISTS (SELECT 1 FROM item_version"
     " WHERE item_version.item = item.seq AND item_version.version = item.version)"),
    ("pages that the change log does not name", "SELECT id FROM page WHERE NOT EXISTS (SELECT 1 FROM change"
     " WHERE change.namespace = page.namespace AND change.kind = 'page' AND change.ref = page.seq)"),
)  # fmt: skip
_RISKY = {
    "fsync": ("off", "damage", "A crash of the machine can destroy the database: set fsync = on."),
    "full_page_writes": ("off", "attention", "A crash of the machine can tear pages: set full_page_writes = on."),
    "synchronous_commit": (
        "off",
        "attention",
        "A crash loses the last acknowledged writes: set synchronous_commit = on.",
    ),
}


def check_database(database: PostgresDatabase, progress: Callable[[int, int], object]) -> Iterator[Finding]:
    """Every finding; nothing is written."""
    steps = len(_BROKEN) + 2
    for number, (what, query) in enumerate(_BROKEN, start=1):
        if ids := [str(one) for (one,) in database.fetch(query)]:
            yield Finding("damage", "rows", f"{len(ids)} {what}.", INSTEAD, len(ids), tuple(ids[:MOST_IDS]))
        progress(number, steps)
    if wrong := list(_changed_texts(database)):
        what = f"{len(wrong)} pages whose text is not what was filed."
        yield Finding("damage", "rows", what, INSTEAD, len(wrong), tuple(wrong[:MOST_IDS]))
    progress(steps - 1, steps)
    yield from _deletions(database)
    yield from _settings(database)
    progress(steps, steps)


def row_counts(database: PostgresDatabase) -> dict[str, int]:
    tables = {"namespaces": "namespace", "sessions": "session", "pages": "page", "items": "item", "entries": "entry"}
    where = {"items": " WHERE sketch IS NOT NULL"}
    columns = ", ".join(f"(SELECT count(*) FROM {table}{where.get(name, '')})" for name, table in tables.items())
    return dict(zip(tables, database.fetch(f"SELECT {columns}")[0], strict=True))


def _changed_texts(database: PostgresDatabase) -> Iterator[str]:
    after = 0
    while rows := database.fetch(
        "SELECT seq, id, text, sha256 FROM page WHERE seq > ? ORDER BY seq LIMIT ?", (after, _BATCH)
    ):
        after = rows[-1][0]
        yield from (page_id for _, page_id, text, digest in rows if sha256(text.encode()).hexdigest() != digest)


def _deletions(database: PostgresDatabase) -> Iterator[Finding]:
    """Those that VACUUM has not finished, and until when backups may hold the others."""
    columns = "count(*), min(at), max(at)"
    ((waiting, oldest, _),) = database.fetch(f"SELECT {columns} FROM erasure WHERE state != 'erased'")
    if waiting:
        what = f"{many(waiting, 'deletion')} not vacuumed yet, the oldest of {oldest:.10}: the server may still hold the rows."
        yield Finding(
            "attention", "deletions", what, "Who owns the tables runs `jitmem purge --all` or `jitmem work`.", waiting
        )
    ((days,),) = database.fetch("SELECT backup_days FROM meta")
    recent = "" if days is None else f" AND done_at > {AGE.format(days * 86400)}"
    ((done, _, newest),) = database.fetch(f"SELECT {columns} FROM erasure WHERE state = 'erased'{recent}")
    if done:
        end = "of their retention, which is not known here" if days is None else f"{_add_days(newest, days)}"
        what = f"{many(done, 'deletion')} vacuumed; log archive and backups may hold the rows until the end {end}."
        act = (
            "No action needed."
            if days is not None
            else "`jitmem setup --backup-days N` says for how long they are kept."
        )
        yield Finding("note", "deletions", what, act, done)


def _add_days(time: str, days: int) -> str:
    return f"of {datetime.fromisoformat(time) + timedelta(days=days):%Y-%m-%d}"


def _settings(database: PostgresDatabase) -> Iterator[Finding]:
    for name, (bad, severity, act) in _RISKY.items():
        ((value,),) = database.fetch("SELECT current_setting(?)", (name,))
        if value == bad:
            yield Finding(severity, "server", f"The server runs with {name} = {value}.", act)  # type: ignore[arg-type]
    bypass = "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
    if database.scope and database.fetch(bypass)[0][0]:
        what = "Namespaces are kept apart by row-level security, and this role passes by it (superuser or BYPASSRLS)."
        yield Finding(
            "note", "server", what, "Let the application connect as another role: `jitmem setup --role NAME`."
        )
    indexes = find_indexes(database)
    if missing := [namespace for name, (namespace, *_) in find_large(database).items() if not indexes.get(name)]:
        names = [
            name
            for (name,) in database.fetch(f"SELECT name FROM namespace WHERE id IN ({', '.join(map(str, missing))})")
        ]
        what = f"{many(len(missing), 'namespace')} of {MIN_VECTORS:,} vectors or more without an index for them: searches compare all."
        act = "Who owns the tables runs `jitmem setup` or `jitmem work`, which builds it."
        yield Finding("note", "vectors", what, act, len(missing), tuple(names[:MOST_IDS]))
    if database.halfvec is None:
        act = "With pgvector in the database before `jitmem setup`, the server compares vectors itself."
        yield Finding("note", "server", "pgvector is not used: each process compares vectors in its memory.", act)
