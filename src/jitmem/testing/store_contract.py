"""What every LangGraph `BaseStore` must do: a suite that any implementation can run, as `JitmemStore` does.

class TestMyStore(StoreContract):
    def make_store(self) -> BaseStore:
        return MyStore()
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

from langgraph.store.base import (
    BaseStore,
    GetOp,
    InvalidNamespaceError,
    ListNamespacesOp,
    MatchCondition,
    PutOp,
    SearchOp,
)

_PLACE = ("users", "ana")


class StoreContract:
    """Give `make_store`; each test takes an empty store. Only what BaseStore documents is asked for: no scores, no order of
    ranks, and of search the default order of entries alone."""

    def make_store(self) -> BaseStore:
        """An empty store."""
        raise NotImplementedError("Return an empty BaseStore.")

    # -- one value -----------------------------------------------------------------------------------------

    def test_what_was_put_is_got_whole(self) -> None:
        value: dict[str, Any] = {"text": "Ana takes tea.", "n": 3, "deep": {"list": [1, None, True, "ü"], "empty": {}}}
        store = self.make_store()
        store.put(_PLACE, "tea", value)
        item = store.get(_PLACE, "tea")
        assert item is not None
        assert (item.namespace, item.key, item.value) == (_PLACE, "tea", value)
        assert isinstance(item.created_at, datetime)
        assert item.created_at.tzinfo is not None
        assert item.created_at <= item.updated_at

    def test_what_is_not_there_is_none(self) -> None:
        store = self.make_store()
        assert store.get(_PLACE, "tea") is None
        store.put(_PLACE, "tea", {"a": 1})
        assert store.get(("users",), "tea") is None
        assert store.get((*_PLACE, "more"), "tea") is None

    def test_a_put_replaces_the_whole_value(self) -> None:
        store = self.make_store()
        store.put(_PLACE, "tea", {"a": 1, "b": 2})
        first = store.get(_PLACE, "tea")
        store.put(_PLACE, "tea", {"a": 3})
        second = store.get(_PLACE, "tea")
        assert first is not None
        assert second is not None
        assert second.value == {"a": 3}
        assert second.updated_at >= first.updated_at

    def test_a_deleted_value_is_gone_and_may_be_deleted_again(self) -> None:
        store = self.make_store()
        store.put(_PLACE, "tea", {"a": 1})
        store.delete(_PLACE, "tea")
        store.delete(_PLACE, "tea")
        assert store.get(_PLACE, "tea") is None
        assert store.search(_PLACE) == []

    def test_namespaces_that_langgraph_forbids_are_refused(self) -> None:
        store = self.make_store()
        for place in ((), ("",), ("a", ""), ("a.b",), ("langgraph", "a")):
            try:
                store.put(place, "k", {"a": 1})
            except InvalidNamespaceError:
                continue
            raise AssertionError(f"{place} was taken")

    # -- batches -------------------------------------------------------------------------------------------

    def test_a_batch_answers_each_operation_in_its_place(self) -> None:
        store = self.make_store()
        store.put(_PLACE, "tea", {"a": 1})
        results = store.batch([
            GetOp(_PLACE, "tea"), PutOp(_PLACE, "milk", {"a": 2}), SearchOp(("users",)), ListNamespacesOp(), GetOp(_PLACE, "none")
        ])  # fmt: skip
        assert len(results) == 5
        assert getattr(results[0], "value", None) == {"a": 1}
        assert results[1] is None
        assert "tea" in [item.key for item in results[2]]  # type: ignore[union-attr]
        assert results[3] == [_PLACE]
        assert results[4] is None
        assert getattr(store.get(_PLACE, "milk"), "value", None) == {"a": 2}

    def test_of_two_puts_of_a_key_in_a_batch_the_last_counts(self) -> None:
        store = self.make_store()
        store.batch([PutOp(_PLACE, "tea", {"a": 1}), PutOp(_PLACE, "tea", {"a": 2})])
        assert getattr(store.get(_PLACE, "tea"), "value", None) == {"a": 2}

    # -- searches ------------------------------------------------------------------------------------------

    def test_a_search_finds_what_lies_under_a_prefix_of_labels(self) -> None:
        store = self.make_store()
        for place in (("users", "ana"), ("users", "ana", "notes"), ("users", "anabel"), ("user",)):
            store.put(place, "k", {"at": "/".join(place)})
        assert sorted(item.value["at"] for item in store.search(("users", "ana"))) == ["users/ana", "users/ana/notes"]
        assert len(store.search(("users",))) == 3
        assert len(store.search(())) == 4

    def test_a_search_is_filtered_by_fields_and_comparisons(self) -> None:
        store = self.make_store()
        for n in range(6):
            store.put(_PLACE, f"k{n}", {"n": n, "even": n % 2 == 0})
        wanted: list[tuple[dict[str, Any], set[str]]] = [
            ({"even": True}, {"k0", "k2", "k4"}),
            ({"even": True, "n": 2}, {"k2"}),
            ({"n": {"$gt": 3}}, {"k4", "k5"}),
            ({"n": {"$gte": 3, "$lt": 5}}, {"k3", "k4"}),
            ({"n": {"$lte": 1}}, {"k0", "k1"}),
            ({"n": {"$eq": 3}}, {"k3"}),
            ({"n": {"$ne": 3}}, {"k0", "k1", "k2", "k4", "k5"}),
            ({"none": 1}, set()),
        ]
        for condition, keys in wanted:
            assert {item.key for item in store.search(_PLACE, filter=condition)} == keys, condition

    def test_limit_and_offset_walk_through_a_search_once(self) -> None:
        store = self.make_store()
        for n in range(7):
            store.put(_PLACE, f"k{n}", {"n": n})
        pages = [[item.key for item in store.search(_PLACE, limit=3, offset=at)] for at in (0, 3, 6, 9)]
        assert [len(page) for page in pages] == [3, 3, 1, 0]
        assert sorted(key for page in pages for key in page) == [f"k{n}" for n in range(7)]

    # -- namespaces ----------------------------------------------------------------------------------------

    def test_namespaces_are_listed_by_prefix_suffix_wildcard_and_depth(self) -> None:
        store = self.make_store()
        places = [("a", "b", "c"), ("a", "b", "d"), ("a", "x", "c"), ("b", "b", "c")]
        for place in places:
            store.put(place, "k", {"a": 1})
        assert sorted(store.list_namespaces()) == sorted(places)
        assert sorted(store.list_namespaces(prefix=("a", "b"))) == places[:2]
        assert sorted(store.list_namespaces(suffix=("c",))) == [places[0], places[2], places[3]]
        assert sorted(store.list_namespaces(prefix=("a", "*", "c"))) == [places[0], places[2]]
        assert sorted(store.list_namespaces(prefix=("a",), max_depth=2)) == [("a", "b"), ("a", "x")]
        assert len(store.list_namespaces(limit=2)) == 2
        both = (MatchCondition("prefix", ("a",)), MatchCondition("suffix", ("d",)))
        assert store.batch([ListNamespacesOp(match_conditions=both)]) == [[places[1]]]

    # -- awaited -------------------------------------------------------------------------------------------

    def test_every_verb_awaited_does_the_same(self) -> None:
        store = self.make_store()

        async def work() -> None:
            await store.aput(_PLACE, "tea", {"n": 1})
            await store.aput(_PLACE, "milk", {"n": 2})
            assert getattr(await store.aget(_PLACE, "tea"), "value", None) == {"n": 1}
            assert sorted(item.key for item in await store.asearch(_PLACE)) == ["milk", "tea"]
            assert [item.key for item in await store.asearch(_PLACE, filter={"n": 2})] == ["milk"]
            assert await store.alist_namespaces() == [_PLACE]
            await store.adelete(_PLACE, "tea")
            assert await store.aget(_PLACE, "tea") is None

        asyncio.run(work())

    def test_puts_that_are_awaited_at_once_are_all_kept(self) -> None:
        store = self.make_store()

        async def work() -> None:
            await asyncio.gather(*(store.aput(_PLACE, f"k{n}", {"n": n}) for n in range(100)))
            assert len(await store.asearch(_PLACE, limit=200)) == 100

        asyncio.run(work())
