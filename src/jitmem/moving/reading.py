"""Read an export line by line: its first line, its form, its checksum, its end."""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Callable
from typing import Any, BinaryIO, NoReturn, TypeVar

from pydantic import ValidationError

from ..stores.errors import BadInput
from ..strict_json import parse_json
from . import form
from .staging import Staging

_LINE_IS = "every line is one JSON object of the export format; export the memory again"
_Line = TypeVar("_Line", bound=form.Form)


def read(db: sqlite3.Connection, source: BinaryIO, name: str, tell: Callable[[int], None] | None = None) -> list[str]:
    """Every line into the tables; the names of the namespaces in the file. `n` of a row is the number of its line.

    `BadInput` with the number of the line for whatever is not as the format has it, and for a file that was cut or
    changed. `tell` hears how many bytes are read.
    """
    reader = _Reader(db, source, name)
    db.execute("BEGIN")
    try:
        names = reader.all(tell)
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise
    return names


class _Reader:
    def __init__(self, db: sqlite3.Connection, source: BinaryIO, name: str) -> None:
        self._source = source
        self._name = name
        self._number = 0
        self._checksum = hashlib.sha256()
        self._counts: Counter[str] = Counter()
        self._staging = Staging(db, self._refuse)

    def all(self, tell: Callable[[int], None] | None) -> list[str]:
        header = self._header()
        size = 0
        while True:
            raw = self._next()
            size += len(raw)
            if tell:
                tell(size)
            line = self._parsed(raw)
            if isinstance(line, form.EndLine):
                self._end(line)
                break
            self._checksum.update(raw)
            self._counts[line.type] += 1
            self._staging.take(self._number, line)
        names = self._staging.namespaces()
        if names != header.namespaces:
            self._refuse(f"the first line names the namespaces {header.namespaces}, and here are {names}")
        self._staging.settle_contents()
        return names

    def _next(self) -> bytes:
        raw = self._source.readline(form.LONGEST_LINE + 1)
        if not raw:
            raise BadInput(
                f"{self._name}: ends after line {self._number} without the last line of an export: it was cut;"
                " export the memory again. Nothing was imported."
            )
        self._number += 1
        if len(raw) > form.LONGEST_LINE:
            self._refuse(f"is longer than {form.LONGEST_LINE >> 20} MiB")
        if not raw.endswith(b"\n") and self._number > 1:
            self._refuse("ends in its middle: the file was cut")
        return raw

    def _object(self, raw: bytes) -> dict[str, Any]:
        try:
            text = raw.decode()
        except UnicodeDecodeError as error:
            self._refuse(f"is no UTF-8 ({error.reason}, byte {error.start})", error)
        value = parse_json(text, name=self._name, right=_LINE_IS, line=self._number, deepest=form.DEEPEST)
        if not isinstance(value, dict):
            self._refuse("is no JSON object")
        return value

    def _header(self) -> form.HeaderLine:
        value = self._object(self._next())
        if value.get("format") != form.FORMAT:
            raise BadInput(
                f"{self._name}: is no export of jitmem: its first line does not say so. What other memories export is"
                " read with from_format (--from): mem0, langmem or letta."
            )
        version = value.get("version")
        if isinstance(version, int) and version > form.VERSION:
            raise BadInput(
                f"{self._name}: was exported by a newer jitmem (format {version}, this one reads {form.VERSION});"
                " upgrade jitmem to import it. Nothing was imported."
            )
        return self._valid(form.HeaderLine, value)

    def _parsed(self, raw: bytes) -> form.Line:
        value = self._object(raw)
        kind = value.get("type")
        if not isinstance(kind, str) or kind not in form.LINES:
            self._refuse(f"there is no type {kind!r:.80} of line; there are {', '.join(form.LINES)}")
        if kind not in ("namespace", "probe", "end") and not self._staging.inside:
            self._refuse("comes before the first line of type namespace")
        return self._valid(form.LINES[kind], value)

    def _valid(self, model: type[_Line], value: dict[str, Any]) -> _Line:
        try:
            return model.model_validate(value)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            place = ".".join(map(str, first["loc"]))[:80]
            said = first["msg"].removeprefix("Value error, ")
            self._refuse(f"{place}: {said}" if place else said, error)
        except RecursionError as error:
            self._refuse(f"nested deeper than {form.DEEPEST} levels", error)

    def _refuse(self, why: str, error: Exception | None = None) -> NoReturn:
        raise BadInput(f"{self._name}, line {self._number}: {why}. Nothing was imported.") from error

    def _end(self, line: form.EndLine) -> None:
        if line.lines != dict(self._counts) or line.sha256 != self._checksum.hexdigest():
            told = f"{sum(line.lines.values())} lines and {line.sha256[:12]}…"
            found = f"{self._counts.total()} and {self._checksum.hexdigest()[:12]}…"
            self._refuse(f"the file was cut or changed: its last line tells of {told}, and here are {found}")
        if self._source.read(1):
            self._number += 1
            self._refuse("comes after the last line of the export")
