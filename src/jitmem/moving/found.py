"""What an importer finds in another memory's export, and how it reads the file."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, BinaryIO

from ..stores.errors import BadInput
from ..stores.records import Kind, Session
from ..stores.times import parse_time
from ..strict_json import parse_json

LARGEST = 512 << 20  # bytes; a JSON document is read as a whole
_CELL = 16 << 20  # characters of a cell in a table


@dataclass(frozen=True, slots=True)
class Remembered:
    """A memory: what it says, and its record as it was exported, whole."""

    text: str
    kind: Kind
    time: datetime | None
    group: str
    """Whose it is; memories of a group and a day are filed together."""
    record: Mapping[str, Any]
    where: str


@dataclass(slots=True)
class Found:
    """Everything in a file; `notes` name what has no place in a memory of ours."""

    memories: list[Remembered] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    left: Counter[str] = field(default_factory=Counter)

    def leave(self, what: str, count: int = 1) -> None:
        """So many of these are not taken."""
        self.left[what] += count

    def told(self) -> list[str]:
        """All that is not taken, in sentences."""
        return [*self.notes, *(f"Left out: {count:,} {what}." for what, count in sorted(self.left.items()) if count)]


def contents(file: BinaryIO, name: str) -> str:
    """The text of a file; `BadInput` for one that is too large or no UTF-8."""
    raw = file.read(LARGEST + 1)
    if len(raw) > LARGEST:
        raise BadInput(f"{name}: is larger than {LARGEST >> 20} MiB, and is read as a whole; split it.")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise BadInput(f"{name}, line {line}: this is no UTF-8; save the file as UTF-8 text.") from error


def document(text: str, name: str, right: str) -> object:
    """JSON, or one JSON object a line as a list."""
    lines = text.split("\n")
    if len(lines) > 1 and _is_object(lines[0]) and any(line.strip() for line in lines[1:]):
        return [
            parse_json(line, name=name, right=right, line=number)
            for number, line in enumerate(lines, start=1)
            if line.strip()
        ]
    return parse_json(text, name=name, right=right)


def table(text: str, name: str) -> Iterator[dict[str, Any]]:
    """The rows of a CSV with a head; an empty cell is none."""
    csv.field_size_limit(_CELL)
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        for row in reader:
            if None in row or None in row.values():
                raise BadInput(f"{name}, line {reader.line_num}: has another number of cells than the head.")
            yield {key: value if value != "" else None for key, value in row.items()}
    except csv.Error as error:
        raise BadInput(f"{name}, line {reader.line_num}: is no CSV ({error}).") from error


def objects(value: object, where: str, what: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Each object of a list, and where it stands."""
    if not isinstance(value, list):
        raise BadInput(f"{where}: {what} must be a list of objects.")
    for number, one in enumerate(value, start=1):
        place = f"{where}, {what} {number}"
        if not isinstance(one, dict):
            raise BadInput(f"{place}: must be an object.")
        yield one, place


def text_of(record: Mapping[str, Any], key: str, where: str) -> str:
    """A text that must be there; empty is allowed."""
    value = record.get(key)
    if not isinstance(value, str):
        raise BadInput(f'{where}: "{key}" must be a text.')
    return value


def time_of(record: Mapping[str, Any], where: str, *keys: str) -> datetime | None:
    """The first of some times that is given."""
    for key in keys:
        value = record.get(key)
        if value is None:
            continue
        if not isinstance(value, str):
            raise BadInput(f'{where}: "{key}" must be a time as text, such as 2025-03-01T09:00:00Z.')
        try:
            return parse_time(value)
        except BadInput as error:
            raise BadInput(f'{where}: "{key}": {error}') from error
    return None


def spoken(value: object) -> str:
    """A JSON value in words: `home: Viana; likes: coffee, rivers`."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return "; ".join(f"{key}: {spoken(one)}" for key, one in value.items() if one not in (None, "", [], {}))
    if isinstance(value, list):
        return ", ".join(map(spoken, value))
    return json.dumps(value)


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False
