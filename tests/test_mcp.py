"""`jitmem mcp` with a real MCP client: over the pipes of a real process, and over HTTP."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from jitmem import Memory
from jitmem.stores.recall_markers import recalled_spans
from jitmem.tools.memory_tools import TOOLS

pytest.importorskip("mcp_types", reason="the MCP server needs mcp 2")

from mcp import ClientSession, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from typer.testing import CliRunner

from jitmem.cli.app import app

ARGS = ["-c", "from jitmem.cli import main; main()", "mcp", "--memory"]
EDITS = {"memory_insert", "memory_update", "memory_delete"}
ANA = "Ana: Since Monday I work at the harbour office in Viana."
HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
}

Connect = Callable[..., AbstractAsyncContextManager[ClientSession]]


@pytest.fixture
def connect(folder: Path, tmp_path: Path) -> Connect:
    """A session with a process that serves the memory in `folder`."""

    @asynccontextmanager
    async def connected(*options: str) -> AsyncIterator[ClientSession]:
        process = StdioServerParameters(command=sys.executable, args=[*ARGS, str(folder), *options], cwd=tmp_path)
        async with stdio_client(process) as (read, write), ClientSession(read, write) as session:
            await session.initialize()
            yield session

    return connected


async def called(session: ClientSession, name: str, /, **arguments: Any) -> tuple[str, bool]:
    """What the tool says, and whether that is an error."""
    result: Any = await session.call_tool(name, arguments)
    [content] = result.content
    return content.text, bool(result.is_error)


async def test_every_tool_is_listed_with_its_arguments_described(connect: Connect) -> None:
    async with connect() as session:
        listed = (await session.list_tools()).tools
    assert [tool.name for tool in listed] == list(TOOLS)
    for tool in listed:
        assert tool.description
        fields = tool.input_schema["properties"]
        assert all(field["description"] for field in fields.values())
        assert "namespace" not in fields
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint is (tool.name not in EDITS)


async def test_every_tool_is_called(connect: Connect, folder: Path) -> None:
    with Memory.open(folder) as memory:
        [page_id] = memory.memorize(ANA).page_ids
    async with connect() as session:
        for name in ("search_pages", "search_keyword", "search_vector"):
            text, failed = await called(session, name, query="harbour office", k=3)
            assert (recalled_spans(text), failed) == ([(0, len(text))], False)
            assert f"[{page_id} 0-{len(ANA)}] {ANA}" in text
        for name, arguments in {
            "search_page_id": {"query": page_id},
            "read_page": {"page_id": page_id},
            "research_memory": {"question": "Where does Ana work?"},
        }.items():
            text, failed = await called(session, name, **arguments)
            assert (ANA in text, failed) == (True, False)
        said = await called(session, "memory_insert", kind="semantic", content="Ilda drinks tea.")
        assert said[0].startswith("applied: semantic ")
        item_id = said[0].split()[2]
        assert "Ilda drinks tea." in (await called(session, "memory_search", query="tea"))[0]
        said = await called(session, "memory_update", kind="semantic", id=item_id, content="Ilda drinks coffee.")
        assert said == (f"applied: semantic {item_id} v2", False)
        said = await called(session, "memory_delete", kind="semantic", id=item_id)
        assert said == (f"applied: semantic {item_id} deleted", False)
    with Memory.open(folder) as memory:
        assert [one.content for one in memory.items.history(item_id)] == ["Ilda drinks tea.", "Ilda drinks coffee.", ""]


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("grep", {}, "There is no tool 'grep'; there are search_keyword, "),
        ("search_pages", {}, "query: Field required"),
        ("search_pages", {"query": "x", "k": 0}, "k: Input should be greater than or equal to 1"),
        ("search_pages", {"query": {"text": "x"}}, "query: Input should be a valid string"),
        ("read_page", {}, "page_id: Field required"),
        ("memory_insert", {"kind": "semantic"}, "content is empty"),
        ("memory_insert", {"kind": "semantic", "content": "x y", "namespace": "bob"}, "no argument 'namespace'"),
        ("memory_delete", {"kind": "semantic", "id": "nope"}, "No item 'nope' is here."),
        ("research_memory", {"question": " "}, "at least one word"),
    ],
)
async def test_what_is_wrong_with_a_call_is_told_and_the_session_goes_on(
    connect: Connect, name: str, arguments: dict[str, Any], said: str
) -> None:
    async with connect() as session:
        text, failed = await called(session, name, **arguments)
        assert (said in text, failed) == (True, True), text
        assert await called(session, "search_pages", query="harbour") == ("Nothing found.", False)


async def test_a_page_that_is_not_there_is_an_answer(connect: Connect) -> None:
    async with connect() as session:
        assert await called(session, "read_page", page_id="x") == ("No page 'x'; this memory holds 0 pages.", True)


async def test_20_calls_at_once_are_all_answered(connect: Connect, folder: Path) -> None:
    async with connect() as session:
        facts = [f"Boat {n} is blue." for n in range(20)]
        told = await asyncio.gather(
            *(called(session, "memory_insert", kind="semantic", content=fact) for fact in facts)
        )
        assert [failed for _, failed in told] == [False] * 20
    with Memory.open(folder) as memory:
        assert sorted(item.content for item in memory.items.list()) == sorted(facts)


async def test_a_namespace_is_chosen_by_who_starts_the_server(connect: Connect, folder: Path) -> None:
    with Memory.open(folder) as memory:
        memory.memorize(ANA)
    async with connect("--namespace", "bob") as session:
        assert await called(session, "search_pages", query="harbour office") == ("Nothing found.", False)
        await called(session, "memory_insert", kind="semantic", content="Bob has a boat.")
    with Memory.open(folder) as memory:
        assert "Bob has a boat." not in [item.content for item in memory.items.list()]
        assert [item.content for item in memory.for_namespace("bob").items.list()] == ["Bob has a boat."]


async def test_read_only_has_no_tool_that_edits(connect: Connect, folder: Path) -> None:
    with Memory.open(folder) as memory:
        memory.memorize(ANA)
    async with connect("--read-only") as session:
        assert {tool.name for tool in (await session.list_tools()).tools} == set(TOOLS) - EDITS
        text, failed = await called(session, "memory_insert", kind="semantic", content="Bob has a boat.")
        assert (text.startswith("There is no tool 'memory_insert'"), failed) == (True, True)


def test_it_ends_with_its_input_and_says_nothing_but_the_protocol(folder: Path, tmp_path: Path) -> None:
    child = subprocess.run(
        [sys.executable, *ARGS, str(folder)],
        input=f"this is no protocol\n{json.dumps(HELLO)}\n",
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=tmp_path,
    )
    assert (child.returncode, child.stderr) == (0, "")
    answers = [json.loads(line) for line in child.stdout.splitlines()]
    [hello] = [one for one in answers if one.get("id") == 1]
    assert hello["result"]["serverInfo"]["name"] == "jitmem"


def test_an_interrupt_ends_it(folder: Path, tmp_path: Path) -> None:
    pipe = subprocess.PIPE
    child = subprocess.Popen(
        [sys.executable, *ARGS, str(folder)], stdin=pipe, stdout=pipe, stderr=pipe, text=True, cwd=tmp_path
    )
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(json.dumps(HELLO) + "\n")
    child.stdin.flush()
    assert child.stdout.readline()
    child.send_signal(signal.SIGINT)
    try:
        assert child.wait(300) == 130
    finally:
        child.kill()
        child.communicate()


def test_read_only_makes_no_memory(folder: Path) -> None:
    result = CliRunner().invoke(app, ["mcp", "--memory", str(folder), "--read-only"])
    assert (result.exit_code, folder.exists()) == (1, False)
    assert "Traceback" not in result.stderr


async def test_the_same_over_http_for_this_machine_only(folder: Path, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    child = subprocess.Popen(
        [sys.executable, *ARGS, str(folder), "--http", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    try:
        await asyncio.to_thread(_wait_for, port)
        async with (
            streamable_http_client(f"http://127.0.0.1:{port}/mcp") as (read, write),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            assert [tool.name for tool in (await session.list_tools()).tools] == list(TOOLS)
            await called(session, "memory_insert", kind="semantic", content="Ilda drinks tea.")
            assert "Ilda" in (await called(session, "memory_search", query="tea"))[0]
    finally:
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=300)
    assert out == ""
    assert err.splitlines()[0] == f"jitmem: http://127.0.0.1:{port}/mcp"
    assert "Traceback" not in err


def _wait_for(port: int) -> None:
    for _ in range(3000):
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError(f"nothing listens on port {port}")
