"""Every test runs without a network; the fixtures that most tests start from."""

from __future__ import annotations

import ipaddress
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

os.environ.setdefault(
    "JITMEM_CHROMA_MIN_VECTORS", "0"
)  # Chroma works from the first vector on, here and in child processes

from model_server import ModelServer
from postgres_server import PostgresServer, why_not

import jitmem.stores.index.chroma_index  # noqa: F401 (reads the variable now: some tests clear it)
from jitmem import Memory
from jitmem.nodes.llm.output_forms import forget_servers

pytest.register_assert_rewrite("contracts.keyword_contract", "contracts.truth_contract", "contracts.vector_contract")

settings.register_profile("jitmem", deadline=None)  # the first example pays for imports
settings.load_profile("jitmem")

Child = subprocess.Popen[str]
VERSIONED = ("langgraph", "langchain-core", "langchain", "langchain-openai", "chromadb", "pydantic")
_may_leave: list[bool] = []  # not empty while a test runs that is marked `real_model`
_tried: list[str] = []  # what this test tried to reach; an audit hook cannot be taken off again


def pytest_sessionstart(session: pytest.Session) -> None:
    """Says with which packages; a header of pytest's own is not shown with `-q`."""
    if reporter := session.config.pluginmanager.get_plugin("terminalreporter"):  # the processes of xdist have none
        installed = {found.name.lower(): found.version for found in distributions()}
        reporter.write_line("with " + ", ".join(f"{name} {installed.get(name, '(none)')}" for name in VERSIONED))


def _is_near(host: object) -> bool:
    if host in (None, "", "localhost", b"localhost"):
        return True
    try:
        return ipaddress.ip_address(host.decode() if isinstance(host, bytes) else str(host)).is_loopback
    except ValueError:
        return False


def _guard(event: str, args: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = args[1]
        far = isinstance(address, tuple) and not _is_near(address[0])  # AF_UNIX addresses are text
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        address, far = args[0], not _is_near(args[0])
    else:
        return
    if far and not _may_leave:
        _tried.append(f"{event} {address!r}")
        raise PermissionError(f"Tests have no network, and {event} was called for {address!r}.")


sys.addaudithook(_guard)


@pytest.fixture(autouse=True)
def no_network(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """Fails the test for each attempt to leave this machine, even one whose error was swallowed."""
    _tried.clear()
    _may_leave.extend([True] if request.node.get_closest_marker("real_model") else [])
    yield _tried
    _may_leave.clear()
    assert _tried == [], "the test tried to use the network"


@pytest.fixture(autouse=True)
def unknown_servers() -> None:
    """What was learned of a server's forms in another test is forgotten: ports come again."""
    forget_servers()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a memory may be made; nothing is there yet."""
    return tmp_path / "memory"


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real PostgreSQL, started once a process of pytest; skips where there is none."""
    if reason := why_not():
        pytest.skip(reason)
    server = PostgresServer()
    yield server
    server.close()


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """Of a new database with an empty memory in it."""
    url = postgres.database()
    yield url
    postgres.drop(url)


@pytest.fixture
def memory(folder: Path) -> Iterator[Memory]:
    """A fresh memory without models."""
    with Memory.open(folder) as opened:
        yield opened


@pytest.fixture
def start() -> Iterator[Callable[..., Child]]:
    """Starts a Python process with a script and its arguments, text on its pipes; what still runs after the test is
    killed."""
    children: list[Child] = []

    def started(script: str, *args: object) -> Child:
        command = [sys.executable, "-c", script, *(str(arg) for arg in args)]
        pipe = subprocess.PIPE
        children.append(subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, encoding="utf-8"))
        return children[-1]

    yield started
    for child in children:
        child.kill()
        child.communicate()


@pytest.fixture(scope="module")
def running() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


@pytest.fixture
def server(running: ModelServer) -> ModelServer:
    running.reset()
    return running
