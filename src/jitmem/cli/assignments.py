"""Options of `eval` and `learn`: NAME=VALUE words, and the models that both call."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import typer

from ..stores.errors import BadInput
from .settings import settings_of


def model_settings(ctx: typer.Context) -> dict[str, Any]:
    names = ("model", "memorizer_model", "researcher_model", "embeddings", "base_url", "timeout_s", "prompts")
    settings = settings_of(ctx)
    return {name: getattr(settings, name) for name in names}


def assignments(words: Sequence[str], option: str) -> dict[str, Any]:
    """Parse NAME=VALUE words such as `length=32000`; a value that is not JSON is text."""
    found: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not (name and equals):
            raise BadInput(f"{option} is NAME=VALUE, such as length=32000; got {word!r}.")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


def fields_from(words: Sequence[str], kind: Callable[..., Any], option: str = "--set") -> Mapping[str, Any]:
    """Assignments to fields of a dataclass, validated by name and type."""
    found, fields = assignments(words, option), getattr(kind, "__dataclass_fields__", {})
    if unknown := [name for name in found if name not in fields]:
        raise BadInput(f"{option}: there is no {unknown[0]!r}; there are {', '.join(fields)}.")
    for name, value in found.items():
        if isinstance(fields[name].default, int | float) and not isinstance(value, int | float):
            raise BadInput(f"{option} {name} is a number, such as {fields[name].default}; got {value!r}.")
    return found
