"""One file to read: its bytes, the text, JSON value and lines in them, and the files beside it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

from .file_bytes import Lookup, decode_text


@dataclass(frozen=True)
class SourceFile:
    """`name` is the path from the folder that is read, or "-"; `day_first` what the caller said of its numeric dates."""

    name: str
    data: bytes
    day_first: bool | None = None
    lookup: Lookup = field(default=lambda path: None, repr=False)

    @cached_property
    def label(self) -> str:
        """The name in messages."""
        return "standard input" if self.name == "-" else self.name

    @cached_property
    def path(self) -> PurePosixPath:
        return PurePosixPath(self.name)

    @property
    def suffix(self) -> str:
        return self.path.suffix.lower()

    @property
    def stem(self) -> str:
        """What ids begin with: the path without its ending; "" for standard input."""
        return "" if self.name == "-" else self.name.removesuffix(self.path.suffix)

    @property
    def title(self) -> str:
        """The file's own name without its ending."""
        return "" if self.name == "-" else self.path.stem

    @cached_property
    def text(self) -> str:
        """`BadInput` if the bytes are no text."""
        return decode_text(self.data, self.label)

    @cached_property
    def lines(self) -> list[str]:
        """Without their ends."""
        return self.text.replace("\r\n", "\n").replace("\r", "\n").split("\n")

    @cached_property
    def value(self) -> Any:
        """The whole text as JSON; None if it is none."""
        return _load(self.text) if self.text.lstrip()[:1] in ("{", "[") else None

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """The objects of JSON lines, or of one JSON list; `[]` for any other text. A log may have one line."""
        if isinstance(self.value, list):
            return self.value if all(isinstance(one, dict) for one in self.value) else []
        if isinstance(self.value, dict) and self.suffix in (".jsonl", ".ndjson"):
            return [self.value]
        if self.text.lstrip()[:1] != "{" or self.value is not None:
            return []
        found = []
        for line in self.text.split("\n"):  # a JSON string may contain other line separators
            if line.strip():
                value = _load(line)
                if not isinstance(value, dict):
                    return []
                found.append(value)
        return found

    @cached_property
    def objects(self) -> list[dict[str, Any]]:
        """`rows`, or the one object that the file is."""
        return [self.value] if isinstance(self.value, dict) else self.rows

    def beside(self, name: str) -> Any:
        """The JSON of a file in this folder or one above it; None if there is none."""
        for folder in self.path.parents:
            data = self.lookup((folder / name).as_posix())
            if data is not None:
                return _load(data.decode("utf-8-sig", "replace"))
        return None


def is_object(line: str) -> bool:
    """Whether it is a JSON object."""
    return isinstance(_load(line), dict)


def _load(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
