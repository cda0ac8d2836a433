"""Write a memory as lines: one committed state, row by row, whoever writes meanwhile."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from ..stores.connection import Database
from ..stores.errors import BadInput
from ..stores.namespace import Namespace
from .dump_vectors import vectors as _vectors
from .form import FORMAT, LONGEST_LINE, VERSION
from .moved import Exported

Tell = Callable[[int, int], None] | None
_Lines = Iterator[dict[str, Any]]


def dump(
    database: Database,
    namespaces: list[str] | None,
    write: Callable[[bytes], object],
    *,
    vectors: bool = False,
    version: str = "",
    tell: Tell = None,
) -> Exported:
    """Every line of some namespaces, or with None of all, to `write`. Nothing is left out but what retention hides and
    what can be made anew: stems, indexes, and without `vectors` the embeddings.

    `tell` hears how many lines are written, and of about how many. `BadInput` for a line that nobody could read again.
    """
    checksum, counts, size = hashlib.sha256(), Counter[str](), 0
    with database.read() as db:
        db.execute("BEGIN")  # one snapshot until the end; a WAL that grows meanwhile is the price
        try:
            names = namespaces or [name for (name,) in db.execute("SELECT name FROM namespace ORDER BY id")]
            if not names:
                raise BadInput("There is nothing to export: this memory has no namespace yet.")
            about = _about(db) if tell else 0
            head = {"format": FORMAT, "version": VERSION, "jitmem": version, "namespaces": names, "at": _now()}
            size += _put(write, head)
            for name in names:
                for line in _lines(db, Namespace(database, name), vectors):
                    raw = _encoded(line)
                    checksum.update(raw)
                    write(raw)
                    size += len(raw)
                    counts[line["type"]] += 1
                    if tell and not counts.total() % 200:
                        tell(counts.total(), max(about, counts.total()))
        finally:
            db.execute("ROLLBACK")
    lines = dict(sorted(counts.items()))
    size += _put(write, {"type": "end", "lines": lines, "sha256": checksum.hexdigest()})
    return Exported(lines, checksum.hexdigest(), size)


def _lines(db: sqlite3.Connection, namespace: Namespace, vectors: bool) -> _Lines:
    yield {"type": "namespace", "name": namespace.name}
    number = namespace.number(db)
    for part in (_sessions, _pages, _items, _versions, _proposals, _entries, _rules):
        yield from part(db, number)
    if vectors:
        yield from _vectors(db, number)


def _sessions(db: sqlite3.Connection, namespace: int) -> _Lines:
    rows = db.execute(
        "SELECT id, content, time, metadata, payload, accepted_at, filed_at FROM standing_session WHERE namespace = ?"
        " ORDER BY n",
        (namespace,),
    )
    for session_id, content, when, metadata, payload, accepted, filed in rows:
        line = {"type": "session", "id": session_id, "content": content, "time": when}
        line |= {"metadata": json.loads(metadata), "accepted_at": accepted, "filed_at": filed}
        yield line if filed else line | json.loads(payload)


def _pages(db: sqlite3.Connection, namespace: int) -> _Lines:
    db.execute("CREATE TEMP TABLE put (page INTEGER PRIMARY KEY, cause TEXT, at TEXT)")  # on disk, gone in the end
    db.execute(
        "INSERT OR IGNORE INTO temp.put SELECT ref, cause, at FROM change"
        " WHERE namespace = ? AND kind = 'page' AND op = 'put' ORDER BY n",
        (namespace,),
    )
    rows = db.execute(
        "SELECT page.seq, page.id, session.id, part, parts, text, header, memo, title, coalesce(cause, 'memorizer'),"
        " coalesce(at, filed_at, accepted_at), EXISTS (SELECT 1 FROM uncurated WHERE uncurated.page = page.seq)"
        " FROM standing_page AS page JOIN session ON session.n = page.session LEFT JOIN temp.put ON put.page = page.seq"
        " WHERE page.namespace = ? ORDER BY page.seq",
        (namespace,),
    )
    names = ("id", "session", "part", "parts", "text", "header", "memo", "title", "cause", "at")
    for seq, *values, uncurated in rows:
        line = {"type": "page", **dict(zip(names, values, strict=True))}
        spans = db.execute('SELECT start, "end", speaker FROM passage WHERE page = ? ORDER BY seq', (seq,))
        line["passages"] = spans.fetchall()
        yield line | ({"uncurated": True} if uncurated else {})
    db.execute("DROP TABLE temp.put")


def _items(db: sqlite3.Connection, namespace: int) -> _Lines:
    rows = db.execute("SELECT id, kind FROM standing_item WHERE namespace = ? ORDER BY seq", (namespace,))
    for item_id, kind in rows:
        yield {"type": "item", "id": item_id, "kind": kind}


def _versions(db: sqlite3.Connection, namespace: int) -> _Lines:
    """In the order in which they were written, whichever item they are of."""
    rows = db.execute(
        "SELECT item.id, item_version.version, change.op, content, item_version.time, pages, change.cause, change.at"
        " FROM change CROSS JOIN item_version ON item_version.n = change.n"
        " CROSS JOIN standing_item AS item ON item.seq = item_version.item"
        " WHERE change.namespace = ? AND change.kind = 'item' ORDER BY change.n",
        (namespace,),
    )
    for item_id, version, op, content, when, pages, cause, at in rows:
        line = {"type": "version", "item": item_id, "version": version, "op": op, "content": content, "time": when}
        yield line | {"pages": json.loads(pages), "cause": cause, "at": at}


def _proposals(db: sqlite3.Connection, namespace: int) -> _Lines:
    rows = db.execute(
        "SELECT edit, reason, at, decision, decided_at FROM proposal WHERE namespace = ? ORDER BY n", (namespace,)
    )
    for edit, reason, at, decision, decided in rows:
        line = {"type": "proposal", "edit": json.loads(edit), "reason": reason, "at": at}
        yield line | {"decision": decision, "decided_at": decided}


def _entries(db: sqlite3.Connection, namespace: int) -> _Lines:
    """Without those that have expired."""
    rows = db.execute(
        "SELECT entry.n, labels, key, value, created_at, updated_at, ttl, expires_at"
        " FROM entry_path JOIN entry ON entry.path = entry_path.n"
        " WHERE entry_path.namespace = ? AND (expires_at IS NULL OR expires_at > ?) ORDER BY entry_path.n, entry.n",
        (namespace, time.time()),
    )
    for n, labels, key, value, created, updated, ttl, expires in rows:
        line = {"type": "entry", "path": json.loads(labels), "key": key, "value": json.loads(value)}
        line |= {"created_at": created, "updated_at": updated, "ttl": ttl, "expires_at": expires}
        texts = db.execute("SELECT text FROM entry_text WHERE entry = ? ORDER BY n", (n,)).fetchall()
        yield line | {"texts": [text for (text,) in texts]}


def _rules(db: sqlite3.Connection, namespace: int) -> _Lines:
    for (reader,) in db.execute("SELECT reader FROM share WHERE namespace = ? ORDER BY reader", (namespace,)):
        yield {"type": "share", "reader": reader}
    for kind, age in db.execute("SELECT kind, age_s FROM retention WHERE namespace = ? ORDER BY kind", (namespace,)):
        yield {"type": "retention", "kind": kind, "age_s": age}


def _about(db: sqlite3.Connection) -> int:
    return sum(
        int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
        for table in ("session", "page", "item", "item_version", "proposal", "entry")
    )


def _put(write: Callable[[bytes], object], line: dict[str, Any]) -> int:
    raw = _encoded(line)
    write(raw)
    return len(raw)


def _encoded(line: dict[str, Any]) -> bytes:
    raw = json.dumps(line, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode() + b"\n"
    if len(raw) > LONGEST_LINE:
        what = f"{line['type']} {line.get('id', '')!r}"
        raise BadInput(
            f"The {what} is too large for a line of {LONGEST_LINE >> 20} MiB; a session that waits becomes smaller pages"
            " when it is filed: resume() does that."
        )
    return raw


def _now() -> str:
    return datetime.now(UTC).isoformat()
