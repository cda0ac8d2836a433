"""Where a server may listen, and which secrets and origins it takes."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from ..stores.errors import BadInput

TOKEN_CHARS = 16


def is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_access(host: str, origins: Sequence[str], token: str | None, variable: str) -> None:
    """`BadInput` for a weak token, for none off the loopback, and for an origin that is none; `variable` holds the token."""
    if token is not None:
        check_token(token, variable)
    elif not is_loopback(host):
        raise BadInput(f"{host} can be reached from other machines: set {variable} to a secret that clients send.")
    for origin in origins:
        scheme, _, rest = origin.partition("://")
        if scheme not in ("http", "https") or not rest or "/" in rest or "*" in rest:
            raise BadInput(f"{origin!r} is no origin; write it like https://app.example or http://localhost:5173.")


def check_token(token: str, variable: str) -> None:
    if len(token) < TOKEN_CHARS or not token.isascii() or not token.isprintable():
        raise BadInput(f"{variable} needs at least {TOKEN_CHARS} plain characters.")
