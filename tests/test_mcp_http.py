"""MCP over HTTP with a real client and raw sockets: tokens, origins, hosts, and requests that never arrive."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("mcp_types", reason="the MCP server needs mcp 2")

import httpx
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from test_mcp import HELLO, called
from typer.testing import CliRunner

from jitmem.cli.app import app
from jitmem.server.network_access import is_loopback
from jitmem.server.timed_protocol import REQUEST_S

TOKEN = "a-long-secret-of-24-chars"
SHORT_S = 1.0
SCRIPT = """
import sys
import jitmem.server.timed_protocol as timed
timed.REQUEST_S = float(sys.argv[1])
from jitmem.cli import main
sys.argv = ["jitmem", *sys.argv[2:]]
main()
"""
ACCEPT = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}


@contextmanager
def serving(folder: Path, *options: str, token: str = "", request_s: float = REQUEST_S) -> Iterator[int]:
    """The port of a process that serves the memory in `folder`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    words = ["mcp", "--memory", str(folder), "--http", str(port), *options]
    env = {**os.environ, **({"JITMEM_MCP_TOKEN": token} if token else {})}
    child = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(request_s), *words], env=env, stderr=subprocess.PIPE, text=True
    )
    try:
        for _ in range(1200):
            with socket.socket() as one:
                if one.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert child.poll() is None, child.communicate()[1]
            time.sleep(0.1)
        yield port
    finally:
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=300)
    assert TOKEN not in err
    assert "Traceback" not in err or request_s != REQUEST_S  # the mcp package logs a body that was cut off


def hello(port: int, **headers: str) -> httpx.Response:
    return httpx.post(f"http://127.0.0.1:{port}/mcp", json=HELLO, headers={**ACCEPT, **headers}, timeout=60)


async def test_a_client_with_the_token_works_and_others_are_refused(folder: Path) -> None:
    with serving(folder, token=TOKEN) as port:
        assert hello(port).status_code == 401
        assert hello(port, Authorization="Bearer wrong").headers["WWW-Authenticate"] == "Bearer"
        assert hello(port, Authorization=f"Basic {TOKEN}").status_code == 401
        assert hello(port, Authorization=f"Bearer {TOKEN}x").status_code == 401
        assert hello(port, Authorization=f"Bearer {TOKEN}").status_code == 200
        for method in ("GET", "DELETE", "OPTIONS"):
            answer = httpx.request(method, f"http://127.0.0.1:{port}/mcp", headers=ACCEPT, timeout=60)
            assert answer.status_code == 401, method
        async with _client(port) as session:
            await session.initialize()
            await called(session, "memory_insert", kind="semantic", content="Ilda drinks tea.")
            assert "Ilda" in (await called(session, "memory_search", query="tea"))[0]


def _client(port: int):  # type: ignore[no-untyped-def]
    from contextlib import asynccontextmanager

    from mcp.shared._httpx_utils import create_mcp_http_client

    @asynccontextmanager
    async def connect():  # type: ignore[no-untyped-def]
        async with (
            create_mcp_http_client(headers={"Authorization": f"Bearer {TOKEN}"}) as http,
            streamable_http_client(f"http://127.0.0.1:{port}/mcp", http_client=http) as (read, write),
            ClientSession(read, write) as session,
        ):
            yield session

    return connect()


def test_only_pages_of_the_listed_origins_may_call(folder: Path) -> None:
    with serving(folder, "--origin", "https://app.example") as port:
        assert hello(port).status_code == 200
        own = hello(port, Origin="https://app.example")
        assert (own.status_code, own.headers["access-control-allow-origin"]) == (200, "https://app.example")
        for origin in (
            "https://evil.example",
            "http://localhost:3000",
            f"http://127.0.0.1:{port}",
            "null",
            "https://app.example.evil",
        ):
            refused = hello(port, Origin=origin)
            assert (refused.status_code, "access-control-allow-origin" in refused.headers) == (403, False), origin
        assert hello(port, Host="evil.example").status_code == 421
        preflight = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
        asked = httpx.options(f"http://127.0.0.1:{port}/mcp", headers=preflight, timeout=60)
        assert "access-control-allow-origin" not in asked.headers


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "memory.example"])
def test_off_the_loopback_it_does_not_start_without_a_token(host: str, folder: Path) -> None:
    refused = CliRunner(env={"JITMEM_MCP_TOKEN": ""}).invoke(
        app, ["mcp", "--memory", str(folder), "--http", "8123", "--host", host]
    )
    assert (refused.exit_code, folder.exists()) == (2, False)
    assert "JITMEM_MCP_TOKEN" in refused.stderr


def test_a_short_token_or_what_is_no_origin_is_refused(folder: Path) -> None:
    words = ["mcp", "--memory", str(folder), "--http", "8123"]
    short = CliRunner(env={"JITMEM_MCP_TOKEN": "secret"}).invoke(app, words)
    assert (short.exit_code, "at least 16" in short.stderr) == (2, True)
    for origin in ("*", "app.example", "https://app.example/", "https://*.example"):
        assert CliRunner().invoke(app, [*words, "--origin", origin]).exit_code == 2, origin


def test_what_is_the_loopback() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.8.8.8", "::1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "10.0.0.1", "localhost.example", "")))


HALF: dict[str, bytes] = {
    "nothing": b"",
    "half a header": b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ",
    "half a body": b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:80\r\nContent-Type: application/json\r\nAccept: */*\r\n"
    b'Content-Length: 1000\r\n\r\n{"jsonrpc"',
    "half a chunk": b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:80\r\nContent-Type: application/json\r\nAccept: */*\r\n"
    b'Transfer-Encoding: chunked\r\n\r\nff\r\n{"json',
}


def test_a_request_that_never_arrives_is_closed_and_a_stream_of_events_is_not(folder: Path) -> None:
    with serving(folder, request_s=SHORT_S) as port:
        open_ones = {}
        for name, sent in HALF.items():
            open_ones[name] = socket.create_connection(("127.0.0.1", port))
            open_ones[name].sendall(sent)
        # One byte now and then does not prolong it.
        dripping = socket.create_connection(("127.0.0.1", port))
        dripping.sendall(b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
        assert _drip_until_closed(dripping) < 60
        for name, one in open_ones.items():
            one.settimeout(60)
            assert _is_closed(one), name
            one.close()
        dripping.close()
        started = hello(port)
        session = {"Mcp-Session-Id": started.headers["mcp-session-id"], **ACCEPT}
        with httpx.stream("GET", f"http://127.0.0.1:{port}/mcp", headers=session, timeout=60) as events:
            assert events.status_code == 200
            time.sleep(3 * SHORT_S)
            assert not events.is_closed
            assert hello(port).status_code == 200
            with pytest.raises(httpx.ReadTimeout):
                _read_for(events, 0.5)


def _read_for(events: httpx.Response, seconds: float) -> None:
    """Waits for an event: of a stream that is open and has none, that times out."""
    stream = events.extensions["network_stream"]
    try:
        stream.read(1, timeout=seconds)
    except Exception as error:
        if "Timeout" in type(error).__name__:
            raise httpx.ReadTimeout(str(error)) from error
        raise


def _drip_until_closed(one: socket.socket) -> float:
    """How many seconds a byte now and then kept the connection open, at most 60."""
    begun = time.monotonic()
    while time.monotonic() < begun + 60:
        try:
            one.sendall(b"x")
        except OSError:
            break
        time.sleep(0.1)
    return time.monotonic() - begun


def _is_closed(one: socket.socket) -> bool:
    try:
        while one.recv(4096):
            pass
    except ConnectionResetError:
        return True
    return True


async def test_many_half_open_requests_do_not_keep_a_client_waiting(folder: Path) -> None:
    with serving(folder, token=TOKEN, request_s=SHORT_S) as port:
        half = [socket.create_connection(("127.0.0.1", port)) for _ in range(100)]
        for one in half:
            one.sendall(HALF["half a body"])
        assert hello(port, Authorization=f"Bearer {TOKEN}").status_code == 200
        await asyncio.sleep(2 * SHORT_S)
        async with _client(port) as session:
            await session.initialize()
        for one in half:
            one.close()
