"""The values that stand in an export, each refused by what is wrong with it."""

from __future__ import annotations

import base64
import re
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, Field

_ID = re.compile(r"[0-9A-Za-z_-]{10,64}")
Count = Annotated[int, Field(ge=0, lt=1 << 31)]


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("holds a NUL, which no memory keeps")
    return text


def _object(value: dict[str, Any]) -> dict[str, Any]:
    rest: list[Any] = [value]
    while rest:
        one = rest.pop()
        if isinstance(one, str):
            _storable(one)
        elif isinstance(one, dict):
            rest += [*one, *one.values()]
        elif isinstance(one, list):
            rest += one
    return value


def _id(text: str) -> str:
    if not _ID.fullmatch(text):
        raise ValueError("is no id: 10 to 64 letters, digits, - and _")
    return text


def _time(text: str) -> str:
    try:
        if datetime.fromisoformat(text).isoformat() == text:
            return text
    except ValueError:
        pass
    raise ValueError("is no time in the form 2023-05-08T13:56:00, with or without an offset")


def _stamp(text: str) -> str:
    if datetime.fromisoformat(_time(text)).utcoffset() != timedelta(0):
        raise ValueError("is no time in UTC, such as 2026-11-21T07:00:00.000000+00:00")
    return text


def _sha(text: str) -> str:
    if not re.fullmatch("[0-9a-f]{64}", text):
        raise ValueError("is no sha256 in hexadecimal")
    return text


def _vector(text: str) -> str:
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        raw = b""
    if not raw or len(raw) % 4 or not np.isfinite(np.frombuffer(raw, "<f4")).all():
        raise ValueError("is no vector: finite float32, little endian, as base64")
    return text


Text = Annotated[str, AfterValidator(_storable)]
Name = Annotated[Text, Field(min_length=1)]
Id = Annotated[str, AfterValidator(_id)]
Time = Annotated[str, AfterValidator(_time)]
Stamp = Annotated[str, AfterValidator(_stamp)]
Sha = Annotated[str, AfterValidator(_sha)]
Vector = Annotated[str, AfterValidator(_vector)]
Object = Annotated[dict[str, Any], AfterValidator(_object)]
Turn = Annotated[tuple[Count, Count, Text], Field(strict=False)]
Span = Annotated[tuple[Count, Count, Text | None], Field(strict=False)]
Kind = Literal["core", "semantic", "episodic"]
