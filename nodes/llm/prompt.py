"""Render a step's prompt: Markdown with `{{name}}` places, history fenced as data, strict about missing values."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Protocol

from langchain_core.messages import BaseMessage
from pydantic import BaseModel

from ...stores.delimiters import escape_delimiters
from ...stores.index.snapshot import Snapshot

CHARS_PER_TOKEN = 4  # as count_tokens_approximately counts
_PER_MESSAGE = 3
_PLACE = re.compile(r"\{\{(\w+)\}\}")
_HEADINGS = re.compile(r"^# (System|Task)\s*$", re.M)
_HISTORY, _QUESTION = "history", "question"


class StepQuestion(Protocol):
    """The typed question of a step; `snapshot` is what the step reads."""

    @property
    def snapshot(self) -> Snapshot: ...

    def prompt_values(self, share: float) -> Mapping[str, str]:
        """The value of every place in the step's prompt, history cut to this share (0 to 1) of its usual budget."""


def render_prompt(
    name: str,
    values: Mapping[str, str],
    answer: type[BaseModel],
    form: str | None = None,
    override: str | None = None,
) -> tuple[str, str]:
    """The system part, which never varies (so that prefix caches work), and the task with its values. The system part
    ends with the form of the answer, or with `form`. `override` replaces our system prompt except its last paragraph,
    which says what is data.

    `KeyError` for a place without a value and for a value without a place: both are our mistake, not the caller's.
    """
    system, task = _template(name)
    places = set(_PLACE.findall(task))
    if places != set(values):
        raise KeyError(f"Prompt {name!r} has the places {sorted(places)}, its question gives {sorted(values)}.")
    if override is not None:
        system = f"{escape_delimiters(override.strip(), _HISTORY, _QUESTION)}\n\n{_split_system(system)[1]}"
    return f"{system}\n\n{form or _form(answer)}", _PLACE.sub(lambda m: values[m[1]], task)


def default_prompt(name: str) -> str:
    """A step's system prompt without the last paragraph, which says what is data: the part that may be overridden."""
    return _split_system(_template(name)[0])[0]


def fence(text: str) -> str:
    """Text from the history between delimiters that it cannot contain: whatever it says, it is data."""
    return _between(_HISTORY, escape_delimiters(text, _HISTORY))


def fence_question(question: str) -> str:
    """A question between delimiters of its own: it may quote a third party."""
    return _between(_QUESTION, escape_delimiters(question, _QUESTION, _HISTORY))


def fence_list(lines: Iterable[str], tokens: float, empty: str) -> str:
    """A fenced list, one line each, as many of the first as the budget holds; `empty` where there are none."""
    room = int(tokens * CHARS_PER_TOKEN)
    kept: list[str] = []
    for line in lines:
        line = f"- {' '.join(line.split())}"
        if len(line) > room and kept:
            kept.append("- (more is left out here)")
            break
        kept.append(clip(line, room / CHARS_PER_TOKEN))
        room -= len(line) + 1
    return fence("\n".join(kept)) if kept else empty


def clip(text: str, tokens: float) -> str:
    """The text, or its beginning and its end where it is longer."""
    room = max(16, int(tokens * CHARS_PER_TOKEN))
    if len(text) <= room:
        return text
    return f"{text[: room * 2 // 3].rstrip()} […] {text[-(room // 3) :].lstrip()}"


def count_tokens(messages: Sequence[BaseMessage]) -> int:
    """About how many tokens messages are."""
    return sum(len(str(message.text)) // CHARS_PER_TOKEN + _PER_MESSAGE for message in messages)


def _split_system(system: str) -> tuple[str, str]:
    said, _, on_data = system.rpartition("\n\n")
    return said, on_data


def _between(mark: str, text: str) -> str:
    return f"<{mark}>\n{text}\n</{mark}>"


@cache
def _form(answer: type[BaseModel]) -> str:
    schema = json.dumps(_bare(answer.model_json_schema()), ensure_ascii=False)
    return f"Answer with one JSON object of this form:\n{schema}"


def _bare(schema: object) -> object:
    """Without the titles and docstrings that say again what the names and descriptions of the fields say."""
    if isinstance(schema, list):
        return [_bare(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: value for key, value in schema.items() if key != "title"}
    if "properties" in kept:
        kept.pop("description", None)
    return {
        key: {name: _bare(part) for name, part in value.items()} if key in ("properties", "$defs") else _bare(value)
        for key, value in kept.items()
    }


@cache
def _template(name: str) -> tuple[str, str]:
    text = resources.files(__package__).joinpath("prompts", f"{name}.md").read_text(encoding="utf-8")
    head, _, system, _, task = _HEADINGS.split(text)
    assert not head.strip(), f"prompts/{name}.md begins with '# System'"
    return system.strip(), task.strip()
