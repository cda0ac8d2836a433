"""Lay the lines of an export into a private place beside the truth, so that all of it is checked before any is kept.

The place is a temporary database of SQLite's, attached to one connection: it lies on disk without a name, and is gone
when the connection lets go of it, or when the process is killed.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import groupby
from typing import Any, NoReturn, TypeVar

from ..stores.analyzer import stems
from . import form

_LINE_IS = "every line is one JSON object of the export format; export the memory again"
_Line = TypeVar("_Line", bound=form.Line)

_TABLES = """
CREATE TABLE staged.space (n INTEGER PRIMARY KEY, line, name UNIQUE, target);
CREATE TABLE staged.session (n INTEGER PRIMARY KEY, space, id, content, time, metadata, payload, accepted_at, filed_at,
    target, fresh, UNIQUE (space, id), UNIQUE (space, content));
CREATE TABLE staged.page (n INTEGER PRIMARY KEY, space, id UNIQUE, session REFERENCES session (n), part, parts, text,
    header, memo, title, cause, at, uncurated, target, UNIQUE (session, part));
CREATE TABLE staged.passage (page, start, "end", speaker, stems);
CREATE INDEX staged.passage_page ON passage (page);
CREATE TABLE staged.item (n INTEGER PRIMARY KEY, space, id UNIQUE, kind, newest, target, known);
CREATE TABLE staged.version (n INTEGER PRIMARY KEY, item, version, op, content, time, pages, stems, cause, at,
    UNIQUE (item, version));
CREATE TABLE staged.proposal (n INTEGER PRIMARY KEY, space, edit, reason, at, decision, decided_at);
CREATE TABLE staged.entry (n INTEGER PRIMARY KEY, space, labels, key, value, created_at, updated_at, ttl, expires_at,
    target, UNIQUE (space, labels, key));
CREATE TABLE staged.entry_text (entry, text, stems);
CREATE INDEX staged.entry_text_entry ON entry_text (entry);
CREATE TABLE staged.share (n INTEGER PRIMARY KEY, space, reader, UNIQUE (space, reader));
CREATE TABLE staged.retention (n INTEGER PRIMARY KEY, space, kind, age_s, UNIQUE (space, kind));
CREATE TABLE staged.probe (model PRIMARY KEY, vector);
CREATE TABLE staged.vectors (n INTEGER PRIMARY KEY, model, page, item, version, entry, vectors);
CREATE TABLE staged.note (line, text);
CREATE TABLE staged.renamed (old PRIMARY KEY, new);
"""


@contextmanager
def staged(db: sqlite3.Connection) -> Iterator[None]:
    """The tables `staged.…` on this connection, for as long as the block lasts."""
    db.execute("ATTACH DATABASE '' AS staged")
    try:
        for statement in _TABLES.split(";"):
            db.execute(statement)
        yield
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")
        db.execute("DETACH DATABASE staged")


class Staging:
    """Takes line by line; `refuse` raises the error that names the line."""

    def __init__(self, db: sqlite3.Connection, refuse: Callable[[str], NoReturn]) -> None:
        self._db = db
        self._refuse = refuse
        self._number = 0
        self._space = 0
        self._take: dict[str, Callable[[Any], object]] = {
            "namespace": self._namespace,
            "session": self._session,
            "page": self._page,
            "item": self._item,
            "version": self._version,
            "proposal": self._proposal,
            "entry": self._entry,
            "share": self._rule,
            "retention": self._rule,
            "probe": self._probe,
            "vectors": self._vectors,
        }

    @property
    def inside(self) -> bool:
        """Whether a namespace has begun."""
        return self._space > 0

    def take(self, number: int, line: form.Line) -> None:
        """A line, by its number; what comes a second time is refused."""
        self._number = number
        try:
            self._take[line.type](line)
        except sqlite3.IntegrityError:
            self._refuse(f"{_named(line)} comes a second time")

    def namespaces(self) -> list[str]:
        """The names so far, in their order."""
        return [name for (name,) in self._db.execute("SELECT name FROM staged.space ORDER BY n")]

    def settle_contents(self) -> None:
        """A filed session is known by the sha256 of its time and its pages, whatever its line says of it."""
        rows = self._db.execute(
            "SELECT session.n, session.id, content, session.time, page.text FROM staged.session"
            " LEFT JOIN staged.page ON page.session = session.n WHERE filed_at IS NOT NULL ORDER BY session.n, part"
        )
        wrong = []
        for (n, session_id, content, stamp), pages in groupby(rows, key=lambda row: row[:4]):
            checksum = hashlib.sha256(f"{stamp}\0".encode())
            for *_, text in pages:
                checksum.update((text or "").encode())
            if checksum.hexdigest() != content:
                wrong.append((n, session_id, checksum.hexdigest()))
        for n, session_id, right in wrong:  # first a content that nobody has, so that no false one is in the way
            own = hashlib.sha256(f"{right}\0{session_id}".encode()).hexdigest()
            self._db.execute("UPDATE staged.session SET content = ? WHERE n = ?", (own, n))
        for n, session_id, right in wrong:
            self._db.execute("UPDATE OR IGNORE staged.session SET content = ? WHERE n = ?", (right, n))
            text = f"session {session_id!r:.80} has other pages than its content says; it goes by its pages."
            self._db.execute("INSERT INTO staged.note VALUES (?, ?)", (n, text))

    def _insert(self, table: str, *values: object) -> None:
        places = ", ".join("?" * len(values))
        columns = _COLUMNS[table]
        self._db.execute(f"INSERT INTO staged.{table} ({columns}) VALUES ({places})", values)

    def _one(self, query: str, *values: object) -> Any:
        row = self._db.execute(query, values).fetchone()
        return row[0] if row else None

    def _namespace(self, line: form.NamespaceLine) -> None:
        if not line.name.strip():
            self._refuse("a namespace has a name")
        self._space = self._number
        self._insert("space", self._number, line.name)

    def _session(self, line: form.SessionLine) -> None:
        payload = None
        if line.text is not None:
            payload = json.dumps({"text": line.text, "turns": line.turns}, ensure_ascii=False)
            if hashlib.sha256(f"{line.time}\0{line.text}".encode()).hexdigest() != line.content:
                self._refuse("content is not the sha256 of time and text")
        metadata = json.dumps(line.metadata, ensure_ascii=False)
        self._insert(
            "session",
            self._number,
            self._space,
            line.id,
            line.content,
            line.time,
            metadata,
            payload,
            line.accepted_at,
            line.filed_at,
        )

    def _page(self, line: form.PageLine) -> None:
        query = "SELECT n FROM staged.session WHERE space = ? AND id = ? AND filed_at IS NOT NULL"
        session = self._one(query, self._space, line.session)
        if session is None:
            self._refuse(f"no line before is of a filed session {line.session!r:.80}")
        if self._one("SELECT 1 FROM staged.page WHERE session = ? AND parts != ?", session, line.parts):
            self._refuse(f"another page of the session {line.session!r:.80} is of another number of parts")
        row = (line.part, line.parts, line.text, line.header, line.memo, line.title, line.cause, line.at)
        self._insert("page", self._number, self._space, line.id, session, *row, line.uncurated)
        self._db.executemany(
            "INSERT INTO staged.passage VALUES (?, ?, ?, ?, ?)",
            [(self._number, start, end, who, _stems(line.text[start:end])) for start, end, who in line.passages],
        )

    def _item(self, line: form.ItemLine) -> None:
        self._insert("item", self._number, self._space, line.id, line.kind)

    def _version(self, line: form.VersionLine) -> None:
        row = self._db.execute(
            "SELECT n, coalesce(newest, 0), kind FROM staged.item WHERE space = ? AND id = ?", (self._space, line.item)
        ).fetchone()
        if row is None:
            self._refuse(f"no line before is of the item {line.item}")
        if line.version <= row[1]:
            self._refuse(f"version {line.version} of {line.item} comes after version {row[1]}")
        pages = json.dumps(line.pages)
        self._insert(
            "version",
            self._number,
            row[0],
            line.version,
            line.op,
            line.content,
            line.time,
            pages,
            _stems(line.content or ""),
            line.cause,
            line.at,
        )
        self._db.execute("UPDATE staged.item SET newest = ? WHERE n = ?", (line.version, row[0]))

    def _proposal(self, line: form.ProposalLine) -> None:
        if (line.decision is None) != (line.decided_at is None):
            self._refuse("decision and decided_at stand together")
        edit = json.dumps(line.edit.model_dump())
        self._insert("proposal", self._number, self._space, edit, line.reason, line.at, line.decision, line.decided_at)

    def _entry(self, line: form.EntryLine) -> None:
        if (line.ttl is None) != (line.expires_at is None):
            self._refuse("ttl and expires_at stand together")
        labels, value = _compact(line.path), _compact(line.value)
        row = (line.key, value, line.created_at, line.updated_at, line.ttl, line.expires_at)
        self._insert("entry", self._number, self._space, labels, *row)
        self._db.executemany(
            "INSERT INTO staged.entry_text VALUES (?, ?, ?)",
            [(self._number, text, _stems(text)) for text in line.texts],
        )

    def _rule(self, line: form.ShareLine | form.RetentionLine) -> None:
        if isinstance(line, form.ShareLine):
            self._insert("share", self._number, self._space, line.reader)
        else:
            self._insert("retention", self._number, self._space, line.kind, line.age_s)

    def _probe(self, line: form.ProbeLine) -> None:
        known = self._one("SELECT vector FROM staged.probe WHERE model = ?", line.model)
        if known is None:
            self._insert("probe", line.model, line.vector)
        elif known != line.vector:
            self._refuse(f"another probe of {line.model!r:.80} came before")

    def _vectors(self, line: form.VectorsLine) -> None:
        page = item = entry = None
        if line.page is not None:
            page = self._one("SELECT n FROM staged.page WHERE space = ? AND id = ?", self._space, line.page)
            count = self._one("SELECT count(*) FROM staged.passage WHERE page = ?", page)
        elif line.item is not None:
            item = self._one("SELECT n FROM staged.item WHERE space = ? AND id = ?", self._space, line.item)
            count = self._one("SELECT count(*) FROM staged.version WHERE item = ? AND version = ?", item, line.version)
        else:
            query = "SELECT n FROM staged.entry WHERE space = ? AND labels = ? AND key = ?"
            entry = self._one(query, self._space, _compact(line.path), line.key)
            count = self._one("SELECT count(*) FROM staged.entry_text WHERE entry = ?", entry)
        if page is None and item is None and entry is None:
            self._refuse(f"no line before is of {_named(line)}")
        if count != len(line.vectors):
            self._refuse(f"{len(line.vectors)} vectors for {count} texts")
        self._insert("vectors", self._number, line.model, page, item, line.version, entry, json.dumps(line.vectors))


_COLUMNS = {
    "space": "n, name",
    "session": "n, space, id, content, time, metadata, payload, accepted_at, filed_at",
    "page": "n, space, id, session, part, parts, text, header, memo, title, cause, at, uncurated",
    "item": "n, space, id, kind",
    "version": "n, item, version, op, content, time, pages, stems, cause, at",
    "proposal": "n, space, edit, reason, at, decision, decided_at",
    "entry": "n, space, labels, key, value, created_at, updated_at, ttl, expires_at",
    "share": "n, space, reader",
    "retention": "n, space, kind, age_s",
    "probe": "model, vector",
    "vectors": "n, model, page, item, version, entry, vectors",
}


def _named(line: form.Line) -> str:
    """What a line is of, for people."""
    of = next(
        (
            value
            for key in ("id", "name", "item", "page", "key", "reader", "kind")
            if (value := getattr(line, key, None))
        ),
        "",
    )
    return f"{line.type} {of!r:.80}"


def _stems(text: str) -> str:
    return " ".join(stems(text))


def _compact(value: object) -> str:
    """As the entries are kept: the text of a path is searched by its beginning."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
