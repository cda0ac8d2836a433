"""The file that keeps recorded exchanges: one line of JSON each, only ever appended to."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from ..nodes.llm.redaction import redact_secrets_of
from ..stores.errors import JitmemError

VERSION = 1
_EXACT: Any = "surrogatepass"  # a text may hold half a surrogate pair; it must come back as it was


class RecordingError(JitmemError):
    """A recording cannot be used as it is; the message says what to do."""


class NotRecorded(RecordingError):
    """A request that a recording has no reply to, or no further one."""


def prepare(path: Path) -> None:
    """Make the file where it is missing, for its owner alone, as it holds what was asked and replied;
    `RecordingError` where a line could not be appended to it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "ab+", opener=_for_the_owner) as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                raise RecordingError(f"The last line of {path} is cut; take it out before more is recorded there.")


def append(path: Path, exchanges: Iterable[dict[str, Any]], model: object = None) -> None:
    """One line an exchange, all in one write at the end of the file, while others may append too; without the secrets
    of the model that was asked, even where it said them itself."""
    text = "".join(f"{json.dumps(one, ensure_ascii=False, default=as_json)}\n" for one in exchanges)
    text = redact_secrets_of(text, model)
    content = text.encode("utf-8", _EXACT)
    with open(path, "ab", buffering=0, opener=_for_the_owner) as file:
        written = file.write(content)
    if written != len(content):
        raise RecordingError(f"Only {written} of {len(content)} bytes fitted into {path}; its last line is cut now.")


def _for_the_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def read(path: Path, kind: str, make: str) -> list[dict[str, Any]]:
    """The exchanges of one kind in their order. A cut last line is left out with a warning.

    `RecordingError` for a file that is missing, damaged or of another version; `make` says how one is recorded.
    """
    if not path.is_file():
        raise RecordingError(f"There is no recording at {path}; make one with {make}.")
    lines = path.read_bytes().split(b"\n")  # and not at the other ends of line that a text may hold
    found = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            exchange = json.loads(line.decode("utf-8", _EXACT))
        except ValueError as error:
            if number == len(lines):
                warnings.warn(f"The last line of {path} is cut and was left out.", UserWarning, stacklevel=4)
                break
            raise RecordingError(
                f"Line {number} of {path} is no JSON: {error}. Take it out, or record again."
            ) from error
        if not isinstance(exchange, dict) or exchange.get("version") != VERSION:
            raise RecordingError(f"Line {number} of {path} is no exchange of version {VERSION}; record again.")
        if exchange.get("kind") == kind:
            found.append(exchange)
    return found


def as_json(value: Any) -> Any:
    """What JSON has no word for, as something that is the same in every run."""
    match value:
        case BaseModel():
            return value.model_dump(mode="json")
        case type():
            return value.model_json_schema() if issubclass(value, BaseModel) else value.__qualname__
        case set():
            return sorted(value)
        case bytes():
            return value.hex()
    return f"<{type(value).__qualname__}>"
