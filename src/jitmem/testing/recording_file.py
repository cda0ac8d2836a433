"""The file of recorded exchanges, and the form in which the requests of two runs are compared."""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import re
import textwrap
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, message_chunk_to_message, message_to_dict
from pydantic import BaseModel

from ..nodes.llm.redaction import redact_secrets_of
from ..stores.errors import JitmemError
from ..stores.truth.database import make_folder

VERSION = 1
_EXACT: Any = "surrogatepass"  # a text may contain a lone surrogate, which must survive
# As stores/ids.py makes them. In JSON within a text, the n of an escaped line break comes right before an id.
_PAGE_ID = re.compile(r"(?:\b|(?<=\\[nrt]))(?=[a-z]{0,11}[0-9])[0-9a-hjkmnp-tv-z]{12}\b")
_SECRET = re.compile(r"api_?key|secret|passw|credential|cookie|auth|bearer|header|token$", re.I)
_NOT_COMPARED = {"timeout", "request_timeout", "max_retries", "stream", "stream_usage", "stream_options"}
_FORMS = {"tools", "response_format"}  # schemas: a property named `password` is no secret
_NOT_SENT: dict[str, Any] = {"id": None, "response_metadata": {}, "usage_metadata": None, "artifact": None}
_DIFF_LINES, _DIFF_WIDTH = 16, 100


class RecordingError(JitmemError):
    """A recording cannot be used; the message says what to do."""


class NotRecorded(RecordingError):
    """A request without a recorded reply, or without a further one."""


def prepare(path: Path) -> None:
    """Create a missing file and folder, for their owner alone; `RecordingError` if its last line is cut."""
    make_folder(path.parent)
    with open(path, "ab+", opener=_for_the_owner) as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                raise RecordingError(f"The last line of {path} is cut; take it out before more is recorded there.")


def append(path: Path, exchanges: Iterable[dict[str, Any]], model: object = None) -> None:
    """Append a line for each exchange in one write, as other processes may append too; secrets of the model are
    redacted."""
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
    lines = path.read_bytes().split(b"\n")  # not splitlines(): a text may contain other line separators
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
                f"Line {number} of {path} is not JSON: {error}. Take it out, or record again."
            ) from error
        if not isinstance(exchange, dict) or exchange.get("version") != VERSION:
            raise RecordingError(f"Line {number} of {path} is not an exchange of version {VERSION}; record again.")
        if exchange.get("kind") == kind:
            found.append(exchange)
    return found


def as_json(value: Any) -> Any:
    """A JSON value for any other, the same in every run."""
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


@dataclass(frozen=True, slots=True)
class Request:
    """`key` is the same for the same request in another run; `ids` are the page ids in the order of their numbers."""

    key: str
    ids: tuple[str, ...]
    lines: tuple[str, ...]

    @classmethod
    def from_dict(cls, request: Mapping[str, Any]) -> Request:
        """From the result of `request_to_dict`, or the same read from a file."""
        ids: dict[str, str] = {}
        same = replace_matches(request, _PAGE_ID, lambda page_id: ids.setdefault(page_id, f"page-{len(ids) + 1}"))
        text = json.dumps(same, sort_keys=True)
        return cls(hashlib.sha256(text.encode()).hexdigest(), tuple(ids), tuple(_lines(same)))


def request_to_dict(messages: Sequence[BaseMessage], options: Mapping[str, Any]) -> dict[str, Any]:
    """The messages in LangChain's form, without fields that no provider receives, and the options without secrets."""
    plain = []
    for message in messages:
        one = message_to_dict(message_chunk_to_message(message))
        one["data"] |= {name: value for name, value in _NOT_SENT.items() if name in one["data"]}
        plain.append(one)
    compared = {
        name: value if name in _FORMS else _without_secrets(value)
        for name, value in options.items()
        if value is not None and name not in _NOT_COMPARED and not _SECRET.search(name)
    }
    # Round trip through JSON, so that it equals a request read from a file.
    back: dict[str, Any] = json.loads(json.dumps({"messages": plain, "options": compared}, default=as_json))
    return back


def reply_to_dict(reply: AIMessage) -> dict[str, Any]:
    """A reply in LangChain's form, without HTTP headers and the id of its run."""
    plain = message_to_dict(message_chunk_to_message(reply))
    data = plain["data"]
    metadata = data["response_metadata"]
    data["response_metadata"] = {name: value for name, value in metadata.items() if "header" not in name.lower()}
    if str(data["id"]).startswith(("lc_", "run-")):
        data["id"] = None
    return plain


def translate_ids(reply: Any, old: Request, new: Request) -> Any:
    """The reply with the page ids of the old request replaced by those of the new one; other ids stay."""
    new_id = dict(zip(old.ids, new.ids, strict=True))
    return replace_matches(reply, re.compile("|".join(old.ids)), new_id.__getitem__) if new_id else reply


def replace_matches(value: Any, pattern: re.Pattern[str], name: Callable[[str], str]) -> Any:
    """Replace every match in every text of a JSON value, keys included, visited in sorted order of keys."""
    if isinstance(value, str):
        return pattern.sub(lambda match: name(match.group()), value)
    if isinstance(value, list):
        return [replace_matches(part, pattern, name) for part in value]
    if isinstance(value, Mapping):
        parts = {
            key: (replace_matches(key, pattern, name), replace_matches(value[key], pattern, name))
            for key in sorted(value)
        }
        return dict(parts[key] for key in value)
    return value


def difference(lines: Sequence[str], others: Iterable[Sequence[str]]) -> str:
    """A short diff from the most similar recorded lines to the present ones."""
    diff = difflib.unified_diff(list(most_similar(lines, others)), list(lines), "recorded", "asked now", "", "", 0, "")
    shown = [line for line in diff if not line.startswith("@@")]
    more = [f"… and {len(shown) - _DIFF_LINES} more lines"] if len(shown) > _DIFF_LINES else []
    return "\n".join([*shown[:_DIFF_LINES], *more])


def most_similar(parts: Sequence[str], others: Iterable[Sequence[str]]) -> Sequence[str]:
    """The one of `others` (at least one) with the most parts in common (Dice's coefficient)."""
    mine = Counter(parts)
    return max(others, key=lambda other: (mine & Counter(other)).total() / (len(parts) + len(other) or 1))


def _lines(request: Mapping[str, Any]) -> list[str]:
    """Everything that is not empty, in short lines for a diff."""
    texts: list[Any] = []
    for message in request["messages"]:
        rest = {name: value for name, value in message["data"].items() if value and name not in ("content", "type")}
        texts += [f"[{message['type']}]", message["data"]["content"], rest]
    texts = [
        one if isinstance(one, str) else json.dumps(one, indent=1, ensure_ascii=False)
        for one in (*texts, request["options"])
        if one
    ]
    return [part for one in texts for line in one.splitlines() for part in textwrap.wrap(line, _DIFF_WIDTH) or [""]]


def _without_secrets(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_secrets(part) for name, part in value.items() if not _SECRET.search(str(name))}
    if isinstance(value, list | tuple):
        return [_without_secrets(part) for part in value]
    return value
