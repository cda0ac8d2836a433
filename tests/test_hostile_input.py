"""What is wrong, too much or out of place is refused by name, and leaves nothing behind: files, sessions, tools, MCP, CLI."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage
from typer.testing import CliRunner

from jitmem import BadInput, Memory, Session, UnknownRecord
from jitmem.cli.app import app
from jitmem.integrations.entry_values import matches_filter
from jitmem.nodes.llm.structured_output import UnreadableReply, parse_reply
from jitmem.nodes.plan import SearchPlan
from jitmem.stores.times import parse_time

HOSTILE = [
    "../../etc/passwd",
    "/etc/passwd",
    "C:\\\\x",
    "a/../../b",
    "'; DROP TABLE page; --",
    '" OR 1=1',
    "%",
    "_",
    "*",
    "a\nb",
]
HOSTILE += ["\u202ea", "é", "e\u0301", "~", "$(id)", "`id`", "|", "-", "--help", ".", "..", "NUL", "\ufeff", "x" * 500]
written: list[str] = []  # what is opened to be written, while somebody listens
listening: list[bool] = []


def _listen(event: str, args: tuple[Any, ...]) -> None:
    if (listening and event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+")) or (
        listening and event in ("os.mkdir", "os.rename", "os.remove", "os.link", "os.symlink")
    ):
        written.append(str(args[0]))


sys.addaudithook(_listen)


def test_no_name_and_no_id_reaches_the_file_system(folder: Path) -> None:
    listening.append(True)
    try:
        with Memory.open(folder) as memory:
            for name in HOSTILE:
                other = memory.for_namespace(name)
                other.memorize(Session(text=f"{name} said a word.", id=name, metadata={"title": name}))
                other.items.insert(f"Word of {name}.")
                other.as_store().put(("notes",), name, {"text": name})
                other.recall("word")
                other.research(f"session: {name}")
    finally:
        listening.clear()
    inside = [path for path in written if not path.startswith(str(folder)) and not path.isdigit()]
    assert [path for path in inside if "jitmem" not in path and not path.startswith("/dev/")] == []
    assert {path.name for path in folder.parent.iterdir()} == {folder.name}
    assert not any(name in path.name for path in folder.rglob("*") for name in HOSTILE if len(name) > 2)


def test_a_session_is_found_by_its_very_id_and_no_pattern(memory: Memory) -> None:
    for name in HOSTILE:
        memory.memorize(Session(text=f"{name} said a word.", id=name))
    search, snapshot = memory._runtime.searches[2], memory._runtime.archive.snapshot()
    for name in HOSTILE:
        [page] = memory.pages(session_id=name)
        assert page.session_id == name
        found = {hit.page_id for hit in search.search(snapshot, f"session: {name}", 50)}
        assert found == {page.id}


# -- found by fuzzing, each by its input ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "time", ["2020-01-01 00:00 +9999", "2020-01-01T00:00-99:99", "88888888888888888888886666665h66009639710"]
)
def test_a_time_that_cannot_be_is_refused_by_name(memory: Memory, time: str) -> None:
    with pytest.raises(BadInput, match="is not a time"):
        parse_time(time)
    with pytest.raises(BadInput):
        memory.memorize(Session(text="x y", time=time))
    [insert] = [tool for tool in memory.tools() if tool.name == "memory_insert"]
    assert "is not a time" in insert.invoke({"kind": "semantic", "content": "x y", "time": time})


def test_half_a_character_in_an_id_is_no_id(memory: Memory) -> None:
    for look in (memory.page, memory.items.get, memory.items.history):
        with pytest.raises((BadInput, UnknownRecord)):
            look("\ud800")
    tools = {tool.name: tool for tool in memory.tools()}
    for name in ("memory_update", "memory_delete"):
        assert "unknown_id" in tools[name].invoke(
            {"kind": "semantic", "id": "\ud800", "content": "x y"}
        ) or name.endswith("delete")
    assert "unknown_id" in tools["memory_delete"].invoke({"kind": "semantic", "id": "\ud800"})


def test_a_number_beyond_64_bits_is_refused_by_name(memory: Memory) -> None:
    for verb in (memory.items.undo, memory.admin.approve, memory.admin.reject):
        with pytest.raises(BadInput):
            verb(2**70)
    with pytest.raises(BadInput):
        memory.pages(limit=2**70)
    assert not matches_filter({"a": 10**400}, {"a": {"$gt": 1.5}})


@pytest.mark.parametrize(
    "session",
    [
        "letters",
        b"bytes",
        {"text": "x", 1: 2, "b": 3},
        {"turns": "ab"},
        {"turns": 5},
        {"turns": [5]},
        {"messages": "hello"},
        {"messages": {"role": "user", "content": "x"}},
        {"text": "x", "id": "i" * 513},
    ],
)
def test_what_is_no_session_is_refused_and_nothing_is_filed(memory: Memory, session: Any) -> None:
    with pytest.raises(BadInput):
        memory.memorize_many(session if session == "letters" else [session])
    assert memory.stats()["sessions"] == 0


def test_what_stands_on_every_page_is_short_whatever_its_length(folder: Path) -> None:
    """A header or a speaker as long as the session would be kept as often as there are pages and passages."""
    name = "A" * 200_000
    with Memory.open(folder) as memory:
        filed = memory.memorize(
            Session(turns=[(name, "Hello there."), ("Ben", "And hello to you.")], metadata={"title": name})
        )
        assert len(filed.page_ids) > 20
        assert max(len(page.header) for page in memory.pages()) < 1500
        memory.flush()
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 60 * len(name)


def test_a_header_is_one_line(memory: Memory) -> None:
    session = Session(turns=[("Ana\n[0m7aaaaaaaa0] Ben", "Hello.")], id="a\nb", metadata={"title": "c\r\n# d"})
    [page_id] = memory.memorize(session).page_ids
    assert memory.page(page_id).header == "c # d · a b · Ana [0m7aaaaaaaa0] Ben"


def test_a_reply_of_braces_is_given_up(memory: Memory) -> None:
    with pytest.raises(UnreadableReply, match="no JSON object"):
        parse_reply(AIMessage("{" * 200_000), SearchPlan)
    assert parse_reply(AIMessage("{" * 400 + '{"queries": []}'), SearchPlan) == SearchPlan(queries=[])


def test_a_mark_that_somebody_types_takes_away_nothing(memory: Memory) -> None:
    memory.memorize(Session(turns=[("Eve", "Hello. <recalled-memory> Ha!"), ("Ana", "My boat is called Lara.")]))
    assert [hit.text for hit in memory.recall("boat Ha", 10)] == [
        "Ana: My boat is called Lara.",
        "Eve: Hello. <recalled-memory> Ha!",
    ]


# -- processes ----------------------------------------------------------------------------------------------


def test_garbage_over_mcp_is_answered_or_passed_over_and_the_server_goes_on(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("mcp_types", reason="the MCP server needs mcp 2")
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    call: dict[str, Any] = {"jsonrpc": "2.0", "id": 7, "method": "tools/call"}
    garbage = [
        b"\xff\xfe\x00", b"{", b"[]", b"null", b"5", b'"x"', b'{"jsonrpc": "2.0"}', b'{"jsonrpc": "1.0", "id": 1, "method": "ping"}',
        b'{"jsonrpc": "2.0", "id": {}, "method": "ping"}', b"[" * 100_000, b'{"a":' * 50_000, b"x" * 2_000_000, b"\x00" * 100,
        json.dumps({**call, "params": 5}).encode(),
        json.dumps({**call, "params": {"name": "search_pages", "arguments": [1]}}).encode(),
        json.dumps({**call, "params": {"name": "read_page", "arguments": {"page_id": "y" * 1_000_000}}}).encode(),
        b'{"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "memory_delete", "arguments": {"kind": "semantic", "id": "\\ud800"}}}',
        json.dumps({**call, "params": {"name": "memory_insert", "arguments": {"kind": "semantic", "content": "x y", "time": "2020 +99:99"}}}).encode(),
        json.dumps({**call, "method": "resources/read", "params": {"uri": "file:///etc/passwd"}}).encode(),
        json.dumps({**call, "method": "\u0000"}).encode(),
    ]  # fmt: skip
    lines = [json.dumps({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": hello}).encode()]
    lines.append(b'{"jsonrpc": "2.0", "method": "notifications/initialized"}')
    for number, one in enumerate(garbage, start=1000):
        lines += [one, json.dumps({"jsonrpc": "2.0", "id": number, "method": "ping"}).encode()]
    command = [sys.executable, "-c", "from jitmem.cli import main; main()", "mcp", "--memory", str(folder)]
    pipe = subprocess.PIPE
    child = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, cwd=tmp_path)
    assert child.stdin is not None
    assert child.stdout is not None
    writer = threading.Thread(target=_write, args=(child.stdin, b"\n".join([*lines, b""])))
    end = threading.Timer(60, child.kill)  # else a server that does not answer would be waited for
    writer.start(), end.start()
    wanted, answered = {1000 + at for at in range(len(garbage))}, b""
    while wanted and (line := child.stdout.readline()):
        answered += line
        wanted.discard(json.loads(line).get("id"))
    writer.join()
    rest, errors = child.communicate(b'{"jsonrpc": "2.0", "id": 1, "method": "pi')  # and half a message at the end
    end.cancel()
    assert (wanted, child.returncode, b"Traceback" in errors) == (set(), 0, False), errors[-2000:].decode(
        errors="replace"
    )
    assert b"root:" not in answered + rest


def _write(pipe: IO[bytes], data: bytes) -> None:
    pipe.write(data)
    pipe.flush()


COMMANDS = [
    "recall",
    "research",
    "pages",
    "items",
    "remember",
    "edit",
    "delete",
    "history",
    "undo",
    "proposals",
    "stats",
    "memorize",
    "share",
    "graph",
]


@settings(max_examples=60, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(COMMANDS),
    st.lists(st.sampled_from(HOSTILE) | st.text(max_size=20).filter(lambda t: "\0" not in t), max_size=3),
)
def test_a_command_ends_with_an_answer_or_a_named_error(tmp_path_factory: Any, command: str, args: list[str]) -> None:
    folder = tmp_path_factory.getbasetemp() / "cli"
    if not folder.exists():
        with Memory.open(folder) as memory:
            memory.memorize("Ana: I live in Porto.")
    result = CliRunner().invoke(app, [command, *args, "--memory", str(folder)], input="")
    assert result.exit_code in (0, 1, 2), result.exception
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output


@pytest.mark.parametrize("args", [["recall", b"\xff\xfe"], ["pages", b"\xff"], ["memorize", b"/nowhere/\xff.md"]])
def test_arguments_that_are_no_text_are_refused_or_taken_in_a_real_process(folder: Path, args: list[Any]) -> None:
    with Memory.open(folder) as memory:
        memory.memorize("Ana: I live in Porto.")
    command = [sys.executable, "-c", "from jitmem.cli import main; main()", *args, "--memory", str(folder)]
    done = subprocess.run(command, capture_output=True, timeout=300, check=False)
    assert done.returncode in (0, 1, 2)
    assert b"Traceback" not in done.stderr
