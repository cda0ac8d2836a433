"""MCP over HTTP: who may call (a token, a list of origins), and how long a request may take to arrive."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import uvicorn
from mcp.server.transport_security import TransportSecuritySettings
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import PlainTextResponse

from ..server.network_access import check_access, is_loopback
from ..server.timed_protocol import TimedProtocol
from .mcp import server

if TYPE_CHECKING:
    from ..memory import Memory

TOKEN_VARIABLE = "JITMEM_MCP_TOKEN"
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
    check_access(host, origins, token, TOKEN_VARIABLE)
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
        http=TimedProtocol,
        ws="none",
        limit_concurrency=_CONNECTIONS,
        server_header=False,
    )


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
