"""A memory as a LangGraph `store=`: the same operations give what InMemoryStore gives, and what is kept stays."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Any, TypedDict
from uuid import UUID

import pytest
from conftest import Child
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.embeddings import Embeddings
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.store.base import (
    BaseStore,
    GetOp,
    InvalidNamespaceError,
    Item,
    ListNamespacesOp,
    MatchCondition,
    Op,
    PutOp,
    SearchItem,
    SearchOp,
)
from langgraph.store.memory import InMemoryStore

from jitmem import BadInput, Memory
from jitmem.integrations.base_store import JitmemStore
from jitmem.stores.analyzer import HashedEmbeddings
from jitmem.stores.errors import ModelReplyError, StoreClosed, StoreReadOnly
from jitmem.stores.truth import entries

USER = ("users", "ana")


@pytest.fixture
def store(memory: Memory) -> JitmemStore:
    return memory.as_store()


class Reference(InMemoryStore):
    """As documented, but for this: a namespace exists while something lies in it."""

    def _handle_list_namespaces(self, op: ListNamespacesOp) -> list[tuple[str, ...]]:
        self._forget_empty()
        return super()._handle_list_namespaces(op)

    def _apply_put_ops(self, put_ops: Any) -> None:
        self._forget_empty()
        there = {(namespace, key) for namespace, held in self._data.items() for key in held}
        # Taking away what is not there must not make its namespace, which would then come first in the order.
        super()._apply_put_ops({at: op for at, op in put_ops.items() if op.value is not None or at in there})
        self._forget_empty()

    def _forget_empty(self) -> None:
        for namespace in [namespace for namespace, held in self._data.items() if not held]:
            del self._data[namespace]


# The same as InMemoryStore

LABELS = [
    "a",
    "ab",
    "b",
    "A",
    "a b",
    "%",
    "_",
    "'",
    '"',
    'a","b',
    "],",
    "\\",
    "/",
    "..",
    "*",
    "é",
    "e\u0301",
    "記憶",
    "🙂",
]
KEYS = ["k", "K", "", " ", "../../etc/passwd", "'; DROP TABLE entry; --", "%", "_", "k%", "記憶", "\n"]
paths = st.lists(st.sampled_from(LABELS), min_size=1, max_size=4).map(tuple)
few = st.sampled_from([("a",), ("ab",), ("a", "b"), ("a", "ab"), ("b", "a", "b"), ('a","b',)])
spaces = few | paths
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
small = st.sampled_from([None, True, 0, 1, 2.5, "x", "y", [1, "x"], {"x": 1}, {"x": 1, "y": 2}])
any_json = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=5)
values = st.fixed_dictionaries({"n": st.integers(-3, 3)}, optional={"a": small, "b": any_json})
comparisons = st.dictionaries(
    st.sampled_from(["$gt", "$gte", "$lt", "$lte", "$eq", "$ne"]), st.integers(-3, 3), min_size=1
)
filters = st.none() | st.fixed_dictionaries(
    {}, optional={"n": comparisons | st.integers(-3, 3), "a": small | st.fixed_dictionaries({"$eq": small}), "c": small}
)
limits, offsets = st.integers(0, 12), st.integers(0, 4)
conditions = st.builds(
    MatchCondition,
    st.sampled_from(["prefix", "suffix"]),
    spaces | st.sampled_from([("*",), ("a", "*"), ("*", "b"), ()]),
)
keys = st.sampled_from(KEYS)
puts = st.tuples(spaces, keys, st.none() | values | values | values).map(lambda args: PutOp(*args))
gets = st.tuples(spaces, keys).map(lambda args: GetOp(*args))
searches = st.tuples(st.just(()) | spaces, filters, limits, offsets).map(lambda args: SearchOp(*args))
listings = st.builds(
    ListNamespacesOp,
    st.none() | st.lists(conditions, max_size=2).map(tuple),
    st.none() | st.integers(0, 4),
    limits,
    offsets,
)
batches = st.lists(st.lists(puts | puts | puts | gets | searches | listings, min_size=1, max_size=5), max_size=12)


def seen(results: list[Any]) -> list[Any]:
    """What may be compared: everything but the times, which must only make sense."""
    plain: list[Any] = []
    for result in results:
        if isinstance(result, Item):
            assert isinstance(result.created_at, datetime)
            assert result.created_at.tzinfo is not None
            assert result.created_at <= result.updated_at
            score = result.score if isinstance(result, SearchItem) else "got"
            plain.append((result.namespace, result.key, result.value, score))
        else:
            plain.append(seen(result) if isinstance(result, list) else result)
    return plain


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Memory]:
    """A namespace that nobody has used, of one folder."""
    folder = tmp_path_factory.mktemp("shared") / "memory"
    made: list[Memory] = []

    def fresh() -> Memory:
        made.append(Memory.open(folder, namespace=str(len(made))))
        return made[-1]

    return fresh


@given(work=batches)
@settings(max_examples=150)
def test_any_operations_give_what_in_memory_store_gives(work: list[list[Op]], shared: Callable[[], Memory]) -> None:
    with shared() as memory:
        ours, theirs = JitmemStore(memory), Reference()
        for ops in work:
            assert seen(ours.batch(ops)) == seen(theirs.batch(ops))
        everything: list[Op] = [SearchOp((), limit=1000), ListNamespacesOp()]
        assert seen(JitmemStore(memory).batch(everything)) == seen(theirs.batch(everything))


@given(work=batches)
@settings(max_examples=50)
def test_any_operations_give_the_same_when_awaited(work: list[list[Op]], shared: Callable[[], Memory]) -> None:
    async def run() -> None:
        ours, theirs = JitmemStore(memory), Reference()
        for ops in work:
            assert seen(await ours.abatch(ops)) == seen(await theirs.abatch(ops))

    with shared() as memory:
        asyncio.run(run())


@pytest.mark.parametrize("make", [InMemoryStore, None], ids=["theirs", "ours"])
def test_a_batch_reads_what_was_there_before_it_and_the_last_put_of_a_key_counts(
    make: Callable[[], BaseStore] | None, memory: Memory
) -> None:
    store = make() if make else JitmemStore(memory)
    store.put(USER, "k", {"v": 0})
    first, _, _, second, found, _ = store.batch(
        [
            GetOp(USER, "k"),
            PutOp(USER, "k", {"v": 1}),
            PutOp(USER, "k", {"v": 2}),
            GetOp(USER, "k"),
            SearchOp(USER),
            PutOp(USER, "gone", {"v": 3}),
        ]
    )
    assert isinstance(first, Item)
    assert isinstance(second, Item)
    assert isinstance(found, list)
    assert (first.value, second.value, len(found)) == ({"v": 0}, {"v": 0}, 1)
    after = store.get(USER, "k")
    assert after is not None
    assert after.value == {"v": 2}
    store.batch([PutOp(USER, "gone", {"v": 4}), PutOp(USER, "gone", None)])
    assert store.get(USER, "gone") is None


@pytest.mark.parametrize("make", [InMemoryStore, None], ids=["theirs", "ours"])
async def test_every_verb_and_its_twin_answer_alike(make: Callable[[], BaseStore] | None, memory: Memory) -> None:
    store = make() if make else JitmemStore(memory)
    store.put(("docs", "v1"), "1", {"n": 1, "kind": "x"})
    await store.aput(("docs", "v2"), "2", {"n": 2, "kind": "y"})
    store.put(("docstring",), "3", {"n": 3})
    for found in (store.search(("docs",)), await store.asearch(("docs",))):
        assert [item.key for item in found] == ["1", "2"]
    for found in (store.search(("docs",), filter={"n": {"$gte": 2}}), await store.asearch((), filter={"kind": "y"})):
        assert [item.key for item in found] == ["2"]
    assert store.list_namespaces(prefix=("docs",)) == await store.alist_namespaces(prefix=("docs", "*"))
    assert store.list_namespaces(suffix=("v2",)) == [("docs", "v2")]
    assert await store.alist_namespaces(max_depth=1) == [("docs",), ("docstring",)]
    store.delete(("docs", "v1"), "1")
    await store.adelete(("docs", "v2"), "2")
    assert await store.aget(("docs", "v1"), "1") is None
    assert store.search(("docs",)) == []


@pytest.mark.parametrize("namespace", [(), ("a.b",), ("",), ("a", "\0"), ("langgraph",)])
def test_a_namespace_that_langgraph_forbids_is_refused_as_there(namespace: tuple[str, ...], store: JitmemStore) -> None:
    with pytest.raises(InvalidNamespaceError):
        store.put(namespace, "k", {})


# What differs, as the module says


def test_created_at_stays_when_a_value_is_replaced(store: JitmemStore) -> None:
    store.put(USER, "k", {"v": 1})
    before = store.get(USER, "k")
    store.put(USER, "k", {"v": 2})
    after = store.get(USER, "k")
    assert before is not None
    assert after is not None
    assert after.created_at == before.created_at
    assert after.updated_at > before.updated_at


def test_an_item_is_a_copy(store: JitmemStore) -> None:
    value = {"list": [1]}
    store.put(USER, "k", value)
    value["list"].append(2)
    held = store.get(USER, "k")
    assert held is not None
    held.value["list"].append(3)
    again = store.get(USER, "k")
    assert again is not None
    assert again.value == {"list": [1]}


def test_a_namespace_ends_with_its_last_entry_and_getting_does_not_make_one(store: JitmemStore) -> None:
    store.get(("never",), "k")
    store.put(USER, "k", {})
    assert store.list_namespaces() == [USER]
    store.delete(USER, "k")
    assert store.list_namespaces() == []


class Colour(Enum):
    RED = "red"


@dataclass
class Boat:
    name: str
    built: date


def test_times_and_other_types_are_kept_as_langgraphs_database_stores_keep_them(store: JitmemStore) -> None:
    import orjson

    value = {
        "at": datetime(2026, 5, 9, 8, 30, tzinfo=UTC),
        "naive": datetime(2026, 5, 9, 8, 30, 0, 5),
        "day": date(2026, 5, 9),
        "id": UUID("12345678-1234-5678-1234-567812345678"),
        "colour": Colour.RED,
        "boats": [Boat("Gaivota", date(2001, 2, 3))],
    }
    store.put(USER, "k", value)
    item = store.get(USER, "k")
    assert item is not None
    assert item.value == orjson.loads(orjson.dumps(value))
    assert [one.key for one in store.search(USER, filter={"at": value["at"], "id": value["id"]})] == ["k"]
    assert [one.key for one in store.search(USER, filter={"at": {"$gt": datetime(2026, 5, 8, tzinfo=UTC)}})] == ["k"]


async def test_writes_that_wait_at_the_same_time_are_few_transactions(
    store: JitmemStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    transactions: list[int] = []
    apply = store._entries.apply
    monkeypatch.setattr(
        store._entries, "apply", lambda puts, *more: transactions.append(len(puts)) or apply(puts, *more)
    )
    await asyncio.gather(*(store.aput(USER, f"k{n}", {"n": n}) for n in range(300)))
    assert sum(transactions) == 300
    assert len(transactions) <= 5
    assert [item.value["n"] for item in store.search(USER, limit=400)] == list(range(300))
    await asyncio.gather(*(store.aput(USER, "same", {"n": n}) for n in range(20)))
    assert (await store.aget(USER, "same")).value == {"n": 19}  # type: ignore[union-attr]


async def test_a_bad_write_among_others_fails_alone(store: JitmemStore) -> None:
    results = await asyncio.gather(
        *(store.aput(USER, f"k{n}", {"v": object() if n == 3 else n}) for n in range(6)), return_exceptions=True
    )
    assert [type(result).__name__ for result in results] == ["NoneType"] * 3 + ["BadInput"] + ["NoneType"] * 2
    assert [item.key for item in store.search(USER)] == ["k0", "k1", "k2", "k4", "k5"]


def test_writes_of_one_event_loop_after_another_are_made(store: JitmemStore) -> None:
    for n in range(3):
        asyncio.run(store.aput(USER, f"k{n}", {"n": n}))
    assert len(store.search(USER)) == 3


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({"a": {"b": [1, object()]}}, r"value\.a\.b\[1\]"),
        ({"a": float("nan")}, r"value\.a is nan"),
        ({"a": float("inf")}, r"value\.a is inf"),
        ({"a": {1, 2}}, "set"),
        ({"a": b"x"}, "bytes"),
        ({"a": timedelta(1)}, "timedelta"),
        ({1: "a"}, "the key 1"),
        ({"a": {None: 1}}, r"value\.a has the key None"),
        ({"\0": 1, "\ud800": 2}, "the same"),
        ({"a": 10**5000}, "JSON"),
        ([1], "list"),
        ("text", "str"),
    ],
)
def test_what_is_no_json_is_refused_by_its_place(value: Any, place: str, store: JitmemStore) -> None:
    with pytest.raises(BadInput, match=place):
        store.put(USER, "k", value)
    assert store.search(()) == []


def test_a_value_that_holds_itself_is_refused(store: JitmemStore) -> None:
    value: dict[str, Any] = {}
    value["self"] = value
    with pytest.raises(BadInput, match="deeper than 100"):
        store.put(USER, "k", value)


def test_what_cannot_be_stored_comes_back_as_the_replacement_character(store: JitmemStore) -> None:
    store.put(USER, "k", {"a\0": ("x\0y", "\ud83d"), "🙂": "🙂"})
    held = store.get(USER, "k")
    assert held is not None
    assert held.value == {"a\ufffd": ["x\ufffdy", "\ufffd"], "🙂": "🙂"}


@pytest.mark.parametrize("key", ["a\0b", "\udc00"])
def test_a_key_or_label_that_cannot_be_stored_is_refused(key: str, store: JitmemStore) -> None:
    with pytest.raises(BadInput):
        store.put(USER, key, {})
    with pytest.raises(BadInput):
        store.get(USER, key)
    with pytest.raises(BadInput):
        store.batch([SearchOp(("a", key))])


@pytest.mark.parametrize(
    ("wanted", "keys"),
    [
        ({"at": {"$gt": "2026-01"}}, ["late"]),
        ({"n": {"$gte": 0}}, ["late", "early"]),
        ({"n": {"$lt": "5"}}, ["early"]),
        ({"n": {"$gt": None}}, []),
        ({"nowhere": {"$gt": 1}}, []),
        ({"nowhere": None}, ["late", "early", "none"]),
        ({"n": {"$ne": 7}}, ["early", "none"]),
        ({"tags": ["x", {"y": {"$gt": 1}}]}, ["late"]),
    ],
)
def test_what_cannot_be_compared_does_not_pass(wanted: dict[str, Any], keys: list[str], store: JitmemStore) -> None:
    store.put(USER, "late", {"at": "2026-05-01", "n": 7, "tags": ["x", {"y": 2}]})
    store.put(USER, "early", {"at": "2025-05-01", "n": 1})
    store.put(USER, "none", {"n": "many"})
    assert [item.key for item in store.search((), filter=wanted)] == keys


def test_an_operation_that_makes_no_sense_is_refused(store: JitmemStore) -> None:
    store.put(USER, "k", {"n": 1})
    for wrong in (
        lambda: store.search((), filter={"n": {"$near": 1}}),
        lambda: store.search((), limit=-1),
        lambda: store.list_namespaces(offset=-1),
        lambda: store.put(USER, "k", {}, ttl=-1),
        lambda: store.put(USER, "k", {}, ttl=float("nan")),
        lambda: store.put(USER, "k", {}, index="text"),  # type: ignore[arg-type]
        lambda: store.put(USER, "k", {}, index=[1]),  # type: ignore[list-item]
        lambda: store.batch(["get"]),  # type: ignore[list-item]
        lambda: store.batch([ListNamespacesOp((MatchCondition("infix", ("a",)),))]),  # type: ignore[arg-type]
    ):
        with pytest.raises(BadInput):
            wrong()
    assert [item.value for item in store.search(())] == [{"n": 1}]


# Durable, whole, apart


def test_a_bad_value_in_a_batch_changes_nothing(store: JitmemStore) -> None:
    store.put(USER, "k", {"v": 1})
    with pytest.raises(BadInput):
        store.batch([PutOp(USER, "k", {"v": 2}), PutOp(USER, "new", {}), PutOp(USER, "bad", {"v": object()})])
    assert [(item.key, item.value) for item in store.search(())] == [("k", {"v": 1})]


def test_a_transaction_that_fails_in_the_middle_changes_nothing(
    store: JitmemStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put(USER, "k", {"v": 1})
    log = entries.log_change

    def fails_at_the_second(*row: Any) -> None:
        log(*row)
        monkeypatch.setattr(entries, "log_change", lambda *row: 1 / 0)

    monkeypatch.setattr(entries, "log_change", fails_at_the_second)
    with pytest.raises(ZeroDivisionError):
        store.batch([PutOp(USER, "k", {"v": 2}), PutOp(("other",), "new", {"v": 3}), PutOp(USER, "third", {})])
    assert [(item.key, item.value) for item in store.search(())] == [("k", {"v": 1})]
    assert store.list_namespaces() == [USER]


def test_what_was_put_is_there_after_reopening(folder: Path) -> None:
    with Memory.open(folder) as memory:
        JitmemStore(memory).put(USER, "k", {"likes": "tea"})
    with Memory.open(folder) as memory:
        found = JitmemStore(memory).search(USER, query="tea")
        assert [item.value for item in found] == [{"likes": "tea"}]
    with pytest.raises(StoreClosed):
        JitmemStore(memory).get(USER, "k")


def test_jitmem_namespaces_never_meet(folder: Path) -> None:
    with Memory.open(folder, namespace="alice") as alice, Memory.open(folder, namespace="bob") as bob:
        hers, his = JitmemStore(alice), JitmemStore(bob)
        hers.put(USER, "k", {"text": "hers"})
        assert his.get(USER, "k") is None
        his.put(USER, "k", {"text": "his"})
        his.put(("only",), "his", {"text": "hers too?"})
        his.delete(USER, "k")
        assert [item.value for item in hers.search(())] == [{"text": "hers"}]
        assert [item.value for item in hers.search((), query="hers")] == [{"text": "hers"}]
        assert hers.list_namespaces() == [USER]


def test_hostile_names_are_only_names(folder: Path) -> None:
    with Memory.open(folder) as memory:
        store = JitmemStore(memory)
        names = [
            "../../etc",
            "..",
            "/",
            "a/b",
            "C:\\x",
            "'",
            '"',
            "%",
            "_",
            "*",
            "[",
            '","',
            "a,b",
            "\n",
            "\u202e",
            "é" * 500,
        ]
        for n, name in enumerate(names):
            if "." not in name:
                store.put((name, name), name, {"n": n})
            store.put(("keys",), name, {"n": n})
        for n, name in enumerate(names):
            held = store.get(("keys",), name)
            assert held is not None
            assert held.value == {"n": n}
            if "." not in name:
                assert [item.value for item in store.search((name,))] == [{"n": n}]
        assert store.search(("key",)) == []
        assert {file.name for file in folder.rglob("*")} <= {
            "truth.sqlite3",
            "truth.sqlite3-wal",
            "truth.sqlite3-shm",
        }


def test_200_puts_from_16_threads_lose_nothing(store: JitmemStore) -> None:
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda n: store.put(("n", str(n % 7)), str(n), {"n": n}), range(200)))
    assert sorted(item.value["n"] for item in store.search((), limit=1000)) == list(range(200))


async def test_200_puts_at_once_from_one_loop_lose_nothing(store: JitmemStore) -> None:
    await asyncio.gather(*(store.aput(("n",), str(n), {"n": n}) for n in range(200)))
    assert sorted(item.value["n"] for item in await store.asearch((), limit=1000)) == list(range(200))


async def test_a_put_that_waits_for_another_does_not_hold_up_the_loop(memory: Memory, store: JitmemStore) -> None:
    with memory._runtime.database.write():
        putting = asyncio.create_task(store.aput(USER, "k", {}))
        await asyncio.sleep(0.1)
        assert not putting.done()
    await putting
    assert await store.aget(USER, "k") is not None


def test_two_processes_share_what_they_put(folder: Path, start: Callable[..., Child]) -> None:
    script = """
import sys
from jitmem import Memory
from jitmem.integrations.base_store import JitmemStore
with Memory.open(sys.argv[1]) as memory:
    store = JitmemStore(memory)
    for n in range(50):
        store.put(("from", sys.argv[2]), str(n), {"n": n})
        store.put(("both",), str(n), {"by": sys.argv[2]})
    print(len(store.search(("from",), limit=1000, query="n")))
"""
    Memory.open(folder).close()
    children = [start(script, folder, name) for name in ("a", "b")]
    for child in children:
        out, err = child.communicate(timeout=300)
        assert child.returncode == 0, err
        assert int(out) >= 50
    with Memory.open(folder) as memory:
        store = JitmemStore(memory)
        assert len(store.search(("from",), limit=1000)) == 100
        assert len(store.search(("both",), limit=1000)) == 50
        assert store.list_namespaces() == [("both",), ("from", "a"), ("from", "b")]


def test_the_log_counts_entries_and_the_rest_of_the_memory_goes_on(memory: Memory, store: JitmemStore) -> None:
    memory.memorize("Ana works in Porto.")
    store.put(USER, "k", {"text": "Ana works in Lisbon"})
    store.put(USER, "k", {"text": "Ana works in Faro"})
    store.delete(USER, "k")
    memory.memorize("Ben works in Braga.")
    assert [hit.text for hit in memory.recall("Ben Braga", k=1)] == ["Ben works in Braga."]
    assert len(memory.recall("works", k=10)) == 2
    with memory._runtime.database.read() as db:
        rows = db.execute("SELECT kind, op, cause FROM change ORDER BY n").fetchall()
        left = db.execute("SELECT count(*) FROM entry_text").fetchone()[0]
    assert [row for row in rows if row[0] == "entry"] == [
        ("entry", "put", "store"),
        ("entry", "put", "store"),
        ("entry", "delete", "store"),
    ]
    assert left == 0


# Time to live


def test_what_has_expired_is_gone_at_once_and_swept_by_the_next_write(memory: Memory, store: JitmemStore) -> None:
    store.put(USER, "short", {"text": "tea"}, ttl=0.1 / 60)
    store.put(("brief",), "k", {"text": "tea"}, ttl=0)
    store.put(USER, "long", {"text": "tea"}, ttl=60)
    store.put(USER, "stays", {"text": "tea"})
    time.sleep(0.15)
    assert store.get(USER, "short") is None
    assert [item.key for item in store.search(())] == ["long", "stays"]
    assert {item.key for item in store.search((), query="tea")} == {"long", "stays"}
    assert store.list_namespaces() == [USER]
    store.put(USER, "other", {})
    with memory._runtime.database.read() as db:
        keys = [key for (key,) in db.execute("SELECT key FROM entry ORDER BY n")]
        spaces = db.execute("SELECT count(*) FROM entry_path").fetchone()[0]
        expired = db.execute("SELECT count(*) FROM change WHERE op = 'expire'").fetchone()[0]
    assert (keys, spaces, expired) == (["long", "stays", "other"], 1, 2)


def test_reading_puts_the_end_off_unless_told_not_to(memory: Memory, store: JitmemStore) -> None:
    def left(key: str) -> float:
        with memory._runtime.database.read() as db:
            return float(db.execute("SELECT expires_at FROM entry WHERE key = ?", (key,)).fetchone()[0])

    for key in ("got", "found", "left"):
        store.put(USER, key, {"is": key}, ttl=60)
    before = {key: left(key) for key in ("got", "found", "left")}
    time.sleep(0.01)
    store.get(USER, "got")
    store.search(USER, filter={"is": "found"})
    store.get(USER, "left", refresh_ttl=False)
    store.search(USER, refresh_ttl=False)
    assert left("got") > before["got"]
    assert left("found") > before["found"]
    assert left("left") == before["left"]


def test_a_put_over_what_has_expired_is_a_new_entry(store: JitmemStore) -> None:
    store.put(USER, "k", {"v": 1}, ttl=0)
    began = datetime.now().astimezone()
    store.put(USER, "k", {"v": 2})
    held = store.get(USER, "k")
    assert held is not None
    assert held.created_at >= began


def test_a_put_without_ttl_lets_an_entry_stay(store: JitmemStore) -> None:
    store.put(USER, "k", {"v": 1}, ttl=0.05 / 60)
    store.put(USER, "k", {"v": 2})
    time.sleep(0.1)
    assert store.get(USER, "k") is not None


def test_the_defaults_of_ttl_can_be_set(memory: Memory) -> None:
    store = JitmemStore(memory, ttl={"default_ttl": 0.0, "refresh_on_read": False})
    store.put(USER, "gone", {})
    store.put(USER, "stays", {}, ttl=None)
    assert [item.key for item in store.search(())] == ["stays"]


# Searching by a query


@pytest.fixture
def kitchen(store: JitmemStore) -> JitmemStore:
    store.put(USER, "food", {"text": "Ana loves mushroom risotto", "year": 2024})
    store.put(USER, "work", {"text": "Ana is a marine biologist in Lisbon", "year": 2025})
    store.put(USER, "pet", {"text": "The dog is called Pixel", "year": 2026})
    store.put(("users", "ben"), "food", {"text": "Ben is allergic to mushrooms", "year": 2024})
    return store


def found(items: list[SearchItem]) -> list[tuple[str, str]]:
    return [(item.namespace[-1], item.key) for item in items]


async def test_a_query_ranks_by_words_and_likeness(kitchen: JitmemStore) -> None:
    items = kitchen.search(USER, query="Where does the biologist work?")
    assert found(items)[0] == ("ana", "work")
    assert sorted(found(items)) == [("ana", "food"), ("ana", "pet"), ("ana", "work")]
    scores = [item.score for item in items if item.score is not None]
    assert len(scores) == 3
    assert scores == sorted(scores, reverse=True)
    assert 0 <= scores[-1] < scores[0] <= 1
    assert found(await kitchen.asearch(USER, query="Where does the biologist work?")) == found(items)
    assert found(kitchen.search(USER, query="mushrom risoto"))[0] == ("ana", "food")  # typing errors are forgiven
    assert set(found(kitchen.search(("users",), query="mushrooms"))[:2]) == {("ana", "food"), ("ben", "food")}


def test_a_query_goes_with_a_filter_a_limit_and_an_offset(kitchen: JitmemStore) -> None:
    every = found(kitchen.search(("users",), query="mushroom dog"))
    assert found(kitchen.search(("users",), query="mushroom dog", limit=2, offset=1)) == every[1:3]
    assert kitchen.search(("users",), query="mushroom dog", limit=0) == []
    recent = kitchen.search(("users",), query="mushroom dog", filter={"year": {"$gt": 2024}}, limit=1)
    assert found(recent) == [("ana", "pet")]
    assert kitchen.search(("nobody",), query="mushroom") == []
    assert len(kitchen.search((), query="")) == 4


def test_a_filter_with_a_query_is_applied_to_every_entry(store: JitmemStore) -> None:
    store.batch([PutOp(USER, str(n), {"text": "river " * (n % 5), "n": n}) for n in range(300)])
    items = store.search(USER, query="river", filter={"n": {"$gte": 290}}, limit=20)
    assert sorted(item.value["n"] for item in items) == list(range(290, 300))


def test_what_is_searched_is_chosen_by_put(store: JitmemStore) -> None:
    value = {"title": "river", "body": "stone", "notes": [{"text": "heron"}, {"text": "otter"}]}
    store.put(USER, "all", value)
    store.put(USER, "title", value, index=["title"])
    store.put(USER, "notes", value, index=["notes[*].text", "nowhere"])
    store.put(USER, "not", value, index=False)
    store.put(USER, "none", value, index=[])

    def best(query: str, k: int) -> set[str]:
        return {item.key for item in store.search(USER, query=query, limit=k)}

    assert best("river", 2) == {"all", "title"}
    assert best("otter", 2) == {"all", "notes"}
    assert best("stone", 1) == {"all"}
    assert {item.key for item in store.search(USER, query="river")} == {"all", "title", "notes"}
    assert len(store.search(USER)) == 5
    store.put(USER, "title", value, index=False)
    assert {item.key for item in store.search(USER, query="river")} == {"all", "notes"}


def test_a_field_is_found_by_its_name_too(store: JitmemStore) -> None:
    store.put(USER, "1", {"favourite_food": "pizza"})
    store.put(USER, "2", {"home": {"city": "Porto"}})
    assert store.search(USER, query="favourite food")[0].key == "1"
    assert store.search(USER, query="Which city is home?")[0].key == "2"


def test_the_fields_of_a_store_are_searched_where_put_names_none(memory: Memory) -> None:
    store = JitmemStore(memory, fields=["text"])
    store.put(USER, "1", {"text": "river", "secret": "stone"})
    store.put(USER, "2", {"secret": "river"})
    assert [item.key for item in store.search(USER, query="river")] == ["1"]


def test_a_long_text_is_found_by_its_end(store: JitmemStore) -> None:
    store.put(USER, "long", {"text": "stone " * 5000 + "heron"})
    store.put(USER, "short", {"text": "stone"})
    assert store.search(USER, query="heron")[0].key == "long"


def test_a_memory_that_cannot_be_written_is_searched_by_what_is_there(
    kitchen: JitmemStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    kitchen.put(USER, "brief", {"text": "risotto for lunch"}, ttl=60)
    monkeypatch.setattr(kitchen.memory._runtime.database, "read_only", True)
    assert found(kitchen.search(USER, query="risotto"))[0] == ("ana", "brief")
    assert kitchen.get(USER, "brief") is not None
    with pytest.raises(StoreReadOnly):
        kitchen.put(USER, "new", {})


@pytest.mark.parametrize("path", ["", "[", "{", "a[", "a[x]", "{a,b", "..", "*", "a.*.b", "[*]", "$.a", "$"])
def test_any_path_is_a_path(path: str, store: JitmemStore) -> None:
    store.put(USER, "k", {"a": [{"b": "river"}], "c": None}, index=[path])
    assert store.get(USER, "k") is not None
    assert len(store.search(USER, query="river", limit=sys.maxsize, offset=1)) == 0


class Counting(Embeddings):
    """Hashed n-grams under a name, counted as if they were paid for."""

    def __init__(self, model: str = "counting", dim: int = 64) -> None:
        self.model = model
        self.asked: list[str] = []
        self.inner = HashedEmbeddings(dim)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.asked += [text for text in texts if not text.startswith("The miller of Viana")]
        return self.inner.embed_documents(texts)

    def embed_query(self, text: str) -> list[float]:
        return self.inner.embed_query(text)


@pytest.fixture
def counting(folder: Path) -> Iterator[tuple[Counting, JitmemStore]]:
    model = Counting()
    with Memory.open(folder, embeddings=model) as memory:
        yield model, JitmemStore(memory)


def test_a_vector_is_made_by_the_first_search_that_looks_there_and_paid_once(
    counting: tuple[Counting, JitmemStore], folder: Path
) -> None:
    model, store = counting
    store.put(USER, "1", {"text": "river"}, index=["text"])
    store.put(USER, "2", {"text": "stone"}, index=["text"])
    store.put(("elsewhere",), "3", {"text": "heron"}, index=["text"])
    store.search(USER)
    assert model.asked == []
    store.search(USER, query="x")
    store.search(USER, query="y")
    assert model.asked == ["river", "stone"]
    store.put(USER, "1", {"text": "river", "seen": True}, index=["text"])
    store.put(USER, "2", {"text": "rock"}, index=["text"])
    with Memory.open(folder, embeddings=model) as again:
        JitmemStore(again).search((), query="x")
    assert sorted(model.asked) == ["heron", "river", "rock", "stone"]


def test_many_who_search_at_once_pay_once(counting: tuple[Counting, JitmemStore]) -> None:
    model, store = counting
    store.batch([PutOp(USER, str(n), {"text": f"river {n}"}) for n in range(300)])
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda n: found(store.search(USER, query="river 7")), range(8)))
    assert len(model.asked) == 300
    assert all(result == results[0] for result in results)


def test_vectors_of_two_models_never_meet(counting: tuple[Counting, JitmemStore], folder: Path) -> None:
    _, store = counting
    store.put(USER, "1", {"text": "river"})
    store.search(USER, query="river")
    other = Counting("other", dim=32)
    with Memory.open(folder, embeddings=other) as memory:
        found_by_other = JitmemStore(memory).search(USER, query="river")
    assert other.asked == ["text: river"]
    assert [item.key for item in found_by_other] == ["1"]
    assert [item.key for item in store.search(USER, query="river")] == ["1"]


def test_a_model_that_changed_behind_its_name_is_noticed(counting: tuple[Counting, JitmemStore]) -> None:
    model, store = counting
    store.put(USER, "1", {"text": "river"})
    store.put(USER, "2", {"text": "stone"})
    store.search(USER, query="river")
    model.inner = HashedEmbeddings(32)
    assert [item.key for item in store.search(USER, query="river")] == ["1", "2"]
    assert model.asked == ["text: river", "text: stone"] * 2
    with store.memory._runtime.database.read() as db:
        sizes = db.execute("SELECT DISTINCT length(vector) FROM entry_embedding").fetchall()
    assert sizes == [(32 * 4,)]


@pytest.mark.parametrize("vectors", [[], [[1.0], [1.0, 2.0]], [[float("nan")] * 64] * 2, [[], []]])
def test_a_model_that_gives_no_vectors_is_an_error(
    vectors: list[list[float]], counting: tuple[Counting, JitmemStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, store = counting
    store.put(USER, "1", {"text": "river"})
    store.put(USER, "2", {"text": "stone"})
    monkeypatch.setattr(store.memory._runtime.archive.embeddings, "needs_fingerprint", lambda: False)
    with monkeypatch.context() as broken:
        broken.setattr(model, "embed_documents", lambda texts: vectors)
        with pytest.raises(ModelReplyError):
            store.search(USER, query="river")
    assert [item.key for item in store.search(USER, query="river")] == ["1", "2"]


# In a graph


class State(TypedDict, total=False):
    said: str
    known: list[str]


def note(state: State, runtime: Runtime[None]) -> State:
    assert runtime.store is not None
    runtime.store.put(USER, state["said"], {"text": state["said"]})
    return {}


async def anote(state: State, runtime: Runtime[None]) -> State:
    assert runtime.store is not None
    await runtime.store.aput(USER, state["said"], {"text": state["said"]})
    return {}


def look(state: State, runtime: Runtime[None]) -> State:
    assert isinstance(runtime.store, JitmemStore)
    assert runtime.store.memory.stats()["pages"] == 0
    return {"known": [item.value["text"] for item in runtime.store.search(USER, query=state["said"])]}


async def alook(state: State, runtime: Runtime[None]) -> State:
    assert runtime.store is not None
    return {"known": [item.value["text"] for item in await runtime.store.asearch(USER, query=state["said"])]}


async def test_a_graph_keeps_its_values_in_the_memory(memory: Memory) -> None:
    def graph(*nodes: Any) -> Any:
        builder = StateGraph(State)
        for name, node in zip(("note", "look"), nodes, strict=True):
            builder.add_node(name, node)
        builder.add_edge(START, "note")
        builder.add_edge("note", "look")
        builder.add_edge("look", END)
        return builder.compile(store=JitmemStore(memory))

    assert graph(note, look).invoke({"said": "I like tea"})["known"] == ["I like tea"]
    again = await graph(anote, alook).ainvoke({"said": "I live in Porto"})
    assert again["known"] == ["I live in Porto", "I like tea"]
    runs = await asyncio.gather(*(graph(anote, alook).ainvoke({"said": f"number {n}"}) for n in range(20)))
    assert all(run["known"][0] == run["said"] for run in runs)
