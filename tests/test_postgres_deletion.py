"""What a receipt says of a deletion in PostgreSQL: deleted, then vacuumed, and what is out of reach until when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from postgres_server import PostgresServer, why_not
from test_row_security import APP
from typer.testing import CliRunner

from jitmem import Memory
from jitmem.cli.app import app

if reason := why_not():
    pytest.skip(reason, allow_module_level=True)
import psycopg

from jitmem.stores.postgres.postgres_setup import set_up
from jitmem.stores.postgres.row_security import TABLES


@pytest.fixture
def memory(postgres_url: str) -> Iterator[Memory]:
    """With something in every table, of which a part is to be forgotten."""
    with Memory.open(postgres_url, "acme/ana") as opened:
        opened.memorize("Ana: I like pears.")
        opened.memorize(
            "Ana: the code is 4711. " + "It opens the safe behind the mill. " * 200
        )  # long enough for TOAST
        opened.items.insert("The code is 4711.")
        opened.as_store().put(("codes",), "safe", {"text": "4711"})
        opened.flush()
        yield opened


@pytest.fixture
def app_url(postgres: PostgresServer, postgres_url: str) -> Iterator[str]:
    postgres.execute(f"DROP ROLE IF EXISTS {APP}; CREATE ROLE {APP} LOGIN")
    set_up(postgres_url, role=APP)
    yield postgres_url.replace("postgres@", f"{APP}@")
    postgres.execute(f"DROP OWNED BY {APP}", postgres_url)
    postgres.execute(f"DROP ROLE {APP}")


def dead_rows(url: str) -> dict[str, int]:
    """By table with its TOAST table, how many deleted rows its pages still hold."""
    query = (
        "SELECT relname, (pgstattuple(pg_class.oid)).dead_tuple_count + coalesce((SELECT (pgstattuple(reltoastrelid))"
        ".dead_tuple_count WHERE reltoastrelid != 0), 0) FROM pg_class"
        " WHERE relkind = 'r' AND relnamespace = 'jitmem'::regnamespace"
    )
    with psycopg.connect(url) as raw:
        try:
            raw.execute(b"CREATE EXTENSION IF NOT EXISTS pgstattuple SCHEMA public")
        except psycopg.Error:
            pytest.skip("this server has no pgstattuple")
        rows = raw.execute(query.encode()).fetchall()
        return {
            name: count for name, count in rows if name in {*TABLES} - {"erasure"} and count
        }  # which counts rows only


def deletions(memory: Memory) -> list[tuple[str, str]]:
    return [(one.severity, one.what) for one in memory.admin.doctor().findings if one.check == "deletions"]


def test_vacuumed_means_that_no_table_holds_a_deleted_row(memory: Memory, postgres_url: str) -> None:
    receipt = memory.forget(query="4711")
    assert (receipt.status, receipt.reasons) == ("vacuumed", ())
    assert dead_rows(postgres_url) == {}
    assert memory.forget(everything=True).status == "vacuumed"
    assert dead_rows(postgres_url) == {}


def test_while_an_older_transaction_sees_the_rows_they_are_deleted_and_not_vacuumed(
    memory: Memory, postgres_url: str
) -> None:
    with psycopg.connect(postgres_url) as older:
        older.execute(b"BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM jitmem.page")
        receipt = memory.forget(query="4711")
        assert receipt.status == "deleted"
        assert "a transaction from before the deletion" in receipt.reasons[0]
        assert {"page", "passage", "posting", "session"} <= dead_rows(postgres_url).keys()
        assert deletions(memory)[0][0] == "attention"
        assert memory.admin.purge().status == "deleted"
    receipt = memory.admin.purge()
    assert (receipt.status, receipt.reasons) == ("vacuumed", ())
    assert dead_rows(postgres_url) == {}
    assert [severity for severity, _ in deletions(memory)] == ["note"]
    assert memory.admin.purge().status == "nothing found"


def test_a_role_that_may_not_vacuum_says_who_may(
    memory: Memory, app_url: str, postgres: PostgresServer, postgres_url: str
) -> None:
    with Memory.open(app_url, "acme/ana") as limited:
        receipt = limited.forget(query="4711")
        assert receipt.status == "deleted"
        assert "who owns the tables runs `jitmem purge --all`" in receipt.reasons[0]
        assert limited.admin.purge().status == "deleted"
        done = CliRunner().invoke(app, ["--memory", postgres_url, "purge", "--all"])
        assert "The rows are vacuumed" in done.output or "Forgotten: nothing" in done.output
        assert dead_rows(postgres_url) == {}
        assert [severity for severity, _ in deletions(limited)] == ["note"]
        with psycopg.connect(postgres_url) as raw:
            if raw.info.server_version >= 170000:
                raw.execute(f"GRANT MAINTAIN ON ALL TABLES IN SCHEMA jitmem TO {APP}".encode())
                raw.commit()
                limited.memorize("Ana: the other code is 42.")
                assert limited.forget(query="42").status == "vacuumed"


def test_what_is_out_of_reach_is_named_with_its_date(memory: Memory, postgres_url: str) -> None:
    note = memory.forget(query="pears").note
    for word in ("write-ahead log", "archive", "backups", "replicas until they have replayed", "VACUUM"):
        assert word in note
    assert "jitmem setup --backup-days N" in note
    assert CliRunner().invoke(app, ["setup", postgres_url, "--backup-days", "30"]).exit_code == 0
    day = f"{datetime.now(UTC) + timedelta(days=30):%Y-%m-%d}"
    assert f"until {day} (30 days" in memory.forget(query="4711").note
    [(severity, what)] = deletions(memory)
    assert (severity, day in what) == ("note", True)
    memory.memorize("Ana: the code is 42.")
    forget = ["forget", "--everything", "--yes", "--namespace", "acme/ana"]
    done = CliRunner().invoke(app, ["--memory", postgres_url, *forget])
    assert day in done.output, done.output


def test_opening_a_memory_runs_no_vacuum_and_closes_no_deletion(memory: Memory, app_url: str) -> None:
    with Memory.open(app_url, "acme/ana") as limited:
        limited.forget(query="4711")
    with Memory.open(app_url, "acme/ana") as limited:
        assert deletions(limited)[0][0] == "attention"
