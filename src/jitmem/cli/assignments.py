"""Options of `eval` and `learn`: NAME=VALUE words, and the models that both call."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
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
            raise BadInput(f"{option} is NAME=VALUE; got {word!r}.")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


def fields_from(words: Sequence[str], kind: Callable[..., Any], *others: str) -> dict[str, Any]:
    """The words of --set for fields of a dataclass, and for other names; validated by name and type."""
    found, fields = assignments(words, "--set"), getattr(kind, "__dataclass_fields__", {})
    if unknown := [name for name in found if name not in fields and name not in others]:
        raise BadInput(f"--set: there is no {unknown[0]!r}; there are {', '.join((*fields, *others))}.")
    for name, value in found.items():
        default = fields[name].default if name in fields else None
        if isinstance(default, int | float) and not isinstance(value, int | float):
            raise BadInput(f"--set {name} is a number, such as {default}; got {value!r}.")
    return found
