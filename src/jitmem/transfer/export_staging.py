"""Stage the lines of an export in temporary tables, so that the whole file is validated before the truth is written.

The tables are in an unnamed SQLite database, attached to one connection and deleted when it is detached.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import groupby
from typing import Any, NoReturn

from ..stores.analyzer import stems
from ..stores.times import local_clock, order_key
from ..stores.truth.dedup_key import dedup_key
from . import export_schema as schema

_TABLES = """
CREATE TABLE staged.space (n INTEGER PRIMARY KEY, name UNIQUE, target);
CREATE TABLE staged.session (n INTEGER PRIMARY KEY, space, id, content, time, metadata, payload, accepted_at, filed_at,
    target, fresh, UNIQUE (space, id), UNIQUE (space, content));
CREATE TABLE staged.page (n INTEGER PRIMARY KEY, space, id UNIQUE, session REFERENCES session (n), part, parts, text,
    sha256, header, memo, title, time_key, cause, at, uncurated, target, UNIQUE (session, part));
CREATE TABLE staged.passage (page, start, "end", speaker, stems);
CREATE INDEX staged.passage_page ON passage (page);
CREATE TABLE staged.item (n INTEGER PRIMARY KEY, space, id UNIQUE, kind, newest, sketch, target, known DEFAULT 0);
CREATE INDEX staged.item_sketch ON item (space, kind, sketch);
CREATE TABLE staged.version (n INTEGER PRIMARY KEY, item, version, op, content, time, pages, stems, cause, at,
    UNIQUE (item, version));
CREATE TABLE staged.proposal (n INTEGER PRIMARY KEY, space, edit, cause, reason, at, decision, decided_at);
CREATE TABLE staged.entry (n INTEGER PRIMARY KEY, space, labels, key, value, created_at, updated_at, ttl, expires_at,
    target, fresh, UNIQUE (space, labels, key));
CREATE TABLE staged.entry_text (entry, text, stems);
CREATE INDEX staged.entry_text_entry ON entry_text (entry);
CREATE TABLE staged.share (n INTEGER PRIMARY KEY, space, reader, UNIQUE (space, reader));
CREATE TABLE staged.retention (n INTEGER PRIMARY KEY, space, kind, age_s, UNIQUE (space, kind));
CREATE TABLE staged.probe (n INTEGER PRIMARY KEY, model UNIQUE, vector);
CREATE TABLE staged.vectors (n INTEGER PRIMARY KEY, model, page, item, version, entry, vectors);
CREATE TABLE staged.note (line, text);
"""


@contextmanager
def staging_tables(db: sqlite3.Connection) -> Iterator[None]:
    """The tables `staged.…` on this connection, within the block."""
    db.execute("ATTACH DATABASE '' AS staged")
    try:
        for statement in _TABLES.split(";"):
            db.execute(statement)
        yield
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")
        db.execute("DETACH DATABASE staged")


class ExportStaging:
    """Adds line by line; `refuse` raises an error with the line number. `space` is the line of the namespace, or 0."""

    def __init__(self, db: sqlite3.Connection, refuse: Callable[[str], NoReturn]) -> None:
        self._db = db
        self._refuse = refuse
        self._number = 0
        self.space = 0

    def add(self, number: int, line: schema.Line) -> None:
        """Add a line; a duplicate is refused."""
        self._number = number
        try:
            getattr(self, f"_add_{line.type}", self._add_columns)(line)
        except sqlite3.IntegrityError:
            self._refuse(f"{_label(line)} comes a second time")

    def namespaces(self) -> list[str]:
        """The names in file order."""
        return [name for (name,) in self._db.execute("SELECT name FROM staged.space ORDER BY n")]

    def finish(self) -> None:
        """Validate what depends on several lines."""
        self._identify_filed_sessions()
        without = "FROM staged.item WHERE newest IS NULL"
        text = "'item ' || id || ' was left out, since no version of it follows.'"
        self._db.execute(f"INSERT INTO staged.note SELECT n, {text} {without}")
        self._db.execute(f"DELETE {without}")
        twice = self._db.execute(
            "SELECT min(id), max(id) FROM staged.item WHERE sketch IS NOT NULL GROUP BY space, kind, sketch"
            " HAVING count(*) > 1"
        ).fetchone()
        if twice:
            self._refuse(f"the items {twice[0]} and {twice[1]} say the same")

    def _identify_filed_sessions(self) -> None:
        """Set the content of each filed session to the sha256 of its time and its pages: pages may have been forgotten."""
        rows = self._db.execute(
            "SELECT session.n, session.id, content, session.time, page.text FROM staged.session"
            " LEFT JOIN staged.page ON page.session = session.n WHERE filed_at IS NOT NULL ORDER BY session.n, part"
        )
        wrong = []
        for (n, session_id, content, time), pages in groupby(rows, key=lambda row: row[:4]):
            checksum = hashlib.sha256(f"{time}\0".encode())
            for *_, text in pages:
                checksum.update((text or "").encode())
            if checksum.hexdigest() != content:
                wrong.append((n, session_id, checksum.hexdigest()))
        for n, session_id, right in wrong:  # first a unique content, against collisions
            own = hashlib.sha256(f"{right}\0{session_id}".encode()).hexdigest()
            self._db.execute("UPDATE staged.session SET content = ? WHERE n = ?", (own, n))
        for n, session_id, right in wrong:
            self._db.execute("UPDATE OR IGNORE staged.session SET content = ? WHERE n = ?", (right, n))
            text = f"session {session_id!r:.80} has other pages than its content says; it goes by its pages."
            self._db.execute("INSERT INTO staged.note VALUES (?, ?)", (n, text))

    def _insert(self, table: str, **values: object) -> None:
        columns, places = ", ".join(values), ", ".join(f":{name}" for name in values)
        self._db.execute(f"INSERT INTO staged.{table} (n, {columns}) VALUES ({self._number}, {places})", values)

    def _one(self, query: str, *values: object) -> Any:
        row = self._db.execute(query, values).fetchone()
        return row[0] if row else None

    def _add_columns(self, line: schema.Line) -> None:
        self._insert(line.type, space=self.space, **line.model_dump(exclude={"type"}))

    def _add_namespace(self, line: schema.NamespaceLine) -> None:
        if not line.name.strip():
            self._refuse("a namespace has a name")
        self.space = self._number
        self._insert("space", name=line.name)

    def _add_session(self, line: schema.SessionLine) -> None:
        payload = None
        if line.text is not None:
            payload = json.dumps({"text": line.text, "turns": line.turns}, ensure_ascii=False)
            if hashlib.sha256(f"{line.time}\0{line.text}".encode()).hexdigest() != line.content:
                self._refuse("content is not the sha256 of time and text")
        values = line.model_dump(exclude={"type", "text", "turns"}) | {"payload": payload}
        values["metadata"] = json.dumps(line.metadata, ensure_ascii=False)
        self._insert("session", space=self.space, **values)

    def _add_page(self, line: schema.PageLine) -> None:
        query = "SELECT n, time FROM staged.session WHERE space = ? AND id = ? AND filed_at IS NOT NULL"
        session, time = self._db.execute(query, (self.space, line.session)).fetchone() or (None, None)
        if session is None:
            self._refuse(f"no line before is of a filed session {line.session!r:.80}")
        if self._one("SELECT 1 FROM staged.page WHERE session = ? AND parts != ?", session, line.parts):
            self._refuse(f"another page of the session {line.session!r:.80} is of another number of parts")
        values = line.model_dump(exclude={"type", "passages"}) | {"session": session}
        values["sha256"] = hashlib.sha256(line.text.encode()).hexdigest()
        values["time_key"] = order_key(local_clock(datetime.fromisoformat(time))) if time else None
        self._insert("page", space=self.space, **values)
        self._db.executemany(
            "INSERT INTO staged.passage VALUES (?, ?, ?, ?, ?)",
            [(self._number, start, end, who, _stems(line.text[start:end])) for start, end, who in line.passages],
        )

    def _add_version(self, line: schema.VersionLine) -> None:
        row = self._db.execute(
            "SELECT n, coalesce(newest, 0), kind FROM staged.item WHERE space = ? AND id = ?", (self.space, line.item)
        ).fetchone()
        if row is None:
            self._refuse(f"no line before is of the item {line.item}")
        item, newest, kind = row
        if line.version <= newest:
            self._refuse(f"version {line.version} of {line.item} comes after version {newest}")
        values = line.model_dump(exclude={"type"}) | {"item": item, "pages": json.dumps(line.pages)}
        self._insert("version", **values, stems=_stems(line.content or ""))
        time = datetime.fromisoformat(line.time) if line.time else None
        mark = None if line.content is None else dedup_key(kind, line.content, time)
        self._db.execute("UPDATE staged.item SET newest = ?, sketch = ? WHERE n = ?", (line.version, mark, item))

    def _add_proposal(self, line: schema.ProposalLine) -> None:
        if (line.decision is None) != (line.decided_at is None):
            self._refuse("decision and decided_at come together")
        values = line.model_dump(exclude={"type"}) | {"edit": json.dumps(line.edit.model_dump())}
        self._insert("proposal", space=self.space, cause=line.edit.cause, **values)

    def _add_entry(self, line: schema.EntryLine) -> None:
        if (line.ttl is None) != (line.expires_at is None):
            self._refuse("ttl and expires_at come together")
        values = line.model_dump(exclude={"type", "path", "texts"})
        values |= {"labels": _compact(line.path), "value": _compact(line.value)}
        self._insert("entry", space=self.space, **values)
        self._db.executemany(
            "INSERT INTO staged.entry_text VALUES (?, ?, ?)",
            [(self._number, text, _stems(text)) for text in line.texts],
        )

    def _add_probe(self, line: schema.ProbeLine) -> None:
        known = self._one("SELECT vector FROM staged.probe WHERE model = ?", line.model)
        if known is None:
            self._insert("probe", model=line.model, vector=line.vector)
        elif known != line.vector:
            self._refuse(f"another probe of {line.model!r:.80} came before")

    def _add_vectors(self, line: schema.VectorsLine) -> None:
        """The owner precedes the line in the file, and has one text for each vector."""
        owner: dict[str, Any] = {}
        if line.page is not None:
            table, query, keys = "page", "id = ?", [line.page]
            texts, more = "SELECT count(*) FROM staged.passage WHERE page = ?", []
        elif line.item is not None:
            table, query, keys = "item", "id = ?", [line.item]
            texts, more = "SELECT count(*) FROM staged.version WHERE item = ? AND version = ?", [line.version]
            owner["version"] = line.version
        else:
            table, query, keys = "entry", "labels = ? AND key = ?", [_compact(line.path), line.key or ""]
            texts, more = "SELECT count(*) FROM staged.entry_text WHERE entry = ?", []
        n = self._one(f"SELECT n FROM staged.{table} WHERE space = ? AND {query}", self.space, *keys)
        if n is None:
            self._refuse(f"no line before is of {_label(line)}")
        if (count := self._one(texts, n, *more)) != len(line.vectors):
            self._refuse(f"{len(line.vectors)} vectors for {count} texts")
        self._insert("vectors", model=line.model, vectors=json.dumps(line.vectors), **owner, **{table: n})


def _label(line: schema.Line) -> str:
    """The type and the key of a line, for messages."""
    keys = ("id", "name", "item", "page", "key", "reader", "kind")
    return f"{line.type} {next((value for key in keys if (value := getattr(line, key, None))), '')!r:.80}"


def _stems(text: str) -> str:
    return " ".join(stems(text))


def _compact(value: object) -> str:
    """JSON in the form that entries are stored in."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
