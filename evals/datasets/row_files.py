"""Read JSON, JSON lines, CSV and Parquet row by row; errors name file, row and field."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, TextIO, TypeVar

from ...stores.errors import BadInput, MissingPackage

T = TypeVar("T")
_CHUNK = 1 << 20  # characters
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file with its position, for errors. `number` counts from 1."""

    file: Path
    number: int
    values: Mapping[str, Any]
    within: str = ""

    def get(self, name: str, kind: type[T], default: T | None = None) -> T:
        """The field's value; `BadInput` if it is missing (with no default) or of another kind."""
        value = self.values.get(name)
        if value is None and default is not None:
            return default
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise self.error(name, f"should be {_WORDS.get(kind, kind.__name__)}, is {_short_repr(value)}")
        return value

    def text(self, name: str) -> str:
        """A field of text or a number, as text."""
        value = self.values.get(name)
        if not isinstance(value, str | int | float):
            raise self.error(name, f"should be text, is {_short_repr(value)}")
        return str(value)

    def texts(self, name: str) -> tuple[str, ...]:
        """A field of one text or a list of them."""
        value = self.values.get(name)
        parts = value if isinstance(value, list | tuple) else [value]
        if not all(isinstance(part, str | int | float) for part in parts):
            raise self.error(name, f"should be text or a list of texts, is {_short_repr(value)}")
        return tuple(str(part) for part in parts)

    def rows(self, name: str) -> list[Row]:
        """A field that is a list of objects, each a nested row."""
        return [self.inner(value, f"{name}[{at}]") for at, value in enumerate(self.get(name, list))]

    def inner(self, value: Any, name: str) -> Row:
        """A nested object as a row."""
        if not isinstance(value, Mapping):
            raise self.error(name, f"should be an object, is {_short_repr(value)}")
        return Row(self.file, self.number, value, f"{self.within}{name}.")

    def error(self, name: str, problem: str) -> BadInput:
        """`BadInput` with file, row and field."""
        return BadInput(f"{self.file}, row {self.number}, field `{self.within}{name}`: {problem}.")


_WORDS: Mapping[type, str] = {
    str: "text",
    list: "a list",
    dict: "an object",
    int: "a whole number",
    bool: "true or false",
}


def _short_repr(value: Any) -> str:
    if value is None:
        return "missing"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a `.json` (a list, or one object), `.jsonl`, `.csv` or `.parquet` file, in order."""
    readers = {".parquet": _read_parquet, ".csv": _read_csv, ".jsonl": _read_json_lines}
    try:
        values = readers.get(path.suffix.lower(), _read_json)(path)
        for number, value in enumerate(values, start=1):
            if not isinstance(value, Mapping):
                raise BadInput(f"{path}, row {number}: should be an object, is {_short_repr(value)}.")
            yield Row(path, number, value)
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error}).") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: is not UTF-8 text ({error}).") from error


def _read_json(path: Path) -> Iterator[Any]:
    with path.open(encoding="utf-8") as file:
        head = file.read(4096)
        file.seek(0)
        if head.lstrip().startswith("["):
            file.read(head.index("[") + 1)
            yield from _read_list(path, file)
            return
        text = file.read()
    try:
        yield json.loads(text)
    except ValueError as error:
        if "\n" not in text.strip():
            raise BadInput(f"{path}: cannot be read as JSON ({error}).") from error
        yield from _read_json_lines(path)  # some mirrors name JSON lines .json


def _read_list(path: Path, file: TextIO) -> Iterator[Any]:
    """The elements of a list, one after the other, from behind its bracket: some files do not fit into memory."""
    text, at, number, closed = "", 0, 1, False
    while not closed:
        try:
            start = _skip_blanks(text, at)
            if number == 1 and text[start : start + 1] == "]":
                at = start + 1
                break
            value, end = _DECODER.raw_decode(text, start)
            end = _skip_blanks(text, end)
            if text[end : end + 1] not in (",", "]"):
                raise json.JSONDecodeError("Expecting ',' or ']'", text, end)
        except json.JSONDecodeError as error:
            more = file.read(max(_CHUNK, len(text) - at))  # doubling keeps the total time linear
            if not more:
                raise BadInput(f"{path}: cannot be read as JSON (in row {number}: {error.msg}).") from error
            text, at = text[at:] + more, 0
            continue
        yield value
        at, number, closed = end + 1, number + 1, text[end] == "]"
    if (text[at:] + file.read(_CHUNK)).strip():
        raise BadInput(f"{path}: cannot be read as JSON (more follows after the list).")


def _skip_blanks(text: str, at: int) -> int:
    while text[at : at + 1].isspace():
        at += 1
    return at


def _read_json_lines(path: Path) -> Iterator[Any]:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                try:
                    yield json.loads(line)
                except ValueError as error:
                    raise BadInput(f"{path}, line {number}: cannot be read as JSON ({error}).") from error


def _read_csv(path: Path) -> Iterator[Any]:
    with path.open(encoding="utf-8", newline="") as file:
        try:
            yield from csv.DictReader(file)
        except csv.Error as error:
            raise BadInput(f"{path}: cannot be read as CSV ({error}).") from error


def _read_parquet(path: Path) -> Iterator[Any]:
    try:
        parquet = import_module("pyarrow.parquet")
    except ImportError as error:
        raise MissingPackage(
            f"{path}: Parquet is read with pyarrow: pip install pyarrow. JSON lines need nothing."
        ) from error
    for batch in parquet.ParquetFile(path).iter_batches(batch_size=16):
        yield from batch.to_pylist()
