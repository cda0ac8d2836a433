"""Keys and passwords never leave the process by what we say: errors and what is behind them, logs, recordings.

A server may repeat the key that it turned down. What counts as a secret: what the model that was asked holds, what
the environment calls a key, token, secret or password, and whatever looks like one. Shorter than eight characters,
it is taken out only where it looks like one: "none" and "ollama" stand for no key at all.
"""

from __future__ import annotations

import os
import re
from base64 import b64encode
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import unquote, urlsplit

HIDDEN = "…"
SHORTEST = 8
_DEEPEST = 3  # a model within a model within a model
_NAMED = re.compile(r"(?:^|[_-])(?:key|token|secret|password|passwd|credentials?|authorization)$", re.I)
_LOOKS = (
    (re.compile(r"\b(?:sk|pk|rk|gsk|xai|hf|pplx|lsv2)[-_][\w-]{8,}"), HIDDEN),
    (re.compile(r"\b(Bearer|Basic)\s+(?=\S*[\d=_.-])[\w.~+/=-]{8,}", re.I), rf"\1 {HIDDEN}"),
    (re.compile(r"(?<=://)[^\s/@\"'<>]+@"), f"{HIDDEN}@"),
)


def covered(text: str, holder: object = None) -> str:
    """The text with a mark in place of every secret: those of `holder` (a model), of the environment, and lookalikes."""
    text = _replaced(text, {*_of_the_environment(), *_held(holder)})
    for looks, mark in _LOOKS:
        text = looks.sub(mark, text)
    return text


def covered_for(text: str, holder: object) -> str:
    """The same with the secrets of `holder` only: for text that must stay as it is but for them."""
    return _replaced(text, set(_held(holder)))


def cover(error: BaseException, holder: object = None) -> bool:
    """Take secrets out of what an error says, and every error behind it, in place.

    One behind it that cannot be changed is let go. False where the error itself cannot.
    """
    seen: set[int] = set()
    last: BaseException | None = None
    now: BaseException | None = error
    while now is not None and id(now) not in seen:
        seen.add(id(now))
        _rewrite(now, holder)
        if any(covered(said, holder) != said for said in (str(now), repr(now))):
            if last is None:
                return False
            last.__cause__ = last.__context__ = None
            return True
        last, now = now, now.__cause__ or now.__context__
    return True


def _rewrite(error: BaseException, holder: object) -> None:
    error.args = tuple(_rewritten(part, holder) for part in error.args)
    for name, value in list(vars(error).items()):
        with suppress(AttributeError, TypeError):  # one that is frozen
            setattr(error, name, _rewritten(value, holder))


def _rewritten(value: Any, holder: object) -> Any:
    if isinstance(value, str):
        return covered(value, holder)
    if type(value) is dict:
        return {key: _rewritten(inner, holder) for key, inner in value.items()}
    return type(value)(_rewritten(inner, holder) for inner in value) if type(value) in (list, tuple) else value


def _replaced(text: str, secrets: Collection[str]) -> str:
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def _of_the_environment() -> Iterator[str]:
    for name, value in os.environ.items():
        if _NAMED.search(name):
            yield from _worth(value)
        elif "://" in value:
            yield from _in_address(value)


def _held(holder: object, depth: int = _DEEPEST) -> Iterator[str]:
    fields = getattr(holder, "__dict__", None)
    for name, value in fields.items() if isinstance(fields, dict) else ():
        reveal = getattr(value, "get_secret_value", None)
        if callable(reveal):
            yield from _worth(str(reveal()))
        elif callable(told := getattr(value, "secrets", None)):  # our own connections
            yield from (one for secret in told() for one in _worth(secret))
        elif isinstance(value, Mapping):  # headers
            yield from (one for key, told in value.items() if _NAMED.search(str(key)) for one in _worth(str(told)))
        elif isinstance(value, str):
            yield from _worth(value) if _NAMED.search(name) else _in_address(value)
        elif depth and (hasattr(type(value), "model_fields") or hasattr(value, "embed_query")):
            yield from _held(value, depth - 1)


def _worth(value: str) -> Iterator[str]:
    secret = value.strip().rpartition(" ")[2]  # of "Bearer …"
    if len(secret) >= SHORTEST:
        yield secret


def _in_address(value: str) -> Iterator[str]:
    """User and password of an address, as they are sent, and the password as it is written and as it is meant."""
    try:
        parts = urlsplit(value)
    except ValueError:
        return
    if parts.password:
        user, password = unquote(parts.username or ""), unquote(parts.password)
        yield b64encode(f"{user}:{password}".encode()).decode()
        yield from (*_worth(parts.password), *_worth(password))
