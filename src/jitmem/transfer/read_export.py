"""Read and validate an export line by line into the staging tables."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from itertools import groupby
from typing import Any, BinaryIO, NoReturn, TypeVar

from pydantic import ValidationError

from ..stores.analyzer import Analyzer
from ..stores.errors import BadInput
from ..stores.strict_json import parse_json
from ..stores.times import local_clock, order_key, parse_iso_time
from ..stores.truth.database import Connection
from ..stores.truth.dedup_key import dedup_key
from . import export_schema as schema

_LINE_IS = "every line is one JSON object of the export format; export the memory again"
_Model = TypeVar("_Model", bound=schema.StrictModel)


def read_export(
    db: Connection,
    source: BinaryIO,
    name: str,
    analyzer: Analyzer,
    progress: Callable[[int], None] | None = None,
) -> list[str]:
    """Stage every line, and return the names of the namespaces in the file. `n` of a row is its line number.

    `BadInput` with the line number for a violation of the format, and for a file that was truncated or changed.
    `progress` gets the bytes read.
    """
    db.execute("SAVEPOINT reading")
    try:
        names = _ExportReader(db, source, name, analyzer).read_lines(progress)
        db.execute("RELEASE reading")
    except BaseException:
        db.execute("ROLLBACK")
        raise
    return names


class _ExportReader:
    def __init__(self, db: Connection, source: BinaryIO, name: str, analyzer: Analyzer) -> None:
        self._source = source
        self._analyzer = analyzer
        self._name = name
        self._number = 0
        self._db = db
        self._space = 0  # the line of the current namespace

    def read_lines(self, progress: Callable[[int], None] | None) -> list[str]:
        header = self._header()
        size, counts, checksum = 0, Counter[str](), hashlib.sha256()
        while True:
            raw = self._next()
            size += len(raw)
            if progress:
                progress(size)
            line = self._line(raw)
            if isinstance(line, schema.EndLine):
                self._check_end(line, counts, checksum.hexdigest())
                break
            checksum.update(raw)
            counts[line.type] += 1
            self._stage(line)
        names = [name for (name,) in self._db.execute("SELECT name FROM staged.space ORDER BY n")]
        if names != header.namespaces:
            self._refuse(f"the first line names the namespaces {header.namespaces}, and here are {names}")
        self._validate_all()
        return names

    def _next(self) -> bytes:
        raw = self._source.readline(schema.LONGEST_LINE + 1)
        if not raw:
            raise BadInput(
                f"{self._name}: ends after line {self._number} without the last line of an export: it was cut;"
                " export the memory again. Nothing was imported."
            )
        self._number += 1
        if len(raw) > schema.LONGEST_LINE:
            self._refuse(f"is longer than {schema.LONGEST_LINE >> 20} MiB")
        if not raw.endswith(b"\n") and self._number > 1:
            self._refuse("ends in its middle: the file was cut")
        return raw

    def _object(self, raw: bytes) -> dict[str, Any]:
        try:
            text = raw.decode()
        except UnicodeDecodeError as error:
            self._refuse(f"is not UTF-8 ({error.reason}, byte {error.start})", error)
        value = parse_json(text, name=self._name, right=_LINE_IS, line=self._number, deepest=schema.DEEPEST)
        if not isinstance(value, dict):
            self._refuse("is not a JSON object")
        return value

    def _header(self) -> schema.HeaderLine:
        value = self._object(self._next())
        if value.get("format") != schema.FORMAT:
            raise BadInput(
                f"{self._name}: is not an export of jitmem: its first line does not say so. What other memories export is"
                " read with from_format (--from): mem0, langmem or letta."
            )
        version = value.get("version")
        if isinstance(version, int) and version > schema.VERSION:
            raise BadInput(
                f"{self._name}: was exported by a newer jitmem (format {version}, this one reads {schema.VERSION});"
                " upgrade jitmem to import it. Nothing was imported."
            )
        return self._validate(schema.HeaderLine, value)

    def _line(self, raw: bytes) -> schema.Line:
        value = self._object(raw)
        type = value.get("type")
        if not isinstance(type, str) or type not in schema.LINES:
            self._refuse(f"there is no type {type!r:.80} of line; there are {', '.join(schema.LINES)}")
        if type not in ("namespace", "probe", "end") and not self._space:
            self._refuse("comes before the first line of type namespace")
        return self._validate(schema.LINES[type], value)

    def _validate(self, model: type[_Model], value: dict[str, Any]) -> _Model:
        try:
            return model.model_validate(value)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            place = ".".join(map(str, first["loc"]))[:80]
            reason = first["msg"].removeprefix("Value error, ")
            self._refuse(f"{place}: {reason}" if place else reason, error)
        except RecursionError as error:
            self._refuse(f"nested deeper than {schema.DEEPEST} levels", error)

    def _check_end(self, line: schema.EndLine, counts: Counter[str], checksum: str) -> None:
        if line.lines != dict(counts) or line.sha256 != checksum:
            self._refuse(
                f"the file was cut or changed: its last line counts {sum(line.lines.values())} lines with"
                f" {line.sha256[:12]}…, and here are {counts.total()} with {checksum[:12]}…"
            )
        if self._source.read(1):
            self._number += 1
            self._refuse("comes after the last line of the export")

    def _refuse(self, reason: str, error: Exception | None = None) -> NoReturn:
        raise BadInput(f"{self._name}, line {self._number}: {reason}. Nothing was imported.") from error

    # -- staging -------------------------------------------------------------------------------------------

    def _stage(self, line: schema.Line) -> None:
        try:
            getattr(self, f"_add_{line.type}", self._add_columns)(line)
        except self._db.IntegrityError:
            self._refuse(f"{_label(line)} comes a second time")

    def _validate_all(self) -> None:
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
        same = "SELECT 1 FROM staged.session AS other WHERE other.space = session.space AND other.content = ?1"
        for n, session_id, right in wrong:
            self._db.execute(f"UPDATE staged.session SET content = ?1 WHERE n = ?2 AND NOT EXISTS ({same})", (right, n))
            text = f"session {session_id!r:.80} has other pages than its content says; it goes by its pages."
            self._db.execute("INSERT INTO staged.note VALUES (?, ?)", (n, text))

    def _insert(self, table: str, **values: object) -> None:
        columns, places = ", ".join(values), ", ".join(f":{name}" for name in values)
        self._db.execute(f"INSERT INTO staged.{table} (n, {columns}) VALUES ({self._number}, {places})", values)

    def _one(self, query: str, *values: object) -> Any:
        row = self._db.execute(query, values).fetchone()
        return row[0] if row else None

    def _add_columns(self, line: schema.Line) -> None:
        self._insert(line.type, space=self._space, **line.model_dump(exclude={"type"}))

    def _add_namespace(self, line: schema.NamespaceLine) -> None:
        if not line.name.strip():
            self._refuse("a namespace has a name")
        self._space = self._number
        self._insert("space", name=line.name)

    def _add_session(self, line: schema.SessionLine) -> None:
        payload = None
        if line.text is not None:
            payload = json.dumps({"text": line.text, "turns": line.turns}, ensure_ascii=False)
            if hashlib.sha256(f"{line.time}\0{line.text}".encode()).hexdigest() != line.content:
                self._refuse("content is not the sha256 of time and text")
        values = line.model_dump(exclude={"type", "text", "turns"}) | {"payload": payload}
        values["metadata"] = json.dumps(line.metadata, ensure_ascii=False)
        self._insert("session", space=self._space, **values)

    def _add_page(self, line: schema.PageLine) -> None:
        query = "SELECT n, time FROM staged.session WHERE space = ? AND id = ? AND filed_at IS NOT NULL"
        session, time = self._db.execute(query, (self._space, line.session)).fetchone() or (None, None)
        if session is None:
            self._refuse(f"no line before is of a filed session {line.session!r:.80}")
        if self._one("SELECT 1 FROM staged.page WHERE session = ? AND parts != ?", session, line.parts):
            self._refuse(f"another page of the session {line.session!r:.80} is of another number of parts")
        values = line.model_dump(exclude={"type", "passages"}) | {"session": session}
        values["sha256"] = hashlib.sha256(line.text.encode()).hexdigest()
        when = parse_iso_time(time)
        values["time_key"] = order_key(local_clock(when)) if when else None
        self._insert("page", space=self._space, **values)
        self._db.executemany(
            "INSERT INTO staged.passage VALUES (?, ?, ?, ?, ?)",
            [
                (self._number, start, end, who, " ".join(self._analyzer.passage_stems(line.text[start:end], when)))
                for start, end, who in line.passages
            ],
        )

    def _add_version(self, line: schema.VersionLine) -> None:
        row = self._db.execute(
            "SELECT n, coalesce(newest, 0), kind FROM staged.item WHERE space = ? AND id = ?", (self._space, line.item)
        ).fetchone()
        if row is None:
            self._refuse(f"no line before is of the item {line.item}")
        item, newest, kind = row
        if line.version <= newest:
            self._refuse(f"version {line.version} of {line.item} comes after version {newest}")
        values = line.model_dump(exclude={"type"}) | {"item": item, "pages": json.dumps(line.pages)}
        self._insert("version", **values, stems=self._stems(line.content or ""))
        mark = None if line.content is None else dedup_key(kind, line.content, parse_iso_time(line.time))
        self._db.execute("UPDATE staged.item SET newest = ?, sketch = ? WHERE n = ?", (line.version, mark, item))

    def _stems(self, text: str) -> str:
        return " ".join(self._analyzer.stems(text))

    def _add_proposal(self, line: schema.ProposalLine) -> None:
        if (line.decision is None) != (line.decided_at is None):
            self._refuse("decision and decided_at come together")
        values = line.model_dump(exclude={"type"}) | {"edit": json.dumps(line.edit.model_dump())}
        self._insert("proposal", space=self._space, cause=line.edit.cause, **values)

    def _add_entry(self, line: schema.EntryLine) -> None:
        if (line.ttl is None) != (line.expires_at is None):
            self._refuse("ttl and expires_at come together")
        values = line.model_dump(exclude={"type", "path", "texts"})
        values |= {"labels": _compact(line.path), "value": _compact(line.value)}
        self._insert("entry", space=self._space, **values)
        self._db.executemany(
            "INSERT INTO staged.entry_text VALUES (?, ?, ?)",
            [(self._number, text, self._stems(text)) for text in line.texts],
        )

    def _add_probe(self, line: schema.ProbeLine) -> None:
        known = self._one("SELECT vector FROM staged.probe WHERE model = ?", line.model)
        if known is None:
            self._insert("probe", model=line.model, vector=line.vector)
        elif known != line.vector:
            self._refuse(f"another probe of {line.model!r:.80} came before")

    def _add_vectors(self, line: schema.VectorsLine) -> None:
        """The owner precedes the line in the file, and has one text for each vector."""
        if line.page is not None:
            table, query, keys, texts = "page", "id = ?", [line.page], "passage WHERE page = :n"
        elif line.item is not None:
            table, query, keys, texts = "item", "id = ?", [line.item], "version WHERE item = :n AND version = :version"
        else:
            keys = [_compact(line.path), line.key or ""]
            table, query, texts = "entry", "labels = ? AND key = ?", "entry_text WHERE entry = :n"
        n = self._one(f"SELECT n FROM staged.{table} WHERE space = ? AND {query}", self._space, *keys)
        if n is None:
            self._refuse(f"no line before is of {_label(line)}")
        counting = self._db.execute(f"SELECT count(*) FROM staged.{texts}", {"n": n, "version": line.version})
        if (count := counting.fetchone()[0]) != len(line.vectors):
            self._refuse(f"{len(line.vectors)} vectors for {count} texts")
        vectors = json.dumps(line.vectors)
        self._insert("vectors", model=line.model, vectors=vectors, version=line.version, **{table: n})


def _label(line: schema.Line) -> str:
    keys = ("id", "name", "item", "page", "key", "reader", "kind")
    return f"{line.type} {next((value for key in keys if (value := getattr(line, key, None))), '')!r:.80}"


def _compact(value: object) -> str:
    """JSON in the form that entries are stored in."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
