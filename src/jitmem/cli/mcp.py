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
) -> None:
    """Serve the memory's tools to an MCP client, until it disconnects. A missing memory is created.

    Examples:
      jitmem mcp --memory ~/memory                over standard input and output, as a client starts it
      jitmem mcp --memory ~/memory --read-only    without the tools that edit
      jitmem mcp --memory ~/memory --http 8123    at http://127.0.0.1:8123/mcp

    In a client's configuration:
      {"mcpServers": {"memory": {"command": "jitmem", "args": ["mcp", "--memory", "/home/ana/memory"]}}}
    """
    from ..integrations.mcp import serve_http, serve_stdio

    with open_memory(ctx, create=not read_only) as memory:
        if http is None:
            signal.signal(signal.SIGINT, _end)
            serve_stdio(memory, read_only=read_only)
        else:
            print(f"jitmem: http://127.0.0.1:{http}/mcp", file=sys.stderr)
            serve_http(memory, http, read_only=read_only)


def _end(*_: object) -> NoReturn:
    """Exit immediately: the thread that reads standard input cannot be stopped, and every reply is on disk."""
    complain("interrupted")
    os._exit(INTERRUPTED)
