"""Requests and replies in a form that two runs can be compared by: page ids are replaced by their order."""

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

from .recording_file import as_json

# As stores/records.py makes them. In JSON within a text, the n of an escaped line break comes right before an id.
_PAGE_ID = re.compile(r"(?:\b|(?<=\\[nrt]))(?=[a-z]{0,11}[0-9])[0-9a-hjkmnp-tv-z]{12}\b")
_SECRET = re.compile(r"api_?key|secret|passw|credential|cookie|auth|bearer|header|token$", re.I)
_NOT_COMPARED = {"timeout", "request_timeout", "max_retries", "stream", "stream_usage", "stream_options"}
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
    def from_dict(cls, request: Mapping[str, Any]) -> Request:
        """From what `request_to_dict` gave, or what was read of it."""
        ids: dict[str, str] = {}
        same = replace_matches(request, _PAGE_ID, lambda page_id: ids.setdefault(page_id, f"page-{len(ids) + 1}"))
        text = json.dumps(same, sort_keys=True)
        return cls(hashlib.sha256(text.encode()).hexdigest(), tuple(ids), tuple(_lines(same)))


def request_to_dict(messages: Sequence[BaseMessage], options: Mapping[str, Any]) -> dict[str, Any]:
    """The messages in LangChain's form, without what no provider is sent, and the options without secrets."""
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
    # There and back, so that a request of now equals one that was read from a file.
    back: dict[str, Any] = json.loads(json.dumps({"messages": plain, "options": compared}, default=as_json))
    return back


def reply_to_dict(reply: AIMessage) -> dict[str, Any]:
    """A reply in LangChain's form, without HTTP headers and without the id of the run that it came in."""
    plain = message_to_dict(message_chunk_to_message(reply))
    data = plain["data"]
    metadata = data["response_metadata"]
    data["response_metadata"] = {name: value for name, value in metadata.items() if "header" not in name.lower()}
    if str(data["id"]).startswith(("lc_", "run-")):
        data["id"] = None
    return plain


def translate_ids(reply: Any, old: Request, new: Request) -> Any:
    """The reply with each page id of the old request turned into that of the new one; other ids stay."""
    new_id = dict(zip(old.ids, new.ids, strict=True))
    return replace_matches(reply, re.compile("|".join(old.ids)), new_id.__getitem__) if new_id else reply


def replace_matches(value: Any, pattern: re.Pattern[str], name: Callable[[str], str]) -> Any:
    """Every match in every text of a JSON value, keys included; found in the order of the keys, whatever theirs is."""
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
    """A short diff from the most similar recorded lines to those of now."""
    diff = difflib.unified_diff(list(most_similar(lines, others)), list(lines), "recorded", "asked now", "", "", 0, "")
    shown = [line for line in diff if not line.startswith("@@")]
    more = [f"… and {len(shown) - _DIFF_LINES} more lines"] if len(shown) > _DIFF_LINES else []
    return "\n".join([*shown[:_DIFF_LINES], *more])


def most_similar(parts: Sequence[str], others: Iterable[Sequence[str]]) -> Sequence[str]:
    """That of the others, at least one, which shares most parts with the first (Dice's coefficient)."""
    mine = Counter(parts)
    return max(others, key=lambda other: (mine & Counter(other)).total() / (len(parts) + len(other) or 1))


def _lines(request: Mapping[str, Any]) -> list[str]:
    """Everything in it that is not empty, in lines short enough to show where two differ."""
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
