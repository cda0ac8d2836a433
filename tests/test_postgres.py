"""A memory in PostgreSQL does what one in a folder does: every verb, the command line, many writers, crashes."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from postgres_server import PostgresServer, why_not
from test_docs import DOCS, blocks, normalize, run_code
from test_statements import RECALL
from typer.testing import CliRunner

from jitmem import BadInput, Memory, MemoryNotFound, NotOurStore, Session, StoreClosed, StoreIsNewer, search_runner
from jitmem.cli.app import app
from jitmem.nodes import run_step, search
from jitmem.sample_history import sample_sessions
from jitmem.stores.errors import StoreReadOnly, StoreUnreachable
from jitmem.stores.truth.record_listing import PageFilter, daily_counts, items_from_page, newest_items, page_summaries

if reason := why_not():
    pytest.skip(reason, allow_module_level=True)
import psycopg
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from jitmem.stores.postgres.postgres_connection import PostgresConnection
from jitmem.stores.postgres.postgres_setup import set_up

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def memory(postgres_url: str) -> Iterator[Memory]:
    with Memory.open(postgres_url, "acme/ana") as opened:
        yield opened


# -- every verb


def test_sessions_are_filed_once_found_and_researched(memory: Memory, postgres_url: str) -> None:
    sessions = [Session(text=f"Ana: I moved to {town} in May.", id=town) for town in ("Porto", "Braga", "Évora 🥐")]
    filed = memory.memorize_many(sessions)
    assert [one.session_id for one in memory.memorize_many(sessions)] == [one.session_id for one in filed]
    assert memory.stats()["pages"] == 3
    assert memory.recall("Porto")[0].text == "Ana: I moved to Porto in May."
    result = memory.research("Which town with a croissant is it? Évora")
    assert "Évora 🥐" in result.context
    with Memory.open(postgres_url, "acme/ana") as second:
        assert [hit.text for hit in second.recall("Braga", 1)] == ["Ana: I moved to Braga in May."]


def test_a_session_of_25_turns_takes_few_round_trips(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []

    def count(owner: type[Any], name: str) -> None:
        send = getattr(owner, name)

        def counting(self: Any, *args: Any) -> Any:
            sent.append(str(args[0] if args else name))
            return send(self, *args)

        monkeypatch.setattr(owner, name, counting)

    def talk(name: str) -> Session:
        turns = [(("Ana", "Ben")[turn % 2], f"{name} says word{turn} and word{turn + 1}") for turn in range(25)]
        return Session(id=name, time="2024-05-01 09:00", turns=turns)

    for name in ("one", "two"):
        memory.memorize(talk(name))
    count(psycopg.ClientCursor, "execute")
    count(psycopg.Connection, "commit")
    assert memory.memorize(talk("three")).page_ids
    assert 0 < len(sent) <= 8, "\n".join(sent)


def test_a_recall_and_a_round_of_research_send_few_statements(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (run_step, search, search_runner):
        monkeypatch.setattr(module, "SNAPSHOT_AGE_S", 60.0)
    memory.memorize_many(sample_sessions()[:12])
    for question in ("How much does the oven weigh?", "Who is Salgueiro?"):
        memory.recall(question)
        memory.research(question)
    sent: list[str] = []
    execute = PostgresConnection.execute

    def counted(connection: PostgresConnection, statement: str, values: Any = ()) -> Any:
        sent.append(statement)
        return execute(connection, statement, values)

    monkeypatch.setattr(PostgresConnection, "execute", counted)
    assert memory.recall("Which oven came, and who brought it to us?", k=10)
    assert 0 < len(sent) <= RECALL, "\n".join(sent)
    sent.clear()
    assert memory.research("What happened on 8 April 2025, and who paid?", depth=1).citations
    assert 0 < len(sent) <= 12, "\n".join(sent)


def test_what_one_process_files_another_finds_at_once(memory: Memory, postgres_url: str) -> None:
    with Memory.open(postgres_url, "acme/ana") as second:
        assert second.recall("pears") == []
        memory.memorize("Ana: I like pears.")
        assert [hit.text for hit in second.recall("pears")] == ["Ana: I like pears."]
        second.forget(query="pears")
        assert memory.recall("pears") == []


def test_items_tools_and_middleware_work(memory: Memory) -> None:
    first = memory.items.insert("Ana likes pears.")
    assert first.item is not None
    assert memory.items.insert("Ana likes pears.").status == "duplicate"
    second = memory.items.update(first.item.id, "Ana likes plums.")
    assert second.change is not None
    assert memory.items.undo(second.change).status == "applied"
    assert [one.content for one in memory.items.history(first.item.id)] == [
        "Ana likes pears.",
        "Ana likes plums.",
        "Ana likes pears.",
    ]
    tools = {tool.name: tool for tool in memory.tools()}
    assert "Ana likes pears." in str(tools["memory_search"].invoke({"query": "pears"}))
    middleware = memory.middleware(single_user=True)
    messages: list[Any] = [HumanMessage("I sold the van.", id="1"), AIMessage("Noted.", id="2")]
    assert middleware.name
    memory.memorize(messages)
    assert "van" in memory.recall("van")[0].text


def test_sharing_retention_and_proposals_work(memory: Memory, postgres_url: str) -> None:
    memory.memorize("Ana: the key lies under the third pot.")
    bob = memory.for_namespace("acme/bob")
    assert bob.recall("key") == []
    memory.admin.share("acme/*")
    assert [hit.text for hit in bob.recall("key")] == ["Ana: the key lies under the third pot."]
    assert memory.for_namespace("other/eve").recall("key") == []
    assert memory.admin.unshare("acme/*")
    assert bob.recall("key") == []
    memory.admin.set_retention(pages="1 second")
    with psycopg.connect(postgres_url) as raw:
        raw.execute("UPDATE jitmem.session SET accepted_at = '2020-01-01T00:00:00+00:00'")
    assert memory.recall("key") == []
    assert memory.pages() == []
    receipt = memory.admin.purge()
    assert (receipt.status, receipt.counts["pages"]) == ("vacuumed", 1)


def test_a_receipt_says_vacuumed_and_names_what_is_not_reached(memory: Memory, postgres_url: str) -> None:
    memory.memorize("Ana: the code is 4711.")
    preview = memory.forget(query="4711", preview=True)
    assert (preview.status, memory.stats()["pages"]) == ("preview", 1)
    receipt = memory.forget(query="4711")
    assert (receipt.status, receipt.counts["pages"], receipt.counts["passages"]) == ("vacuumed", 1, 1)
    for word in ("write-ahead log", "replicas", "backups", "VACUUM"):
        assert word in receipt.note
    with psycopg.connect(postgres_url) as raw:
        for table in ("page", "passage", "session", "embedding", "passage_vector", "item", "item_version"):
            assert raw.execute(f"SELECT count(*) FROM jitmem.{table}".encode()).fetchone() == (0,), table
    assert memory.forget(everything=True).status == "vacuumed"
    assert memory.admin.namespaces() == []


def test_a_memory_moves_from_a_folder_to_postgresql_and_back_unchanged(folder: Path, memory: Memory) -> None:
    def exported(source: Memory) -> list[Any]:
        file = io.BytesIO()
        source.transfer.export(file, vectors=True)
        return sorted(line for line in file.getvalue().splitlines()[1:-1])

    with Memory.open(folder, "acme/ana") as before:
        before.memorize_many(
            [f"Ana: I met {name} at the mill.\nBen: And {name} said so." for name in "Eva Rui Zoë".split()]
        )
        before.items.insert("Ana runs a mill.")
        before.as_store().put(("a", "b"), "k", {"text": "flour"})
        before.accept("Ana: This one waits.")
        lines = exported(before)
        file = io.BytesIO()
        before.transfer.export(file, vectors=True)
    file.seek(0)
    report = memory.transfer.import_(file)
    assert report.new["page"] == 3
    assert exported(memory) == lines
    file.seek(0)
    again = memory.transfer.import_(file)
    assert not any(again.new.values())
    back = io.BytesIO()
    memory.transfer.export(back, vectors=True)
    back.seek(0)
    with Memory.open(folder.with_name("back"), "acme/ana") as after:
        after.transfer.import_(back)
        assert exported(after) == lines
        assert [hit.text for hit in after.recall("Zoë")] == [hit.text for hit in memory.recall("Zoë")]


def test_lists_of_pages_and_items_are_those_of_a_folder(folder: Path, memory: Memory) -> None:
    def listed(one: Memory) -> list[Any]:
        one.memorize_many(
            [
                Session(text=f"Ana: I like {what}.", id=what, time=time)
                for what, time in {"pears": "8 May 2023", "plums": None, "pear trees": "9 May 2023"}.items()
            ]
        )
        first = one.pages()[0]
        one.items.insert("Ana likes pears.")
        runtime = one._runtime
        namespace, items = runtime.namespace, runtime.items
        every, more = page_summaries(namespace, PageFilter(), None, 2)
        rest, _ = page_summaries(namespace, PageFilter(), more, 2)
        found, _ = page_summaries(namespace, PageFilter(words="pears", speaker="Ana"), None, 9)
        known, _ = newest_items(items, "semantic", "pears", None, 9)
        pages = [[page.session_id for page in pages] for pages in (every, rest, found)]
        of_page = [item.content for item in items_from_page(items, first.id)]
        assert of_page
        return [*pages, [item.content for item in known], of_page, len(daily_counts(namespace))]

    with Memory.open(folder, "acme/ana") as sqlite:
        assert listed(memory) == listed(sqlite)
        assert page_summaries(sqlite._runtime.namespace, PageFilter(), None, 9)[0][-1].session_id == "plums"


def test_an_import_with_a_conflict_changes_nothing(folder: Path, memory: Memory) -> None:
    memory.memorize(Session(text="Ana: one.", id="s"))
    file = io.BytesIO()
    with Memory.open(folder, "acme/ana") as other:
        other.memorize_many([Session(text="Ana: another.", id="s"), Session(text="Ana: a third.", id="t")])
        other.transfer.export(file)
    file.seek(0)
    with pytest.raises(BadInput, match="another text or time here"):
        memory.transfer.import_(file)
    assert memory.stats()["sessions"] == 1


@pytest.mark.parametrize("text", ["a\0b", "\0"])
def test_a_nul_is_answered_as_in_a_folder(folder: Path, memory: Memory, text: str) -> None:
    def outcome(verb: Callable[[], Any]) -> str:
        try:
            verb()
        except Exception as error:
            return type(error).__name__
        return "done"

    with Memory.open(folder) as sqlite:
        for verb in (
            lambda one: one.memorize(f"Ana: {text}."),
            lambda one: one.memorize(Session(text="Ana: hi.", id=f"s{text}")),
            lambda one: one.memorize(Session(text="Ana: hello.", metadata={"k": text})),
            lambda one: one.recall(f"Ana {text}"),
            lambda one: one.items.search(f"Ana {text}"),
        ):
            assert outcome(lambda verb=verb: verb(memory)) == outcome(lambda verb=verb: verb(sqlite))  # type: ignore[misc]
    memory.memorize("Ana: still here.")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_code_of_the_how_to_page_runs_and_prints_what_it_shows(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JITMEM_MEMORY", postgres_url)
    namespace: dict[str, Any] = {}
    page = blocks(DOCS / "how-to/postgres.md")
    shown = [(block, after) for block, after in pairwise(page) if block.kind == "python postgres"]
    assert len(shown) == 2
    for block, after in shown:
        assert normalize(run_code(block.body, "postgres.md", namespace)) == normalize(after.body)


# -- opening


def test_a_callers_pool_is_used_and_left_as_it_was(postgres_url: str) -> None:
    with ConnectionPool(postgres_url, min_size=1, max_size=3, kwargs={"row_factory": dict_row}) as pool:
        with Memory.open(pool, "acme/ana") as memory:
            memory.memorize("Ana: I like pears.")
            assert [hit.text for hit in memory.recall("pears")] == ["Ana: I like pears."]
        with pool.connection() as raw:
            assert raw.autocommit is False
            assert raw.execute("SELECT count(*) AS pages FROM jitmem.page").fetchone() == {"pages": 1}
        with pytest.raises(StoreClosed):
            memory.recall("pears")


def test_an_async_pool_is_refused_with_what_to_give() -> None:
    with pytest.raises(BadInput, match=r"psycopg_pool\.ConnectionPool"):
        Memory.open(AsyncConnectionPool("postgresql://localhost/none", open=False))  # type: ignore[arg-type]


def test_setup_makes_one_memory_however_often_and_at_once(postgres: PostgresServer) -> None:
    url = postgres.empty_database()
    with pytest.raises(MemoryNotFound, match="jitmem setup"):
        Memory.open(url, create=False)
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda _: set_up(url), range(4)))
    assert sorted(made) == ["made", *["unchanged"] * 3]
    assert set_up(url) == "unchanged"
    with Memory.open(url, create=False) as memory:
        assert memory.admin.namespaces() == []
    postgres.drop(url)


def test_two_schemas_of_a_database_are_two_memories(postgres_url: str, memory: Memory) -> None:
    memory.memorize("Ana: I like pears.")
    with Memory.open(f"{postgres_url}?schema=bots", "acme/ana") as other:
        assert other.recall("pears") == []
        other.memorize("Bot: I like plums.")
    assert memory.recall("plums", 1)[0].text == "Ana: I like pears." or memory.recall("plums") == []


def test_what_is_there_and_is_no_memory_is_not_touched(postgres: PostgresServer, postgres_url: str) -> None:
    postgres.execute("CREATE SCHEMA shop; CREATE TABLE shop.page (n int)", postgres_url)
    with pytest.raises(NotOurStore, match="another one in the URL"):
        Memory.open(f"{postgres_url}?schema=shop")
    postgres.execute("UPDATE jitmem.meta SET version = 99", postgres_url)
    with pytest.raises(StoreIsNewer, match="upgrade jitmem"):
        Memory.open(postgres_url)


@pytest.mark.parametrize(
    "query", ["schema=pg_catalog", "schema=a-b", 'schema=a"b', "connections=0", "connections=many"]
)
def test_a_url_that_is_wrong_says_what_is_right(query: str) -> None:
    with pytest.raises(BadInput, match=r"A schema is a name|whole number"):
        Memory.open(f"postgresql://localhost/app?{query}")


def test_a_server_that_is_not_there_is_named_without_its_password() -> None:
    with pytest.raises(StoreUnreachable, match="Check that the server runs") as error:
        Memory.open("postgresql://ana:s3cret@127.0.0.1:1/app")
    assert "s3cret" not in str(error.value)


def test_a_role_without_rights_reads_or_is_refused(postgres: PostgresServer, postgres_url: str, memory: Memory) -> None:
    memory.memorize("Ana: I like pears.")
    for statement in (
        "DROP ROLE IF EXISTS jitmem_reader",
        "CREATE ROLE jitmem_reader LOGIN",
        "GRANT USAGE ON SCHEMA jitmem TO jitmem_reader",
        "GRANT SELECT ON ALL TABLES IN SCHEMA jitmem TO jitmem_reader",
    ):
        postgres.execute(statement, postgres_url)
    reading = postgres_url.replace("postgres@", "jitmem_reader@")
    with Memory.open(reading, "acme/ana") as reader:
        assert [hit.text for hit in reader.recall("pears")] == ["Ana: I like pears."]
        with pytest.raises(StoreReadOnly, match="reading works"):
            reader.memorize("Ana: no.")
    with pytest.raises(StoreReadOnly, match="may create a schema"):
        Memory.open(f"{reading}?schema=mine")
    postgres.execute("DROP OWNED BY jitmem_reader; DROP ROLE jitmem_reader", postgres_url)


# -- the command line


def test_the_command_line_takes_a_url(postgres: PostgresServer, tmp_path: Path) -> None:
    url = postgres.empty_database().replace("postgres@", "postgres:s3cret@")
    (tmp_path / "notes.txt").write_text("Ana: I sold the van in May.")
    shown = []

    def run(*words: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, ["--memory", url, *words])
        shown.append(done.output)
        assert done.exit_code == code, done.output
        return done.output

    run("recall", "van", code=1)
    assert "Made a memory" in run("setup")
    assert "There is already" in run("setup", url)
    run("memorize", str(tmp_path / "notes.txt"))
    assert "I sold the van" in run("recall", "van")
    assert "van" in run("research", "When did Ana sell the van?")
    assert json.loads(run("stats", "--json"))["pages"] == 1
    with Memory.open(url) as memory:
        memory.accept("Ben: The ferry leaves at noon.")
    assert "Filed 1 session: 1 page." in run("work", "--once")
    assert "Filed 0 sessions: 0 pages." in run("work", "--once")
    assert "leaves at noon" in run("recall", "ferry")
    run("insert", "Ana likes pears.")
    assert "pears" in run("items")
    assert "2 pages" in run("doctor", code=CliRunner().invoke(app, ["--memory", url, "doctor"]).exit_code)
    assert "pg_dump" in run("backup", str(tmp_path / "copy"), code=2)
    assert "REINDEX" in run("doctor", "--fix", code=2)
    assert "pg_dump" in run("doctor", "--salvage", str(tmp_path / "saved"), code=2)
    run("export", str(tmp_path / "all.jsonl"), "--all")
    assert "VACUUM" in run("forget", "--query", "van", "--yes")
    assert "s3cret" not in "".join(shown)
    postgres.drop(url)


def test_the_doctor_finds_a_text_that_was_changed_behind_its_back(memory: Memory, postgres_url: str) -> None:
    filed = memory.memorize("Ana: I like pears.")
    before = [one for one in memory.admin.doctor().findings if one.check != "server"]
    assert before == []
    with psycopg.connect(postgres_url) as raw:
        raw.execute("UPDATE jitmem.page SET text = 'Ana: I like plums.'")
    (finding,) = [one for one in memory.admin.doctor().findings if one.check != "server"]
    assert (finding.severity, finding.ids) == ("damage", filed.page_ids)


# -- many writers


WRITER = """
import sys, threading
from concurrent.futures import ThreadPoolExecutor
from jitmem import Memory, Session
url, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
with Memory.open(url, "acme/ana") as memory:
    def write(at):
        memory.memorize(Session(text=f"Ana: {name} wrote number {at}.", id=f"{name}-{at}"))
        memory.memorize(Session(text=f"Ana: everybody writes {at}.", id=f"all-{at}"))
        memory.items.insert(f"Number {at} is known.")
        sys.stdout.write(f"{at}\\n")  # one write: print makes two, between which another thread may write
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write, range(count)))
"""


def test_eight_writers_in_two_processes_lose_and_double_nothing(
    memory: Memory, postgres_url: str, start: Start
) -> None:
    children = [start(WRITER, postgres_url, name, 8) for name in ("one", "two")]
    for child in children:
        out, err = child.communicate(timeout=240)
        assert child.returncode == 0, err
        assert len(out.split()) == 8
    pages = Counter(page.text for page in memory.pages())
    assert set(pages.values()) == {1}
    assert len(pages) == 24
    contents = Counter(item.content for item in memory.items.list(kind="semantic"))
    assert {f"Number {at} is known.": 1 for at in range(8)}.items() <= contents.items()
    assert len(memory.recall("everybody writes", 50)) >= 8


def test_a_writer_waits_for_the_lock_and_readers_do_not(memory: Memory, postgres_url: str) -> None:
    memory.memorize("Ana: the yellow boat.")
    database = memory._runtime.database
    done = threading.Event()
    with Memory.open(postgres_url, "acme/ana") as other:
        writer = threading.Thread(target=lambda: (other.memorize("Ana: after."), done.set()))
        with database.write() as db:
            writer.start()
            assert [hit.text for hit in memory.recall("boat")] == ["Ana: the yellow boat."]
            assert not done.wait(0.3)
            db.execute("INSERT INTO change (namespace, kind, ref, op, cause, at) VALUES (1, 'x', 1, 'x', 'x', 'x')")
        writer.join(30)
        assert done.is_set()
    order = database.fetch("SELECT kind FROM change WHERE n >= (SELECT min(n) FROM change WHERE kind = 'x') ORDER BY n")
    assert order[0] == ("x",), "the change of the transaction that committed first has the smaller number"
    assert "Ana: after." in [page.text for page in memory.pages()]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_of_a_fork_uses_connections_of_its_own(memory: Memory) -> None:
    memory.memorize("Ana: the parent.")
    child = os.fork()
    if not child:
        try:
            memory.memorize("Ana: the child.")
            os._exit(0 if len(memory.pages()) == 2 else 1)
        except BaseException:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    assert len(memory.pages()) == 2


# -- crashes

STREAM = """
import sys
from jitmem import Memory, Session
with Memory.open(sys.argv[1], "acme/ana") as memory:
    for at in range(int(sys.argv[2]), 100000):
        try:
            memory.memorize(Session(text=f"Ana: number {at} of the stream.", id=f"s-{at}"))
        except Exception as error:
            print(type(error).__name__, flush=True)
            continue
        print(at, flush=True)
"""


def test_what_was_acknowledged_survives_kills_of_client_and_server(start: Start) -> None:
    server = PostgresServer(durable=True)
    if not server.is_own:
        pytest.skip("only a server of the tests may be killed")
    try:
        url, acknowledged = server.database(), set[str]()
        for turn in range(4):
            child = start(STREAM, url, turn * 1000)
            assert child.stdout is not None
            for _ in range(5):
                acknowledged.add(child.stdout.readline().strip())
            if turn % 2:
                server.kill()
                server.start()
                child.kill()
            else:
                os.kill(child.pid, signal.SIGKILL)
            rest = child.communicate()[0].split()
            acknowledged |= {one for one in rest if one.isdecimal()}
        with Memory.open(url, "acme/ana") as memory:
            memory.resume()
            numbers = Counter(page.session_id.removeprefix("s-") for page in memory.pages())
            assert acknowledged <= set(numbers)
            assert set(numbers.values()) == {1}
            assert [one for one in memory.admin.doctor().findings if one.severity == "damage"] == []
            server.kill()
            with pytest.raises(StoreUnreachable):
                memory.memorize("Ana: nobody is there.")
            server.start()
            memory.memorize("Ana: the server is back.")
            assert memory.recall("back")[0].text == "Ana: the server is back."
    finally:
        server.close()
