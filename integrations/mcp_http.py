"""MCP over HTTP: who may call (a token, a list of origins), and how long a request may take to arrive."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import h11
import uvicorn
from mcp.server.transport_security import TransportSecuritySettings
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import PlainTextResponse
from uvicorn.protocols.http.h11_impl import H11Protocol

from ..stores.errors import BadInput
from .mcp import server

if TYPE_CHECKING:
    from ..memory import Memory

REQUEST_S = 20.0
"""How long a request may take to arrive, from its connection or its first byte to its last."""
TOKEN_VARIABLE, TOKEN_CHARS = "JITMEM_MCP_TOKEN", 16
_CONNECTIONS = 256
_LOCAL = ["127.0.0.1:*", "localhost:*", "[::1]:*"]


def serve_http(
    memory: Memory,
    port: int,
    *,
    host: str = "127.0.0.1",
    origins: Sequence[str] = (),
    token: str | None = None,
    read_only: bool = False,
) -> None:
    """Streamable HTTP on `http://host:port/mcp`, until interrupted.

    A request needs `Authorization: Bearer <token>`, if there is a token; off the loopback there must be one. A web page
    may call only from one of the `origins`; programs that are no browser name none. `BadInput` before anything listens.
    """
    check_access(host, origins, token)
    local = TransportSecuritySettings(allowed_hosts=_LOCAL, allowed_origins=list(origins))
    rebinding = local if is_loopback(host) else TransportSecuritySettings(enable_dns_rebinding_protection=False)
    app: Any = server(memory, read_only=read_only).streamable_http_app(host=host, transport_security=rebinding)
    app = _Guard(app, frozenset(origins), token)
    if origins:
        app = CORSMiddleware(
            app,
            allow_origins=origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["*"],
            expose_headers=["Mcp-Session-Id"],
        )
    uvicorn.run(
        app,
        host=host,
        port=port,
        log_level="warning",
        http=_TimedProtocol,
        ws="none",
        limit_concurrency=_CONNECTIONS,
        server_header=False,
    )


def check_access(host: str, origins: Sequence[str], token: str | None) -> None:
    if token is not None and (len(token) < TOKEN_CHARS or not token.isascii() or not token.isprintable()):
        raise BadInput(f"{TOKEN_VARIABLE} needs at least {TOKEN_CHARS} plain characters.")
    if token is None and not is_loopback(host):
        raise BadInput(
            f"{host} can be reached from other machines: set {TOKEN_VARIABLE} to a secret that clients send."
        )
    for origin in origins:
        scheme, _, rest = origin.partition("://")
        if scheme not in ("http", "https") or not rest or "/" in rest or "*" in rest:
            raise BadInput(f"{origin!r} is no origin; write it like https://app.example or http://localhost:5173.")


def is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Guard:
    """Answers 403 to a page of another origin and 401 to a request without the token."""

    def __init__(self, app: Any, origins: frozenset[str], token: str | None) -> None:
        self._app = app
        self._origins = origins
        self._expected = None if token is None else f"Bearer {token}".encode()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and (refusal := self._refuse(scope["headers"])):
            await refusal(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _refuse(self, headers: Sequence[tuple[bytes, bytes]]) -> PlainTextResponse | None:
        origins = [value for name, value in headers if name == b"origin"]
        if any(value.decode("latin-1") not in self._origins for value in origins):
            return PlainTextResponse("This origin may not call.", 403)
        sent = [value for name, value in headers if name == b"authorization"]
        if self._expected is None or (len(sent) == 1 and hmac.compare_digest(sent[0], self._expected)):
            return None
        return PlainTextResponse("A token is needed.", 401, {"WWW-Authenticate": "Bearer"})


class _TimedProtocol(H11Protocol):
    """Closes a connection whose request has not arrived in time. Answers, and streams of events, may take as long as they do."""

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._timer = self.loop.call_later(REQUEST_S, self.transport.abort)

    def data_received(self, data: bytes) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(REQUEST_S, self.transport.abort)
        super().data_received(data)
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._stop_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
