"""With row-level security the server of PostgreSQL itself shows a transaction only the namespaces that it names."""

from __future__ import annotations

import inspect
import os
import random
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import test_tenants
from postgres_server import PostgresServer, why_not
from test_tenants import ALICE, MARK, planted, silent, state  # noqa: F401 (silent is a fixture)
from typer.testing import CliRunner

from jitmem import BadInput, Memory, Session
from jitmem.cli.app import app

if reason := why_not():
    pytest.skip(reason, allow_module_level=True)
import psycopg
from psycopg.pq import TransactionStatus

from jitmem.stores.postgres.postgres_setup import set_up
from jitmem.stores.postgres.row_security import TABLES

APP = f"jitmem_app_{os.getpid()}"
KEYLESS = {"meta", "mark", "probe"}
"""Tables without anything of a namespace: versions, how far indexes have read, what a model makes of one fixed text."""


@pytest.fixture
def app_url(postgres: PostgresServer, postgres_url: str) -> Iterator[str]:
    """A memory with row-level security, for a role that owns nothing."""
    postgres.execute(f"DROP ROLE IF EXISTS {APP}; CREATE ROLE {APP} LOGIN")
    set_up(postgres_url, row_level_security=True, role=APP)
    yield postgres_url.replace("postgres@", f"{APP}@")
    postgres.execute(f"DROP OWNED BY {APP}", postgres_url)
    postgres.execute(f"DROP ROLE {APP}")


@pytest.fixture(params=["off", "on"])
def folder(request: pytest.FixtureRequest) -> str:
    """In the place of a folder: a memory in PostgreSQL without row-level security, and with it."""
    url: str = request.getfixturevalue("postgres_url" if request.param == "off" else "app_url")
    return url


for _name, _test in vars(test_tenants).items():
    if _name.startswith("test_") and "folder" in inspect.signature(_test).parameters:
        globals()[_name] = _test


def rows(url: str, query: str, *before: str) -> list[Any]:
    with psycopg.connect(url) as raw:
        for statement in before:
            raw.execute(statement.encode())
        return raw.execute(query.encode()).fetchall()


def sees(name: str) -> str:
    return f"SELECT jitmem.see_namespaces(ARRAY['{name}'])"


@pytest.fixture
def two(app_url: str) -> Iterator[tuple[Memory, Memory]]:
    """Alice, who holds something in every table, and Bob, who holds the same without the mark."""
    with Memory.open(app_url, ALICE) as alice:
        planted(alice)
        alice.as_store().put(("notes",), "boat", {"text": f"{MARK} boat"})
        alice.as_store().search((), query="boat")
        alice.flush()
        bob = alice.for_namespace("bob")
        bob.memorize(Session(text="Bob: I live in Porto.", id="bobs"))
        bob.items.insert("Bob likes plums.")
        yield alice, bob


def test_every_table_with_content_has_policies(two: tuple[Memory, Memory], postgres_url: str) -> None:
    made = rows(
        postgres_url,
        "SELECT relname, relrowsecurity AND relforcerowsecurity, (SELECT count(*) FROM pg_policy WHERE polrelid = pg_class.oid)"
        " FROM pg_class WHERE relkind = 'r' AND relnamespace = 'jitmem'::regnamespace",
    )
    assert {name: (on, policies) for name, on, policies in made if name not in KEYLESS} == dict.fromkeys(
        TABLES, (True, 4)
    )


def test_without_a_setting_no_row_is_read_and_none_written(two: tuple[Memory, Memory], app_url: str) -> None:
    views = ("standing_session", "standing_page", "standing_item")
    assert {name: rows(app_url, f"SELECT * FROM jitmem.{name}") for name in (*TABLES, *views)} == {
        name: [] for name in (*TABLES, *views)
    }
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
        rows(app_url, "INSERT INTO jitmem.namespace (name) VALUES ('eve') RETURNING id")


def test_the_role_of_the_application_reads_and_changes_no_row_of_another(
    two: tuple[Memory, Memory], app_url: str, postgres_url: str
) -> None:
    alice, _ = two
    before = state(alice)
    held = {table: len(rows(postgres_url, f"SELECT 1 FROM jitmem.{table}")) for table in TABLES}
    empty = {table for table, count in held.items() if not count}
    assert empty <= {"share", "uncurated", "erasure"}
    for name, own in (("bob", 0), (ALICE, 1)):
        text = {table: repr(rows(app_url, f"SELECT * FROM jitmem.{table}", sees(name))) for table in TABLES}
        assert any(MARK.lower() in one.lower() for one in text.values()) == bool(own), name
    for table in set(TABLES) - empty:
        columns = {name for (name,) in rows(postgres_url, f"SELECT attname FROM pg_attribute WHERE attrelid = 'jitmem.{table}'::regclass AND attnum > 0")}  # fmt: skip
        column = sorted(columns - {"id", "seq", "n", "namespace"})[0]
        seen = len(rows(app_url, f"SELECT 1 FROM jitmem.{table}", sees("bob")))
        assert seen < held[table], table
        changed = rows(app_url, f'UPDATE jitmem.{table} SET "{column}" = "{column}" RETURNING 1', sees("bob"))
        assert len(changed) == seen, table
    with psycopg.connect(app_url) as raw:
        raw.execute(sees("bob").encode())
        for table in reversed(TABLES):
            with suppress(psycopg.errors.ForeignKeyViolation):  # Bob's rows that others of Bob's need
                raw.execute(b"SAVEPOINT before")
                raw.execute(f"DELETE FROM jitmem.{table}".encode())
            if raw.info.transaction_status == TransactionStatus.INERROR:
                raw.execute(b"ROLLBACK TO before")
    assert state(alice) == before
    number = rows(postgres_url, f"SELECT id FROM jitmem.namespace WHERE name = '{ALICE}'")[0][0]
    page = rows(postgres_url, f"SELECT seq FROM jitmem.page WHERE namespace = {number}")[0][0]
    for table, columns, values in (
        ("share", "namespace, reader", f"{number}, 'bob'"),
        ("passage", 'page, start, "end", stems', f"{page}, 0, 1, 'planted'"),
        ("posting", "namespace, term, page, passages, context, positions", f"{number}, 'planted', {page}, 1, 0, ''"),
        ("namespace", "name", "'eve'"),
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
            rows(app_url, f"INSERT INTO jitmem.{table} ({columns}) VALUES ({values}) RETURNING 1", sees("bob"))


def test_what_is_shared_may_be_read_and_not_written(two: tuple[Memory, Memory], app_url: str) -> None:
    alice, bob = two
    alice.memorize("Ana: the key lies under the third pot.")
    assert "pot" not in str(bob.recall("key"))
    alice.admin.share("bob")
    assert [hit.text for hit in bob.recall("key", 1)] == ["Ana: the key lies under the third pot."]
    pages = len(rows(app_url, "SELECT 1 FROM jitmem.page", sees("bob")))
    assert pages == len(bob.pages()) + len(alice.pages())
    assert len(rows(app_url, "UPDATE jitmem.page SET memo = memo RETURNING 1", sees("bob"))) == 1
    alice.admin.unshare("bob")
    assert "pot" not in str(bob.recall("key"))
    alice.admin.share("team/*")
    below = alice.for_namespace("team/carol")
    assert below.recall("key", 1)[0].text == "Ana: the key lies under the third pot."
    assert alice.for_namespace("team").recall("key") == []
    assert alice.for_namespace("teams/carol").recall("key") == []


def test_random_sharing_is_seen_the_same_with_and_without(postgres_url: str, app_url: str) -> None:
    """The superuser's handle sees all rows, and the stores choose; the other's choose among what the server shows."""
    chance = random.Random(20261130)
    names = ["a", "a/b", "a/b/c", "a/bc", "b", "b/a", "a/*", "*"]
    with Memory.open(postgres_url, "a") as whole, Memory.open(app_url, "a") as limited:
        for at in range(60):
            name, reader = chance.choice(names), chance.choice([*names, "a/b/*", "b/*"])
            memory = (whole, limited)[at % 2].for_namespace(name)
            what = chance.randrange(4)
            if what == 0 and reader != name:
                memory.admin.share(reader)
            elif what == 1 and reader != name:
                memory.admin.unshare(reader)
            elif what == 2:
                memory.memorize(f"Number {at} was said in {name} about pears.")
            else:
                memory.items.insert(f"Number {at} is known in {name}.")
            for one in names:
                left, right = whole.for_namespace(one), limited.for_namespace(one)
                assert left.pages() == right.pages(), (at, one)
                assert left.items.list() == right.items.list(), (at, one)
                assert [hit.text for hit in left.recall("pears", 50)] == [hit.text for hit in right.recall("pears", 50)]


def test_everything_that_goes_over_all_namespaces_works(two: tuple[Memory, Memory], app_url: str) -> None:
    alice, bob = two
    assert alice.admin.namespaces() == ["bob", ALICE]
    assert [one for one in alice.admin.doctor().findings if one.check != "server"] == []
    bob.accept("Bob: this one waits.")
    done = CliRunner().invoke(app, ["--memory", app_url, "work", "--once"])
    assert "Filed 2 sessions" in done.output, done.output
    assert bob.recall("waits")
    assert bob.forget(everything=True).status == "deleted"
    assert alice.admin.namespaces() == [ALICE]
    assert alice.admin.purge().status in ("deleted", "nothing found")


def test_it_takes_no_further_round_trip(postgres_url: str, app_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    messages = 0
    send = psycopg.ClientCursor.execute

    def count(*args: Any, **more: Any) -> Any:
        nonlocal messages
        messages += 1
        return send(*args, **more)

    monkeypatch.setattr(psycopg.ClientCursor, "execute", count)

    def sent(memory: Memory, at: str) -> list[int]:
        nonlocal messages
        numbers = []
        for verb in (
            lambda: memory.memorize(f"Ana: I moved to {at} in May."),
            lambda: memory.recall("May"),
            lambda: memory.research("Where does Ana live since May?", depth=1),
            lambda: memory.items.insert(f"Ana lives in {at}."),
        ):
            messages = 0
            verb()
            numbers.append(messages)
        return numbers

    with Memory.open(postgres_url, "ana") as whole, Memory.open(app_url, "ben") as limited:
        for memory in (whole, limited):
            sent(memory, "Porto")
        assert sent(limited, "Braga") == sent(whole, "Braga")


def test_a_namespace_is_made_by_its_first_write_whatever_that_is(app_url: str) -> None:
    with Memory.open(app_url, "first") as memory:
        for at, write in enumerate(
            (
                lambda one: one.memorize("Ana: I like pears."),
                lambda one: one.items.insert("Ana likes pears."),
                lambda one: one.as_store().put(("a",), "k", {"text": "pears"}),
                lambda one: one.admin.share("other"),
                lambda one: one.admin.set_retention(pages="90 days"),
                lambda one: one.accept("Ana: this waits."),
            )
        ):
            write(memory.for_namespace(f'it\'s 100% \\ "{at}" {{}}'))
        assert len(memory.admin.namespaces()) == 6


def test_the_command_line_turns_it_on_and_off(postgres: PostgresServer) -> None:
    postgres.execute(f"DROP ROLE IF EXISTS {APP}; CREATE ROLE {APP} LOGIN")
    url = postgres.empty_database()
    reading = url.replace("postgres@", f"{APP}@")

    def run(*words: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, ["setup", url, *words])
        assert done.exit_code == code, done.output
        return done.output

    run("--role", APP, "--row-level-security")
    with Memory.open(reading, "ana") as memory:
        memory.memorize("Ana: I like pears.")
    assert rows(reading, "SELECT * FROM jitmem.page") == []
    run()
    assert rows(reading, "SELECT * FROM jitmem.page") == []
    assert "CREATE ROLE" in run("--role", "nobody_at_all", code=2)
    assert "superuser" in run("--role", "postgres", code=2)
    run("--no-row-level-security")
    assert len(rows(reading, "SELECT * FROM jitmem.page")) == 1
    with Memory.open(reading, "ana") as memory:
        assert memory.recall("pears")
    postgres.drop(url)
    postgres.execute(f"DROP ROLE {APP}")


def test_a_role_that_the_fence_does_not_hold_is_named_by_the_doctor(app_url: str, postgres_url: str) -> None:
    def found(url: str) -> list[str]:
        with Memory.open(url) as memory:
            return [one.what for one in memory.admin.doctor().findings if "row-level" in one.what]

    assert found(app_url) == []
    assert "this role passes by it" in found(postgres_url)[0]


def test_set_up_refuses_a_role_that_is_not_there(postgres_url: str) -> None:
    with pytest.raises(BadInput, match="make it first"):
        set_up(postgres_url, role="nobody_at_all")
