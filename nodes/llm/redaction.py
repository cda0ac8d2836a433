"""Redact keys and passwords in everything we write: errors and their causes, logs, recordings.

A server may repeat the key that it rejected. What counts as a secret: what the model object holds, what the
environment calls a key, token, secret or password, and whatever looks like one. Shorter than eight characters,
it is redacted only where it looks like one: "none" and "ollama" stand for no key at all.
"""

from __future__ import annotations

import os
import re
from base64 import b64encode
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import unquote, urlsplit

REDACTED = "…"
MIN_SECRET_CHARS = 8
_MAX_DEPTH = 3  # a model within a model within a model
_SECRET_NAME = re.compile(r"(?:^|[_-])(?:key|token|secret|password|passwd|credentials?|authorization)$", re.I)
_LOOKALIKES = (
    (re.compile(r"\b(?:sk|pk|rk|gsk|xai|hf|pplx|lsv2)[-_][\w-]{8,}"), REDACTED),
    (re.compile(r"\b(Bearer|Basic)\s+(?=\S*[\d=_.-])[\w.~+/=-]{8,}", re.I), rf"\1 {REDACTED}"),
    (re.compile(r"(?<=://)[^\s/@\"'<>]+@"), f"{REDACTED}@"),
)


def redact(text: str, holder: object = None) -> str:
    """The text with a mark in place of every secret: those of `holder` (a model), of the environment, and lookalikes."""
    text = _replace(text, {*_environment_secrets(), *_secrets_of(holder)})
    for lookalike, mark in _LOOKALIKES:
        text = lookalike.sub(mark, text)
    return text


def redact_secrets_of(text: str, holder: object) -> str:
    """Only the secrets of `holder`: for text that must otherwise stay as it is."""
    return _replace(text, set(_secrets_of(holder)))


def redact_error(error: BaseException, holder: object = None) -> bool:
    """Redact what an error and its causes say, in place.

    A cause that cannot be changed is dropped. False where the error itself cannot be changed.
    """
    seen: set[int] = set()
    last: BaseException | None = None
    now: BaseException | None = error
    while now is not None and id(now) not in seen:
        seen.add(id(now))
        _redact_in_place(now, holder)
        if any(redact(said, holder) != said for said in (str(now), repr(now))):
            if last is None:
                return False
            last.__cause__ = last.__context__ = None
            return True
        last, now = now, now.__cause__ or now.__context__
    return True


def _redact_in_place(error: BaseException, holder: object) -> None:
    error.args = tuple(_redact_value(part, holder) for part in error.args)
    for name, value in list(vars(error).items()):
        with suppress(AttributeError, TypeError):  # one that is frozen
            setattr(error, name, _redact_value(value, holder))


def _redact_value(value: Any, holder: object) -> Any:
    if isinstance(value, str):
        return redact(value, holder)
    if type(value) is dict:
        return {key: _redact_value(inner, holder) for key, inner in value.items()}
    return type(value)(_redact_value(inner, holder) for inner in value) if type(value) in (list, tuple) else value


def _replace(text: str, secrets: Collection[str]) -> str:
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, REDACTED)
    return text


def _environment_secrets() -> Iterator[str]:
    for name, value in os.environ.items():
        if _SECRET_NAME.search(name):
            yield from _long_enough(value)
        elif "://" in value:
            yield from _address_secrets(value)


def _secrets_of(holder: object, depth: int = _MAX_DEPTH) -> Iterator[str]:
    fields = getattr(holder, "__dict__", None)
    for name, value in fields.items() if isinstance(fields, dict) else ():
        reveal = getattr(value, "get_secret_value", None)
        if callable(reveal):
            yield from _long_enough(str(reveal()))
        elif callable(secrets := getattr(value, "secrets", None)):  # our own connections
            yield from (one for secret in secrets() for one in _long_enough(secret))
        elif isinstance(value, Mapping):  # headers
            yield from (
                one for key, said in value.items() if _SECRET_NAME.search(str(key)) for one in _long_enough(str(said))
            )
        elif isinstance(value, str):
            yield from _long_enough(value) if _SECRET_NAME.search(name) else _address_secrets(value)
        elif depth and (hasattr(type(value), "model_fields") or hasattr(value, "embed_query")):
            yield from _secrets_of(value, depth - 1)


def _long_enough(value: str) -> Iterator[str]:
    secret = value.strip().rpartition(" ")[2]  # of "Bearer …"
    if len(secret) >= MIN_SECRET_CHARS:
        yield secret


def _address_secrets(value: str) -> Iterator[str]:
    """User and password of an address, as they are sent, and the password as it is written and as it is meant."""
    try:
        parts = urlsplit(value)
    except ValueError:
        return
    if parts.password:
        user, password = unquote(parts.username or ""), unquote(parts.password)
        yield b64encode(f"{user}:{password}".encode()).decode()
        yield from (*_long_enough(parts.password), *_long_enough(password))
