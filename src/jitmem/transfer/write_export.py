"""Write a memory as JSON lines: one committed state, row by row, while other processes may write."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from ..stores.errors import BadInput
from ..stores.records import Progress
from ..stores.truth.database import Connection, Database
from ..stores.truth.namespace import Namespace
from .export_schema import FORMAT, LONGEST_LINE, VERSION
from .merge_vectors import TABLES, generation
from .transfer_report import ExportReport

_Lines = Iterator[dict[str, Any]]

_LIVE = "(expires_at IS NULL OR expires_at > :now)"
# In file order: a line refers only to earlier lines.
_ROWS = {
    "session": "SELECT id, content, time, metadata, accepted_at, filed_at, payload FROM standing_session"
    " WHERE namespace = :namespace ORDER BY n",
    "page": "SELECT page.id, session.id AS session, part, parts, text, header, memo, title,"
    " coalesce(cause, 'memorizer') AS cause, coalesce(at, filed_at, accepted_at) AS at,"
    ' (SELECT json_group_array(json_array(start, "end", speaker)) FROM'
    "  (SELECT * FROM passage WHERE passage.page = page.seq ORDER BY seq) AS ordered) AS passages,"
    " EXISTS (SELECT 1 FROM uncurated WHERE uncurated.page = page.seq) AS uncurated"
    " FROM standing_page AS page JOIN session ON session.n = page.session LEFT JOIN"
    "  (SELECT ref, cause, at FROM change WHERE n IN (SELECT min(n) FROM change WHERE namespace = :namespace"
    "   AND kind = 'page' AND op = 'put' GROUP BY ref)) AS put ON put.ref = page.seq"
    " WHERE page.namespace = :namespace ORDER BY page.seq",
    "item": "SELECT id, kind FROM standing_item WHERE namespace = :namespace ORDER BY seq",
    # In the order of writing, across items.
    "version": "SELECT item.id AS item, item_version.version, change.op, content, item_version.time, pages,"
    " change.cause, change.at FROM change CROSS JOIN item_version ON item_version.n = change.n"
    " CROSS JOIN standing_item AS item ON item.seq = item_version.item"
    " WHERE change.namespace = :namespace AND change.kind = 'item' ORDER BY change.n",
    "proposal": "SELECT edit, reason, at, decision, decided_at FROM proposal WHERE namespace = :namespace ORDER BY n",
    "entry": "SELECT labels AS path, key, value, created_at, updated_at, ttl, expires_at,"
    " (SELECT json_group_array(text) FROM (SELECT text FROM entry_text WHERE entry = entry.n ORDER BY n) AS ordered) AS texts"
    " FROM entry_path JOIN entry ON entry.path = entry_path.n"
    f" WHERE entry_path.namespace = :namespace AND {_LIVE} ORDER BY entry_path.n, entry.n",
    "share": "SELECT reader FROM share WHERE namespace = :namespace ORDER BY reader",
    "retention": "SELECT kind, age_s FROM retention WHERE namespace = :namespace ORDER BY kind",
}
_JSON = {"metadata", "passages", "pages", "edit", "path", "value", "texts"}
# By kind of owner: the owners with the keys of their lines, and the vectors of one owner.
_VECTORS = (
    (
        "SELECT json_object('page', id), seq FROM standing_page WHERE namespace = :namespace ORDER BY seq",
        "SELECT vector FROM passage LEFT JOIN embedding ON embedding.passage = passage.seq AND model = ?"
        " WHERE passage.page = ? ORDER BY passage.seq",
    ),
    (
        "SELECT json_object('item', id, 'version', item.version), n FROM standing_item AS item JOIN item_version"
        " ON item_version.item = item.seq AND item_version.version = item.version"
        " WHERE namespace = :namespace AND sketch IS NOT NULL ORDER BY seq",
        "SELECT vector FROM item_embedding WHERE model = ? AND version = ?",
    ),
    (
        "SELECT json_object('path', json(labels), 'key', key), entry.n FROM entry_path JOIN entry"
        f" ON entry.path = entry_path.n WHERE entry_path.namespace = :namespace AND {_LIVE} ORDER BY entry_path.n, entry.n",
        "SELECT vector FROM entry_text LEFT JOIN entry_embedding ON entry_embedding.text = entry_text.n"
        " AND model = ? WHERE entry = ? ORDER BY entry_text.n",
    ),
)


def write_export(
    database: Database,
    namespaces: list[str] | None,
    write: Callable[[bytes], object],
    *,
    vectors: bool = False,
    version: str = "",
    progress: Progress | None = None,
) -> ExportReport:
    """Write the lines of some namespaces, or with None of all. Records hidden by retention are left out, as is what can
    be computed again: stems, indexes, and without `vectors` the embeddings.

    `progress` gets the lines written and an estimate of all. `BadInput` for a line that is too long to be read back.
    """
    checksum, counts, size = hashlib.sha256(), Counter[str](), 0
    with database.read() as db:
        db.execute("BEGIN")  # one snapshot until the end; the WAL grows meanwhile
        try:
            names = namespaces or [name for (name,) in db.execute("SELECT name FROM namespace ORDER BY id")]
            if not names:
                raise BadInput("There is nothing to export: this memory has no namespace yet.")
            total = _row_count(db) if progress else 0
            at = datetime.now(UTC).isoformat()
            head = {"format": FORMAT, "version": VERSION, "jitmem": version, "namespaces": names, "at": at}
            size += _write_line(write, head)
            for name in names:
                for line in _lines(db, Namespace(database, name), vectors):
                    size += _write_line(write, line, checksum)
                    counts[line["type"]] += 1
                    if progress and not counts.total() % 200:
                        progress(counts.total(), max(total, counts.total()))
        finally:
            db.execute("ROLLBACK")
    lines = dict(sorted(counts.items()))
    size += _write_line(write, {"type": "end", "lines": lines, "sha256": checksum.hexdigest()})
    return ExportReport(lines, checksum.hexdigest(), size)


def _lines(db: Connection, namespace: Namespace, vectors: bool) -> _Lines:
    yield {"type": "namespace", "name": namespace.name}
    values = {"namespace": namespace.number(db), "now": time.time()}
    for type, query in _ROWS.items():
        rows = db.execute(query, values)
        names = [column[0] for column in rows.description]
        for row in rows:
            line = {name: json.loads(one) if name in _JSON else one for name, one in zip(names, row, strict=True)}
            if type == "session":
                payload = line.pop("payload")
                line |= {} if line["filed_at"] else json.loads(payload)
            if "uncurated" in line:
                line |= {"uncurated": True} if line.pop("uncurated") else {}
            yield {"type": type, **line}
    if vectors:
        yield from _vector_lines(db, values)


def _vector_lines(db: Connection, values: dict[str, Any]) -> _Lines:
    """The vectors of the newest generation of each embedding model."""
    for model, label in _models(db):
        probe = db.execute("SELECT vector FROM probe WHERE model = ?", (label,)).fetchone()
        if probe:
            yield {"type": "probe", "model": model, "vector": _base64(probe[0])}
        for owners, query in _VECTORS:
            for keys, owner in db.execute(owners, values):
                found = [_base64(vector) for (vector,) in db.execute(query, (label, owner))]
                if any(found):
                    yield {"type": "vectors", "model": model, **json.loads(keys), "vectors": found}


def _models(db: Connection) -> list[tuple[str, str]]:
    """Each embedding model with the label of its newest vectors, sorted by name."""
    found = set()
    for table in TABLES:
        for (label,) in db.execute(f"SELECT DISTINCT model FROM {table}"):
            model, mark, number = label.rpartition(" #")
            if not mark or not number.isdecimal():
                model, number = label, "0"
            if generation(db, model) == int(number):
                found.add((model, label))
    return sorted(found)


def _row_count(db: Connection) -> int:
    tables = ("session", "page", "item", "item_version", "proposal", "entry")
    return sum(int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]) for table in tables)


def _write_line(write: Callable[[bytes], object], line: dict[str, Any], checksum: Any = None) -> int:
    raw = json.dumps(line, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode() + b"\n"
    if len(raw) > LONGEST_LINE:
        raise BadInput(
            f"The {line['type']} {line.get('id', '')!r} is too large for a line of {LONGEST_LINE >> 20} MiB; a session"
            " that waits is split into pages when it is filed: run resume() first."
        )
    if checksum:
        checksum.update(raw)
    write(raw)
    return len(raw)


def _base64(vector: bytes | None) -> str | None:
    return None if vector is None else base64.b64encode(vector).decode()
