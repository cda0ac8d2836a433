"""What was asked of a model, in a form that two runs can be compared by: page ids are replaced by their order."""

from __future__ import annotations

import difflib
import hashlib
import json
import re
import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, message_chunk_to_message, message_to_dict

from .recording import plain

# As stores/ids.py makes them. In JSON within a text, the n of an escaped line break stands right before an id.
_PAGE_ID = re.compile(r"(?:\b|(?<=\\[nrt]))(?=[a-z]{0,11}[0-9])[0-9a-hjkmnp-tv-z]{12}\b")
_SECRET = re.compile(r"api_?key|secret|passw|credential|cookie|auth|bearer|header|token$", re.I)
_HOW_TO_ASK = {"timeout", "request_timeout", "max_retries", "stream", "stream_usage", "stream_options"}
_FORMS = {"tools", "response_format"}  # schemas: a property named `password` is no secret
_NOT_SENT: dict[str, Any] = {"id": None, "response_metadata": {}, "usage_metadata": None, "artifact": None}
_DIFF_LINES, _DIFF_WIDTH = 16, 100


@dataclass(frozen=True, slots=True)
class Request:
    """`key` is the same for the same request in another run; `ids` are the page ids in the order of their numbers."""

    key: str
    ids: tuple[str, ...]
    lines: tuple[str, ...]

    @classmethod
    def of(cls, written: Mapping[str, Any]) -> Request:
        """From what `written_down` gave, or what was read of it."""
        ids: dict[str, str] = {}
        same = renamed(written, _PAGE_ID, lambda page_id: ids.setdefault(page_id, f"page-{len(ids) + 1}"))
        text = json.dumps(same, sort_keys=True)
        return cls(hashlib.sha256(text.encode()).hexdigest(), tuple(ids), tuple(_lines(same)))


def written_down(messages: Sequence[BaseMessage], options: Mapping[str, Any]) -> dict[str, Any]:
    """The messages in LangChain's form, without what no provider is sent, and the options without secrets."""
    asked = []
    for message in messages:
        told = message_to_dict(message_chunk_to_message(message))
        told["data"] |= {name: value for name, value in _NOT_SENT.items() if name in told["data"]}
        asked.append(told)
    kept = {
        name: value if name in _FORMS else _without_secrets(value)
        for name, value in options.items()
        if value is not None and name not in _HOW_TO_ASK and not _SECRET.search(name)
    }
    # There and back, so that what is asked now equals what was read from a file.
    told = {"messages": asked, "options": kept}
    back: dict[str, Any] = json.loads(json.dumps(told, default=plain))
    return back


def reply_written_down(reply: AIMessage) -> dict[str, Any]:
    """A reply in LangChain's form, without HTTP headers and without the id of the run that it came in."""
    told = message_to_dict(message_chunk_to_message(reply))
    data = told["data"]
    data["response_metadata"] = {
        name: value for name, value in data["response_metadata"].items() if "header" not in name.lower()
    }
    if str(data["id"]).startswith(("lc_", "run-")):
        data["id"] = None
    return told


def translated(reply: Any, recorded: Request, present: Request) -> Any:
    """The reply with each id of the recorded request turned into that of the present one; other ids stay."""
    if not recorded.ids:
        return reply
    present_id = dict(zip(recorded.ids, present.ids, strict=True))
    return renamed(reply, re.compile("|".join(recorded.ids)), present_id.__getitem__)


def renamed(value: Any, pattern: re.Pattern[str], name: Callable[[str], str]) -> Any:
    """Every match in every text of a JSON value, keys included; found in the order of the keys, whatever theirs is."""
    if isinstance(value, str):
        return pattern.sub(lambda match: name(match.group()), value)
    if isinstance(value, list):
        return [renamed(part, pattern, name) for part in value]
    if isinstance(value, Mapping):
        parts = {key: (renamed(key, pattern, name), renamed(value[key], pattern, name)) for key in sorted(value)}
        return dict(parts[key] for key in value)
    return value


def difference(asked: Sequence[str], recorded: Iterable[Sequence[str]]) -> str:
    """A short diff from the most similar recorded lines to the ones asked for now."""
    nearest = most_alike(asked, recorded)
    told = difflib.unified_diff(list(nearest), list(asked), "recorded", "asked now", lineterm="", n=0)
    lines = [line for line in told if not line.startswith("@@")]
    more = [f"… and {len(lines) - _DIFF_LINES} more lines"] if len(lines) > _DIFF_LINES else []
    return "\n".join([*lines[:_DIFF_LINES], *more])


def most_alike(parts: Sequence[str], others: Iterable[Sequence[str]]) -> Sequence[str]:
    """That of the others, at least one, which shares most parts with the first (Dice's coefficient)."""
    mine = Counter(parts)
    return max(others, key=lambda other: (mine & Counter(other)).total() / (len(parts) + len(other) or 1))


def _lines(request: Mapping[str, Any]) -> list[str]:
    """Everything in it that is not empty, in lines short enough to show where two differ."""
    shown = []
    for message in request["messages"]:
        data = message["data"]
        shown.append(f"[{message['type']}]")
        shown += _wrapped(data["content"])
        for name, value in data.items():
            if name not in ("content", "type") and value:
                shown += _wrapped({name: value})
    for name, value in request["options"].items():
        shown += _wrapped({name: value})
    return shown


def _wrapped(value: Any) -> list[str]:
    text = value if isinstance(value, str) else json.dumps(value, indent=1, ensure_ascii=False)
    return [part for line in text.splitlines() for part in textwrap.wrap(line, _DIFF_WIDTH) or [""]]


def _without_secrets(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_secrets(part) for name, part in value.items() if not _SECRET.search(str(name))}
    if isinstance(value, list | tuple):
        return [_without_secrets(part) for part in value]
    return value
