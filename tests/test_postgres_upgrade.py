"""Memories of earlier versions in PostgreSQL are upgraded whole or not at all, and replicas of two versions work side by side."""

from __future__ import annotations

import io
import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from postgres_server import PostgresServer, why_not
from test_migrations import laid
from test_row_security import APP
from typer.testing import CliRunner

from jitmem import Memory, StoreIsNewer, StoreIsOlder
from jitmem.cli.app import app
from jitmem.stores.truth.database import FILE_NAME, schema

if reason := why_not():
    pytest.skip(reason, allow_module_level=True)
import psycopg

from jitmem.stores.postgres import postgres_upgrade
from jitmem.stores.postgres.postgres_setup import set_up
from jitmem.stores.postgres.postgres_upgrade import POSTGRES_SCHEMA, UpgradeStep
from jitmem.stores.postgres.sql_dialect import translate_schema

RELEASED = Path(__file__).parent / "released"
META = """CREATE TABLE meta (one boolean PRIMARY KEY DEFAULT true CHECK (one), version integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()); INSERT INTO meta (version) VALUES (1)"""
SHAPE = """
    SELECT relname, attname, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute
    JOIN pg_class ON pg_class.oid = attrelid WHERE relnamespace = 'jitmem'::regnamespace AND attnum > 0 ORDER BY 1, 2
"""
QUESTIONS = "What did Ana buy?", "miller", "Where does Ana live?", "bees"


def make_version_1(url: str, released: int) -> None:
    """A memory as the first builds for PostgreSQL made it, before keyword rows (3) or with them (4), with the rows that the
    folder of that version has."""
    text = schema("schema_3.sql" if released == 3 else "schema.sql")
    with TemporaryDirectory() as place, psycopg.connect(url) as raw:
        path = laid(RELEASED / f"schema-{released}.sqlite3.gz", Path(place) / "folder") / FILE_NAME
        folder = sqlite3.connect(path)
        raw.execute(b"CREATE SCHEMA jitmem; SET LOCAL search_path TO jitmem, pg_catalog")
        for statement in (META, *translate_schema(text)):
            raw.execute(statement.encode())
        tables = [
            name for (name,) in folder.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY rowid")
        ]
        for table in tables:
            if table.startswith("sqlite_"):
                continue
            found = folder.execute(f"SELECT * FROM {table}")
            columns = [f'"{column[0]}"' for column in found.description]
            values = ", ".join(["%s"] * len(columns))
            for row in found:
                raw.execute(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values})".encode(), row)
            key = columns[0].strip('"')
            ((sequence,),) = raw.execute("SELECT pg_get_serial_sequence(%s, %s)", (table, key)).fetchall()
            if sequence is not None:
                raw.execute(f"SELECT setval('{sequence}', (SELECT max({key}) FROM {table}) + 1)".encode())


@pytest.fixture(params=[3, 4], ids=["before keyword rows", "with keyword rows"])
def older(request: pytest.FixtureRequest, postgres: PostgresServer) -> Any:
    url = postgres.empty_database()
    make_version_1(url, request.param)
    yield url
    postgres.drop(url)


def fresh(postgres_url: str, released: int, tmp_path: Path) -> str:
    """The same memory, brought there by an import."""
    file = io.BytesIO()
    with Memory.open(laid(RELEASED / f"schema-{released}.sqlite3.gz", tmp_path / "folder")) as before:
        before.transfer.export(file, all_namespaces=True, vectors=True)
    file.seek(0)
    with Memory.open(postgres_url) as into:
        into.transfer.import_(file, all_namespaces=True, rules=True)
    return postgres_url


def answers(url: str) -> list[Any]:
    said: list[Any] = []
    for name in ("alice", "bob"):
        with Memory.open(url, name) as memory:
            file = io.BytesIO()
            memory.transfer.export(file, vectors=True)
            said.append(sorted(file.getvalue().splitlines()[1:-1]))
            items = [
                replace(item, change=0) for item in memory.items.list()
            ]  # an import counts changes from the beginning
            said += [memory.pages(), items, memory.stats(), memory.as_store().search(())]
            said += [[one.edit.content for one in memory.admin.proposals()]]
            for question in QUESTIONS:
                said.append([(hit.page_id, hit.start, hit.score) for hit in memory.recall(question)])
                said.append(memory.research(question).context)
    return said


def test_an_upgraded_memory_answers_as_a_fresh_import(
    older: str, postgres_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest
) -> None:
    with caplog.at_level(logging.WARNING, "jitmem"):
        assert set_up(older) == "upgraded"
    assert f"upgraded from version 1 to {POSTGRES_SCHEMA}" in caplog.text
    released = 3 if "before" in request.node.callspec.id else 4
    assert answers(older) == answers(fresh(postgres_url, released, tmp_path))
    with Memory.open(older, "alice") as memory:
        assert [filed.session_id for filed in memory.resume()] == ["waits"]
        assert memory.items.insert("Ana bakes.").status == "applied"
        assert memory.forget(query="Viana").counts["pages"] == 1
        assert [one for one in memory.admin.doctor().findings if one.check not in ("server", "deletions")] == []


def test_an_upgraded_memory_has_the_tables_of_a_new_one(older: str, postgres_url: str) -> None:
    def shape(url: str) -> set[Any]:
        with psycopg.connect(url) as raw:
            return set(raw.execute(SHAPE.encode()).fetchall())

    set_up(older)
    assert shape(older) == shape(postgres_url)


def test_what_needs_an_upgrade_says_who_makes_it(older: str) -> None:
    for create in (True, False):
        with pytest.raises(StoreIsOlder, match="Who owns its tables upgrades it: jitmem setup"):
            Memory.open(older, create=create)
    done = CliRunner().invoke(app, ["--memory", older, "recall", "mill"])
    assert done.exit_code != 0
    assert "jitmem setup" in done.output
    assert "Upgraded the memory" in CliRunner().invoke(app, ["setup", older]).output
    assert "There is already a memory" in CliRunner().invoke(app, ["setup", older]).output


def test_of_several_at_once_one_upgrades(older: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "jitmem"), ThreadPoolExecutor(4) as threads:
        done = list(threads.map(lambda _: set_up(older), range(4)))
    assert sorted(done) == ["unchanged", "unchanged", "unchanged", "upgraded"]
    assert len(caplog.messages) == 1


def test_the_role_of_the_application_and_row_security_stay(postgres: PostgresServer) -> None:
    url = postgres.empty_database()
    make_version_1(url, 3)
    postgres.execute(f"DROP ROLE IF EXISTS {APP}; CREATE ROLE {APP} LOGIN")
    for right in ("USAGE ON SCHEMA jitmem", "SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA jitmem"):
        postgres.execute(f"GRANT {right} TO {APP}", url)
    postgres.execute("ALTER TABLE jitmem.page ENABLE ROW LEVEL SECURITY", url)
    set_up(url)
    with Memory.open(url.replace("postgres@", f"{APP}@"), "alice") as memory:
        assert "mill" in memory.recall("mill")[0].text
        memory.memorize("Ana: the roof is new.")
    with psycopg.connect(url.replace("postgres@", f"{APP}@")) as raw:
        assert raw.execute(b"SELECT * FROM jitmem.posting").fetchall() == []
    postgres.drop(url)
    postgres.execute(f"DROP ROLE {APP}")


# -- versions to come


@pytest.fixture
def release(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes this process one of a later version from its next `Memory.open` on; what is open stays as it was."""

    def released(version: int, step: UpgradeStep) -> None:
        monkeypatch.setitem(postgres_upgrade.STEPS, version, step)
        monkeypatch.setattr(postgres_upgrade, "POSTGRES_SCHEMA", version)

    return released


def run(statement: str) -> Callable[[Any], object]:
    return lambda connection: connection.raw.execute(statement.encode())


def test_replicas_of_two_versions_work_side_by_side_until_a_version_contracts(
    postgres_url: str, release: Callable[..., None]
) -> None:
    with Memory.open(postgres_url, "ana") as old:
        old.memorize("Ana: I like pears.")
        release(POSTGRES_SCHEMA + 1, UpgradeStep(run("ALTER TABLE page ADD COLUMN mood text"), expands=True))
        with pytest.raises(StoreIsOlder, match="jitmem setup"):
            Memory.open(postgres_url, "ana")
        assert set_up(postgres_url) == "upgraded"
        with Memory.open(postgres_url, "ana") as new:
            old.memorize("Ana: I like plums.")
            new.memorize("Ana: I like figs.")
            assert {hit.text for hit in old.recall("like")} == {hit.text for hit in new.recall("like")}
            assert len(new.recall("like")) == 3
            release(POSTGRES_SCHEMA + 2, UpgradeStep(run("ALTER TABLE page DROP COLUMN mood")))
            assert set_up(postgres_url) == "upgraded"
            for one in (old, new):
                with pytest.raises(StoreIsNewer, match="upgrade jitmem here"):
                    one.memorize("Ana: too late.")
        with Memory.open(postgres_url, "ana") as newest:
            assert len(newest.pages()) == 3
            newest.memorize("Ana: I like quinces.")


def test_a_client_one_version_older_opens_what_was_only_expanded(
    postgres_url: str, release: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    release(POSTGRES_SCHEMA + 1, UpgradeStep(run("ALTER TABLE page ADD COLUMN mood text"), expands=True))
    set_up(postgres_url)
    for version, refused in ((POSTGRES_SCHEMA, False), (POSTGRES_SCHEMA - 1, True)):
        monkeypatch.setattr(postgres_upgrade, "POSTGRES_SCHEMA", version)
        if refused:
            with pytest.raises(StoreIsNewer, match=f"schema {POSTGRES_SCHEMA + 1}, this one knows {version}"):
                Memory.open(postgres_url)
        else:
            Memory.open(postgres_url).close()
            assert set_up(postgres_url) == "unchanged"


def test_an_upgrade_that_fails_leaves_the_old_version(postgres_url: str, release: Callable[..., None]) -> None:
    with Memory.open(postgres_url, "ana") as memory:
        memory.memorize("Ana: I like pears.")

        def fail(connection: Any) -> None:
            connection.raw.execute(b"UPDATE page SET text = ''")
            raise RuntimeError("a step that is wrong")

        release(POSTGRES_SCHEMA + 1, UpgradeStep(run("SELECT 1"), fail))
        with pytest.raises(RuntimeError, match="a step that is wrong"):
            set_up(postgres_url)
        assert memory.recall("pears")[0].text == "Ana: I like pears."
        memory.memorize("Ana: I like plums.")


def test_a_version_that_only_claims_to_be_newer_is_refused(postgres: PostgresServer, postgres_url: str) -> None:
    postgres.execute("UPDATE jitmem.meta SET version = 99", postgres_url)
    with pytest.raises(StoreIsNewer, match="schema 99"):
        Memory.open(postgres_url)
    with pytest.raises(StoreIsNewer, match="upgrade jitmem"):
        set_up(postgres_url)
