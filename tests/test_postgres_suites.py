"""The suites of the stores hold on PostgreSQL too: the contracts, and every test that needs no more than an open memory."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import pytest
import test_base_store
import test_forget
import test_forget_derived
import test_import_from
import test_item_search
import test_items
import test_memory_tools
import test_retention
import test_retriever
import test_session_growth
import test_sharing
import test_snapshot
from contracts.truth_contract import Truth, TruthContract
from contracts.vector_contract import Kept, VectorContract
from postgres_server import PostgresServer

from jitmem import Memory
from jitmem.stores.index.vector_index import ExactVectors, VectorIndex
from jitmem.stores.postgres.pgvector_index import PgVectors
from jitmem.stores.postgres.postgres_database import PostgresDatabase, open_postgres
from jitmem.stores.truth.database import Database
from jitmem.stores.truth.journal import Journal
from jitmem.stores.truth.namespace import Namespace
from jitmem.stores.truth.pages import Pages

SUITES: dict[ModuleType, str] = {
    test_items: "items",
    test_item_search: "item_search",
    test_base_store: "store",
    test_forget: "forget",
    test_forget_derived: "forget_derived",
    test_retention: "retention",
    test_sharing: "sharing",
    test_session_growth: "growth",
    test_snapshot: "snapshot",
    test_memory_tools: "tools",
    test_retriever: "retriever",
    test_import_from: "import_from",
}
ON_FILES = {"folder", "tmp_path", "tmp_path_factory", "start", "request"}
OF_BYTES = {  # what is said of bytes in files: of PostgreSQL a receipt says "deleted", see test_postgres.py
    "test_every_verb_has_an_awaited_twin",
    "test_forgetting_off_the_event_loop_blocks_nobody",
    "test_a_query_looks_at_every_place_of_a_session",
    "test_more_at_the_end_is_a_further_page_and_the_first_stays_as_it_was",
}


@pytest.fixture
def memory(postgres_url: str) -> Iterator[Memory]:
    """In the place of the one in a folder."""
    with Memory.open(postgres_url) as opened:
        yield opened


@pytest.fixture
def database(postgres_url: str) -> Iterator[PostgresDatabase]:
    with closing(open_postgres(postgres_url, create=False)) as opened:
        yield opened


def memory_tests(module: ModuleType) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Those that take `memory`, and no folder."""
    for name, test in vars(module).items():
        if name.startswith("test_") and callable(test) and name not in OF_BYTES:
            wanted = set(inspect.signature(test).parameters)
            if "memory" in wanted and not wanted & ON_FILES:
                yield name, test


for _module, _suite in SUITES.items():
    for _name, _made in vars(_module).items():
        if type(_made).__name__ == "FixtureFunctionDefinition" and _name not in globals():
            globals()[_name] = _made
    for _name, _test in memory_tests(_module):
        globals()[_name.replace("test_", f"test_{_suite}_", 1)] = _test


class TestPostgres(TruthContract):
    @pytest.fixture
    def namespaces(self, database: PostgresDatabase) -> Callable[[str], Truth]:
        def opened(name: str) -> Truth:
            namespace = Namespace(cast(Database, database), name)
            return Truth(Journal(namespace), Pages(namespace))

        return opened


class PostgresVectors(VectorContract):
    @pytest.fixture
    def kept(self, folder: Path, database: PostgresDatabase) -> Kept:
        return Kept(folder, database=cast(Database, database))


class TestExactVectorsOverPostgres(PostgresVectors):
    @pytest.fixture
    def open_index(self) -> Callable[[Kept], VectorIndex]:
        return lambda kept: ExactVectors(kept.store)


class TestPgVectors(PostgresVectors):
    @pytest.fixture
    def kept(self, folder: Path, database: PostgresDatabase) -> Kept:
        if database.halfvec is None:
            pytest.skip("this server has no pgvector")
        return Kept(folder, database=cast(Database, database))

    @pytest.fixture
    def open_index(self, database: PostgresDatabase) -> Callable[[Kept], VectorIndex]:
        return lambda kept: PgVectors(kept.store, database)


def test_the_server_is_a_real_one(postgres: PostgresServer, database: PostgresDatabase) -> None:
    assert "PostgreSQL" in database.fetch("SELECT version()")[0][0]
