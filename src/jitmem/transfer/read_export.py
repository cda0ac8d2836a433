"""Read and validate an export line by line into the staging tables."""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Callable
from typing import Any, BinaryIO, NoReturn, TypeVar

from pydantic import ValidationError

from ..stores.errors import BadInput
from ..stores.strict_json import parse_json
from .export_schema import DEEPEST, FORMAT, LINES, LONGEST_LINE, VERSION, EndLine, HeaderLine, Line, StrictModel
from .export_staging import ExportStaging

_LINE_IS = "every line is one JSON object of the export format; export the memory again"
_Model = TypeVar("_Model", bound=StrictModel)


def read_export(
    db: sqlite3.Connection, source: BinaryIO, name: str, progress: Callable[[int], None] | None = None
) -> list[str]:
    """Stage every line, and return the names of the namespaces in the file. `n` of a row is its line number.

    `BadInput` with the line number for a violation of the format, and for a file that was truncated or changed.
    `progress` gets the bytes read.
    """
    db.execute("BEGIN")
    try:
        names = _ExportReader(db, source, name).read_lines(progress)
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise
    return names


class _ExportReader:
    def __init__(self, db: sqlite3.Connection, source: BinaryIO, name: str) -> None:
        self._source = source
        self._name = name
        self._number = 0
        self._staging = ExportStaging(db, self._refuse)

    def read_lines(self, progress: Callable[[int], None] | None) -> list[str]:
        header = self._header()
        size, counts, checksum = 0, Counter[str](), hashlib.sha256()
        while True:
            raw = self._next()
            size += len(raw)
            if progress:
                progress(size)
            line = self._line(raw)
            if isinstance(line, EndLine):
                self._check_end(line, counts, checksum.hexdigest())
                break
            checksum.update(raw)
            counts[line.type] += 1
            self._staging.add(self._number, line)
        names = self._staging.namespaces()
        if names != header.namespaces:
            self._refuse(f"the first line names the namespaces {header.namespaces}, and here are {names}")
        self._staging.finish()
        return names

    def _next(self) -> bytes:
        raw = self._source.readline(LONGEST_LINE + 1)
        if not raw:
            raise BadInput(
                f"{self._name}: ends after line {self._number} without the last line of an export: it was cut;"
                " export the memory again. Nothing was imported."
            )
        self._number += 1
        if len(raw) > LONGEST_LINE:
            self._refuse(f"is longer than {LONGEST_LINE >> 20} MiB")
        if not raw.endswith(b"\n") and self._number > 1:
            self._refuse("ends in its middle: the file was cut")
        return raw

    def _object(self, raw: bytes) -> dict[str, Any]:
        try:
            text = raw.decode()
        except UnicodeDecodeError as error:
            self._refuse(f"is no UTF-8 ({error.reason}, byte {error.start})", error)
        value = parse_json(text, name=self._name, right=_LINE_IS, line=self._number, deepest=DEEPEST)
        if not isinstance(value, dict):
            self._refuse("is no JSON object")
        return value

    def _header(self) -> HeaderLine:
        value = self._object(self._next())
        if value.get("format") != FORMAT:
            raise BadInput(
                f"{self._name}: is no export of jitmem: its first line does not say so. What other memories export is"
                " read with from_format (--from): mem0, langmem or letta."
            )
        version = value.get("version")
        if isinstance(version, int) and version > VERSION:
            raise BadInput(
                f"{self._name}: was exported by a newer jitmem (format {version}, this one reads {VERSION});"
                " upgrade jitmem to import it. Nothing was imported."
            )
        return self._validate(HeaderLine, value)

    def _line(self, raw: bytes) -> Line:
        value = self._object(raw)
        type = value.get("type")
        if not isinstance(type, str) or type not in LINES:
            self._refuse(f"there is no type {type!r:.80} of line; there are {', '.join(LINES)}")
        if type not in ("namespace", "probe", "end") and not self._staging.space:
            self._refuse("comes before the first line of type namespace")
        return self._validate(LINES[type], value)

    def _validate(self, model: type[_Model], value: dict[str, Any]) -> _Model:
        try:
            return model.model_validate(value)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            place = ".".join(map(str, first["loc"]))[:80]
            reason = first["msg"].removeprefix("Value error, ")
            self._refuse(f"{place}: {reason}" if place else reason, error)
        except RecursionError as error:
            self._refuse(f"nested deeper than {DEEPEST} levels", error)

    def _check_end(self, line: EndLine, counts: Counter[str], checksum: str) -> None:
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
