"""The contents of another memory's export, and functions to parse its file."""

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
from ..stores.strict_json import parse_json
from ..stores.times import parse_time

LARGEST = 512 << 20  # bytes; a JSON document is read as a whole
_CELL = 16 << 20  # characters of a cell in a table


@dataclass(frozen=True, slots=True)
class ForeignMemory:
    """A memory with its exported record. Memories of a group (their owner) and a day are filed as one session."""

    text: str
    kind: Kind
    time: datetime | None
    group: str
    record: Mapping[str, Any]
    where: str


@dataclass(slots=True)
class ForeignExport:
    """Everything in a file; `skipped` counts, by name, what cannot be represented."""

    memories: list[ForeignMemory] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    expiring: int = 0

    def add(
        self,
        text: str,
        kind: Kind,
        time: datetime | None,
        group: str,
        record: Mapping[str, Any],
        where: str,
        *,
        expires: bool = False,
    ) -> None:
        if text.strip():
            self.memories.append(ForeignMemory(text, kind, time, group, record, where))
            self.expiring += expires
        else:
            self.skipped["memories without text"] += 1

    def all_notes(self) -> list[str]:
        """The notes, and a sentence for each kind that was skipped."""
        skipped = sorted(self.skipped.items())
        expiring = f"{self.expiring:,} memories would expire. That is on their page; nothing expires by it."
        return [
            *self.notes,
            *([expiring] if self.expiring else []),
            *(f"Left out: {count:,} {what}." for what, count in skipped if count),
        ]


def read_text(file: BinaryIO, name: str) -> str:
    """The text of a file; `BadInput` if it is too large or not UTF-8."""
    raw = file.read(LARGEST + 1)
    if len(raw) > LARGEST:
        raise BadInput(f"{name}: is larger than {LARGEST >> 20} MiB, and is read as a whole; split it.")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise BadInput(f"{name}, line {line}: this is not UTF-8; save the file as UTF-8 text.") from error


def read_json(text: str, name: str, right: str) -> object:
    lines = [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    if len(lines) > 1 and isinstance(json_or_none(lines[0][1]), dict):
        return [parse_json(line, name=name, right=right, line=number) for number, line in lines]
    return parse_json(text, name=name, right=right)


def read_table(text: str, name: str) -> Iterator[dict[str, Any]]:
    """The rows of a CSV with a header; an empty cell is None."""
    csv.field_size_limit(_CELL)
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        for row in reader:
            if None in row or None in row.values():
                raise BadInput(f"{name}, line {reader.line_num}: has another number of cells than the head.")
            yield {key: value if value != "" else None for key, value in row.items()}
    except csv.Error as error:
        raise BadInput(f"{name}, line {reader.line_num}: is not CSV ({error}).") from error


def objects(value: object, where: str, what: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Each object of a list, with its place for messages."""
    if not isinstance(value, list):
        raise BadInput(f"{where}: {what} must be a list of objects.")
    for number, one in enumerate(value, start=1):
        if not isinstance(one, dict):
            raise BadInput(f"{where}, {what} {number}: must be an object.")
        yield one, f"{where}, {what} {number}"


def text_of(record: Mapping[str, Any], key: str, where: str) -> str:
    """A required text; it may be empty."""
    if not isinstance(value := record.get(key), str):
        raise BadInput(f'{where}: "{key}" must be a text.')
    return value


def time_of(record: Mapping[str, Any], where: str, *keys: str) -> datetime | None:
    """The first of several times that is present."""
    for key in keys:
        if (value := record.get(key)) is None:
            continue
        if not isinstance(value, str):
            raise BadInput(f'{where}: "{key}" must be a time as text, such as 2025-03-01T09:00:00Z.')
        try:
            return parse_time(value)
        except BadInput as error:
            raise BadInput(f'{where}: "{key}": {error}') from error
    return None


def in_words(value: object) -> str:
    """A JSON value as plain text: `home: Viana; likes: coffee, rivers`."""
    if isinstance(value, dict):
        return "; ".join(f"{key}: {in_words(one)}" for key, one in value.items() if one not in (None, "", [], {}))
    if isinstance(value, list):
        return ", ".join(map(in_words, value))
    return value if isinstance(value, str) else json.dumps(value)


def json_or_none(text: object) -> Any:
    try:
        return json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None
