"""Render a step's prompt: Markdown with `{{name}}` places, history fenced as data, strict about missing values."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Protocol

from pydantic import BaseModel

_PLACE = re.compile(r"\{\{(\w+)\}\}")
_PARTS = re.compile(r"^# (System|Task)\s*$", re.M)


class Shown(Protocol):
    """A typed question that can be shown to a model."""

    def shown(self) -> Mapping[str, str]:
        """The value of every place in the step's prompt."""


def render(name: str, values: Mapping[str, str], answer: type[BaseModel]) -> tuple[str, str]:
    """The system part, which never varies (so that prefix caches work), and the task with its values.

    `KeyError` for a place without a value and for a value without a place: both are our mistake, not the caller's.
    """
    system, task = _template(name)
    places = set(_PLACE.findall(task))
    if places != set(values):
        raise KeyError(f"Prompt {name!r} has the places {sorted(places)}, its question gives {sorted(values)}.")
    form = json.dumps(answer.model_json_schema(), ensure_ascii=False)
    return f"{system}\n\nAnswer with one JSON object of this form:\n{form}", _PLACE.sub(lambda m: values[m[1]], task)


def fence(text: str) -> str:
    """Text from the history between marks that it cannot contain: whatever it says, it is data."""
    return f"<history>\n{text.replace('<history>', '‹history›').replace('</history>', '‹/history›')}\n</history>"


@cache
def _template(name: str) -> tuple[str, str]:
    text = resources.files(__package__).joinpath("prompts", f"{name}.md").read_text(encoding="utf-8")
    head, _, system, _, task = _PARTS.split(text)
    assert not head.strip(), f"prompts/{name}.md begins with '# System'"
    return system.strip(), task.strip()
