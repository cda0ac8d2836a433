"""In PostgreSQL a namespace with very many vectors gets a graph of its own: the same passages, found without comparing all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from contracts.vector_contract import DIM, Kept, agree, clustered, spread
from postgres_server import PostgresServer, why_not
from test_row_security import app_url  # noqa: F401 (a fixture)
from typer.testing import CliRunner

from jitmem import BadInput, Memory, Session
from jitmem.cli.app import app
from jitmem.stores.truth.generations import start_generation

if reason := why_not():
    pytest.skip(reason, allow_module_level=True)
import psycopg

from jitmem.stores.postgres import hnsw_indexes
from jitmem.stores.postgres.hnsw_indexes import find_indexes, index_name, maintain_indexes
from jitmem.stores.postgres.pgvector_index import PgVectors
from jitmem.stores.postgres.postgres_database import PostgresDatabase, open_postgres
from jitmem.stores.postgres.postgres_setup import set_up
from jitmem.stores.truth.database import Database
from jitmem.stores.truth.embeddings import ModelChanged

FEW = 400
BIG, SMALL = "big", "small"


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hnsw_indexes, "MIN_VECTORS", FEW)


@pytest.fixture
def database(postgres_url: str) -> Iterator[PostgresDatabase]:
    with closing(open_postgres(postgres_url, create=False)) as opened:
        if not opened.has_graphs:
            pytest.skip("this server has no pgvector of 0.8")
        yield opened


@pytest.fixture
def kept(folder: Path, database: PostgresDatabase) -> Kept:
    """A namespace above the threshold, and one below."""
    made = Kept(folder, database=cast(Database, database))
    for part in range(4):
        made.keep(spread(300, part), BIG)
    made.keep(spread(100, 50), SMALL)
    return made


@pytest.fixture
def index(kept: Kept, database: PostgresDatabase) -> PgVectors:
    opened = PgVectors(kept.store, database)
    opened.catch_up()
    return opened


def name_of(kept: Kept, namespace: str) -> str:
    return index_name(kept.number(namespace), "test")


class Explained:
    """The plans of the searches."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.plans: list[str] = []
        fetch = psycopg.ClientCursor.execute

        def explain(cursor: Any, query: bytes, *args: Any, **more: Any) -> Any:
            if b"passage_vector" in query and b"ORDER BY" in query:
                *before, search = query.rpartition(b"; ")
                with psycopg.ClientCursor(cursor.connection) as other:
                    fetch(other, b"".join(before) + b"EXPLAIN " + search, *args)
                    while other.nextset():
                        pass
                    self.plans.append("\n".join(row[0] for row in other.fetchall()))
            return fetch(cursor, query, *args, **more)

        monkeypatch.setattr(psycopg.ClientCursor, "execute", explain)


@pytest.fixture
def explained(monkeypatch: pytest.MonkeyPatch) -> Explained:
    return Explained(monkeypatch)


def test_only_a_large_namespace_gets_an_index_and_its_searches_use_it(
    kept: Kept, index: PgVectors, database: PostgresDatabase, explained: Explained
) -> None:
    query = spread(1, 99)[0]
    index.search(query, 10, [kept.number(BIG)])
    assert "hnsw" not in explained.plans.pop()
    assert maintain_indexes(database) == ((name_of(kept, BIG),), ())
    assert maintain_indexes(database) == ((), ())
    assert find_indexes(database) == {name_of(kept, BIG): True}
    for k in (1, 10, 200):
        index.search(query, k, [kept.number(BIG)])
        assert f"Index Scan using {name_of(kept, BIG)}" in explained.plans.pop()
    index.search(query, 10, [kept.number(SMALL)])
    assert "hnsw" not in explained.plans.pop()


@pytest.mark.parametrize("k", [1, 10, 200])
def test_the_same_are_found_as_by_an_exact_scan(
    kept: Kept, index: PgVectors, database: PostgresDatabase, k: int
) -> None:
    kept.keep(clustered(300, 9), BIG)
    index.catch_up()
    maintain_indexes(database)
    for query in (*spread(10, 77), *clustered(10, 9)):
        agree(index.search(query, k, [kept.number(BIG)]), kept.exact(query, k, BIG), missed=0.05)
        agree(index.search(query, k, [kept.number(SMALL)]), kept.exact(query, k, SMALL))


def test_what_is_new_is_found_at_once_and_what_is_deleted_is_not(
    kept: Kept, index: PgVectors, database: PostgresDatabase, explained: Explained
) -> None:
    maintain_indexes(database)
    near = spread(1, 123)
    (number,) = kept.keep(near, BIG)
    assert index.search(near[0], 1, [kept.number(BIG)])[0][0] == number
    assert "hnsw" in explained.plans[-1]
    with database.write() as db:
        db.execute("DELETE FROM embedding WHERE passage = ?", (number,))
    assert index.search(near[0], 1, [kept.number(BIG)])[0][0] != number
    query, gone = spread(1, 99)[0], {seq for seq, _ in kept.exact(spread(1, 99)[0], 900, BIG)[:300]}
    with database.write() as db:  # most of what lies near: the graph goes on until there is enough
        db.execute(f"DELETE FROM embedding WHERE passage IN ({', '.join(map(str, gone))})")
    for seq in gone:
        del kept.vectors[kept.number(BIG)][seq]
    agree(index.search(query, 50, [kept.number(BIG)]), kept.exact(query, 50, BIG)[:50], missed=0.05)


def test_a_write_that_is_rolled_back_leaves_nothing(kept: Kept, index: PgVectors, database: PostgresDatabase) -> None:
    maintain_indexes(database)
    before = index.search(spread(1, 5)[0], 20, [kept.number(BIG)])
    with pytest.raises(BadInput), database.write() as db:
        db.execute("DELETE FROM embedding; SELECT 1 / 0")
    assert index.search(spread(1, 5)[0], 20, [kept.number(BIG)]) == before


def test_shared_namespaces_are_searched_together(
    kept: Kept, index: PgVectors, database: PostgresDatabase, explained: Explained
) -> None:
    maintain_indexes(database)
    for query in spread(5, 31):
        both = kept.exact(query, 20, BIG) + kept.exact(query, 20, SMALL)
        found = index.search(query, 20, [kept.number(SMALL), kept.number(BIG)])
        agree(found, sorted(both, key=lambda pair: -pair[1])[:20], missed=0.05)
        assert name_of(kept, BIG) in explained.plans[-1]
        assert "passage_vector_pkey" in explained.plans[-1] or "Seq Scan on passage_vector" in explained.plans[-1]


def test_an_index_that_is_no_longer_needed_or_whose_build_broke_off_is_dropped(
    kept: Kept, index: PgVectors, database: PostgresDatabase, postgres: PostgresServer, postgres_url: str
) -> None:
    maintain_indexes(database)
    name = name_of(kept, BIG)
    postgres.execute(
        f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'jitmem.{name}'::regclass", postgres_url
    )
    assert maintain_indexes(database) == ((name,), (name,))
    with database.write() as db:
        db.execute("DELETE FROM embedding WHERE passage > (SELECT min(passage) + 250 FROM embedding)")
    assert maintain_indexes(database) == ((), ()), "half of the threshold or more: it stays"
    with database.write() as db:
        db.execute("DELETE FROM embedding WHERE passage > (SELECT min(passage) + 100 FROM embedding)")
    assert maintain_indexes(database) == ((), (name,))
    assert find_indexes(database) == {}


def test_another_model_gets_another_index(kept: Kept, database: PostgresDatabase, index: PgVectors) -> None:
    maintain_indexes(database)
    start_generation(kept.store)
    label = f"test #{kept.store.state().generation}"
    reached, texts = kept.store.missing(kept.number(BIG), 100)
    while texts:
        more = kept.store.keep(kept.number(BIG), reached, [n for n, _ in texts], spread(len(texts), 3).tolist())
        reached, texts = kept.store.missing(kept.number(BIG), 100) if more else (0, [])
    index.catch_up()
    assert maintain_indexes(database) == ((index_name(kept.number(BIG), label),), (name_of(kept, BIG),))
    assert index.search(spread(1, 3)[0], 5, [kept.number(BIG)])


@pytest.mark.parametrize("by", ["setup", "work"])
def test_setup_and_work_build_it_and_the_doctor_says_so(by: str, postgres_url: str, app_url: str) -> None:  # noqa: F811
    with Memory.open(app_url, "ana") as memory:
        turns = [("Ana", f"Number {at} is about {at % 7} pears.") for at in range(FEW + 40)]
        memory.memorize_many([Session(turns=turns[at : at + 40]) for at in range(0, len(turns), 40)])
        memory.flush()
        found = memory.recall("number 17 pears", 20)
        assert [one.count for one in memory.admin.doctor().findings if one.check == "vectors"] == [1]
        CliRunner().invoke(app, ["--memory", app_url, "work", "--once"])
        assert [one.ids for one in memory.admin.doctor().findings if one.check == "vectors"] == [("ana",)]
        if by == "setup":
            set_up(postgres_url)
        else:
            done = CliRunner().invoke(app, ["--memory", postgres_url, "work", "--once"])
            assert done.exit_code == 0, done.output
        assert [one for one in memory.admin.doctor().findings if one.check == "vectors"] == []
        again = memory.recall("number 17 pears", 20)
        assert again[0].text == found[0].text
        assert len({hit.text for hit in again} & {hit.text for hit in found}) > 12
        assert len(find_indexes(cast(Any, memory._runtime.database))) == 1


def test_a_vector_of_another_length_is_a_changed_model(
    kept: Kept, index: PgVectors, database: PostgresDatabase
) -> None:
    maintain_indexes(database)
    with pytest.raises(ModelChanged):
        index.search(np.ones(DIM + 1, np.float32), 3, [kept.number(BIG)])
