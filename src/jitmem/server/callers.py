"""Who calls: the owner of the memory, or a user of one namespace, by a token or by a cookie of the inspector."""

from __future__ import annotations

import json
import os
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from hmac import compare_digest

from ..stores.errors import BadInput
from .network_access import check_token

TOKEN_VARIABLE, USERS_VARIABLE = "JITMEM_TOKEN", "JITMEM_USERS"
_SIGNED_IN_S = 12 * 3600.0
_MOST_SIGNED_IN = 256


@dataclass(frozen=True, slots=True)
class Caller:
    """`namespace` is the only one that the caller may use; None for the owner, who may use all and administer the folder."""

    name: str
    namespace: str | None
    csrf: str | None = None
    """Of a caller with a cookie: what a writing request must send as X-CSRF-Token."""

    @property
    def is_owner(self) -> bool:
        return self.namespace is None


class Callers:
    """The tokens that are accepted, and the browsers that are signed in. A secret is compared in constant time."""

    def __init__(self, owner_token: str | None, users: Mapping[str, str] | None = None) -> None:
        """`users` are tokens by namespace, each of which opens that namespace alone."""
        self._tokens = [(Caller(name, name), token) for name, token in (users or {}).items()]
        if owner_token is not None:
            self._tokens.append((Caller("owner", None), owner_token))
        self._code: str | None = None
        self._signed_in: OrderedDict[str, tuple[Caller, float]] = OrderedDict()
        self._lock = threading.Lock()

    @classmethod
    def from_environment(cls) -> Callers:
        """By JITMEM_TOKEN, the owner's, and JITMEM_USERS, `{"ana": "a long secret"}`; `BadInput` for weak or equal ones."""
        token, text = os.environ.get(TOKEN_VARIABLE) or None, os.environ.get(USERS_VARIABLE) or "{}"
        try:
            users = json.loads(text)
        except ValueError:
            users = None
        if not isinstance(users, dict) or not all(isinstance(secret, str) and name for name, secret in users.items()):
            raise BadInput(
                f'{USERS_VARIABLE} must be JSON like {{"ana": "a long secret"}}: a token for each namespace.'
            )
        for name, secret in users.items():
            check_token(secret, f"{USERS_VARIABLE} ({name})")
        if token is not None:
            check_token(token, TOKEN_VARIABLE)
        if len({*users.values(), token}) != len(users) + 1:
            raise BadInput(f"Two tokens of {USERS_VARIABLE} and {TOKEN_VARIABLE} are equal; each needs its own.")
        return cls(token, users)

    def __bool__(self) -> bool:
        return bool(self._tokens)

    def add_owner_token(self) -> str:
        """A fresh token of the owner that is valid until this process ends."""
        token = secrets.token_urlsafe(32)
        self._tokens.append((Caller("owner", None), token))
        return token

    def new_code(self) -> str:
        """A code that signs one browser in as the owner, once; it replaces an earlier one."""
        self._code = secrets.token_urlsafe(32)
        return self._code

    def by_token(self, token: str) -> Caller | None:
        matches = [caller for caller, known in self._tokens if compare_digest(known.encode(), token.encode())]
        return matches[0] if matches else None

    def sign_in(self, given: str) -> tuple[str, Caller] | None:
        """The value of a cookie and the caller, for a token or the unused code."""
        with self._lock:
            caller = self.by_token(given)
            if caller is None and self._code and compare_digest(self._code.encode(), given.encode()):
                caller, self._code = Caller("owner", None), None
            if caller is None:
                return None
            cookie = secrets.token_urlsafe(32)
            made = Caller(caller.name, caller.namespace, secrets.token_urlsafe(24))
            self._signed_in[cookie] = (made, time.monotonic() + _SIGNED_IN_S)
            while len(self._signed_in) > _MOST_SIGNED_IN:
                self._signed_in.popitem(last=False)
            return cookie, made

    def by_cookie(self, cookie: str) -> Caller | None:
        with (
            self._lock
        ):  # a dict's look-up is not in constant time, but of 256 random bits nothing can be guessed by it
            caller, until = self._signed_in.get(cookie, (None, 0.0))
            return caller if time.monotonic() < until else None

    def sign_out(self, cookie: str) -> None:
        with self._lock:
            self._signed_in.pop(cookie, None)
