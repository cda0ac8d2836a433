"""`jitmem mcp`: the memory's tools for any MCP client."""

from __future__ import annotations

import os
import signal
import sys
from typing import Annotated, NoReturn

import typer
from typer import Option

from .errors import INTERRUPTED, complain
from .settings import open_memory


def mcp(
    ctx: typer.Context,
    read_only: Annotated[bool, Option("--read-only", help="Leave out the tools that edit.")] = False,
    http: Annotated[
        int | None, Option(metavar="PORT", min=1, max=65535, help="Serve HTTP here instead of stdio.")
    ] = None,
    host: Annotated[
        str, Option(metavar="ADDRESS", help="Of HTTP. Off the loopback, JITMEM_MCP_TOKEN must be set.")
    ] = "127.0.0.1",
    origin: Annotated[
        list[str] | None, Option(metavar="URL", help="A web page that may call over HTTP; may be repeated.")
    ] = None,
) -> None:
    """Serve the memory's tools to an MCP client, until it disconnects. A missing memory is created.

    Examples:
      jitmem mcp --memory ~/memory                over standard input and output, as a client starts it
      jitmem mcp --memory ~/memory --read-only    without the tools that edit
      jitmem mcp --memory ~/memory --http 8123    at http://127.0.0.1:8123/mcp
      JITMEM_MCP_TOKEN=… jitmem mcp --http 8123 --host 192.168.1.5

    In a client's configuration:
      {"mcpServers": {"memory": {"command": "jitmem", "args": ["mcp", "--memory", "/home/ana/memory"]}}}
    """
    if http is not None:
        _serve_http(ctx, http, host, origin or [], read_only=read_only)
        return
    from ..integrations.mcp import serve_stdio

    with open_memory(ctx, create=not read_only) as memory:
        signal.signal(signal.SIGINT, _end)
        serve_stdio(memory, read_only=read_only)


def _serve_http(ctx: typer.Context, port: int, host: str, origins: list[str], *, read_only: bool) -> None:
    from ..integrations.mcp_http import TOKEN_VARIABLE, serve_http
    from ..server.network_access import check_access

    token = os.environ.get(TOKEN_VARIABLE) or None
    check_access(host, origins, token, TOKEN_VARIABLE)
    with open_memory(ctx, create=not read_only) as memory:
        shown = f"[{host}]" if ":" in host else host
        print(f"jitmem: http://{shown}:{port}/mcp", file=sys.stderr)
        serve_http(memory, port, host=host, origins=origins, token=token, read_only=read_only)


def _end(*_: object) -> NoReturn:
    """Exit immediately: the thread that reads standard input cannot be stopped, and every reply is on disk."""
    complain("interrupted")
    os._exit(INTERRUPTED)
