"""The published suite for stores holds for ours and for LangGraph's own, and notices a store that is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from langgraph.store.base import BaseStore, Op, PutOp, Result
from langgraph.store.memory import InMemoryStore
from langgraph.store.sqlite import SqliteStore

from jitmem import Memory
from jitmem.testing import StoreContract


class TestJitmemStore(StoreContract):
    @pytest.fixture(autouse=True)
    def _open(self, tmp_path: Path) -> Iterator[None]:
        with Memory.open(tmp_path / "memory") as self.memory:
            yield

    def make_store(self) -> BaseStore:
        return self.memory.as_store()


class TestInMemoryStore(StoreContract):
    def make_store(self) -> BaseStore:
        return InMemoryStore()


class AwaitedSqliteStore(SqliteStore):
    """LangGraph's has its awaited verbs in a class that is bound to one event loop."""

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        return self.batch(ops)


class TestSqliteStore(StoreContract):
    @pytest.fixture(autouse=True)
    def _open(self, tmp_path: Path) -> Iterator[None]:
        with AwaitedSqliteStore.from_conn_string(str(tmp_path / "store.sqlite3")) as self.store:
            self.store.setup()
            yield

    def make_store(self) -> BaseStore:
        return self.store


class Losing(InMemoryStore):
    """Keeps the first put of a batch alone."""

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        kept = list(ops)
        puts = [op for op in kept if isinstance(op, PutOp)]
        return super().batch([op for op in kept if op not in puts[1:]]) + [None] * len(puts[1:])


def test_a_store_that_loses_a_write_fails() -> None:
    contract: Any = StoreContract()
    contract.make_store = Losing
    with pytest.raises(AssertionError):
        contract.test_of_two_puts_of_a_key_in_a_batch_the_last_counts()
