"""Run the app with uvicorn until it is interrupted."""

from __future__ import annotations

import socket

import uvicorn
from fastapi import FastAPI

from ..stores.errors import BadInput
from .timed_protocol import TimedProtocol

_CONNECTIONS = 1024
_STOP_S = 5  # that running requests may take once the server is interrupted


def open_port(host: str, port: int) -> socket.socket:
    """A listening socket; `BadInput` if the address or the port cannot be had."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=256)
    except OSError as error:
        raise BadInput(f"{host}, port {port}: {error.strerror or error}; choose another with --port.") from error


def run_server(app: FastAPI, listening: socket.socket) -> None:
    """No access log: addresses and paths stay out of logs."""
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        http=TimedProtocol,
        ws="none",
        limit_concurrency=_CONNECTIONS,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_STOP_S,
    )
    uvicorn.Server(config).run(sockets=[listening])
