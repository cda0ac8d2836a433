"""What every LangGraph `BaseStore` must do: a suite that any implementation can run, as `JitmemStore` does.

class TestMyStore(StoreContract):
    def make_store(self) -> BaseStore:
        return MyStore()
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import InjectedStore, ToolNode
from langgraph.runtime import Runtime
from langgraph.store.base import (
    BaseStore,
    GetOp,
    InvalidNamespaceError,
    ListNamespacesOp,
    MatchCondition,
    Op,
    PutOp,
    SearchItem,
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
        wrong: tuple[Any, ...] = ((), ("",), ("a", ""), ("a.b",), ("a", "b.c"), ("a", 3), ("langgraph", "a"))
        for place in wrong:
            for put in (store.put, lambda *given: asyncio.run(store.aput(*given))):
                try:
                    put(place, "k", {"a": 1})
                except InvalidNamespaceError:
                    continue
                raise AssertionError(f"{place} was taken")
        store.put(("a", "langgraph"), "k", {"a": 1})
        assert store.list_namespaces() == [("a", "langgraph")]

    def test_times_and_ids_are_taken_as_values(self) -> None:
        # A store of objects gives them back, one of JSON the texts that stand for them.
        store = self.make_store()
        moment, number = datetime(2026, 5, 9, 8, 30, tzinfo=UTC), UUID(int=7)
        store.put(_PLACE, "tea", {"at": moment, "id": number})
        value = getattr(store.get(_PLACE, "tea"), "value", {})
        assert value["at"] in (moment, moment.isoformat())
        assert value["id"] in (number, str(number))

    def test_what_is_not_indexed_is_got_and_listed_as_any_other(self) -> None:
        store = self.make_store()
        store.put(_PLACE, "none", {"text": "tea", "more": {"text": "milk"}}, index=False)
        store.put(_PLACE, "some", {"text": "tea", "more": {"text": "milk"}}, index=["more.text"])
        assert getattr(store.get(_PLACE, "none"), "value", {})["text"] == "tea"
        assert sorted(item.key for item in store.search(_PLACE)) == ["none", "some"]

    def test_a_time_to_live_is_kept_or_refused(self) -> None:
        store = self.make_store()
        store.put(_PLACE, "none", {"a": 1}, ttl=None)
        try:
            store.put(_PLACE, "tea", {"a": 1}, ttl=60)
        except NotImplementedError:
            assert not store.supports_ttl
        else:
            assert store.supports_ttl
            assert getattr(store.get(_PLACE, "tea", refresh_ttl=True), "value", None) == {"a": 1}
            assert len(store.search(_PLACE, refresh_ttl=False)) == 2

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

    def test_a_long_batch_keeps_the_order_of_its_results(self) -> None:
        store = self.make_store()
        for n in range(5):
            store.put(("n", str(n)), "k", {"n": n})
        gets = [GetOp(("n", str(n)), "k") for n in (3, 0, 4)]
        searches = [SearchOp(("n", str(n))) for n in (2, 4, 1)]
        mixed: list[Op] = [
            gets[0],
            searches[0],
            PutOp(("m",), "k", {"n": 9}),
            gets[1],
            searches[1],
            searches[2],
            gets[2],
        ]
        results: list[Any] = store.batch(mixed)
        found = [one and (one[0] if isinstance(one, list) else one).value["n"] for one in results]
        assert found == [3, 2, None, 0, 4, 1, 4]
        assert [len(one) for one in results if isinstance(one, list)] == [1, 1, 1]

    def test_a_put_of_none_deletes_also_in_a_batch(self) -> None:
        store = self.make_store()
        for key in ("tea", "milk"):
            store.put(_PLACE, key, {"a": 1})
        assert store.batch([PutOp(_PLACE, "tea", None), PutOp(_PLACE, "new", {"a": 2}), PutOp(_PLACE, "none", None)]) == [
            None, None, None
        ]  # fmt: skip
        assert sorted(item.key for item in store.search(_PLACE)) == ["milk", "new"]

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

    def test_what_a_search_finds_is_an_item_with_its_place_and_times(self) -> None:
        store = self.make_store()
        store.put(("users", "ana", "notes"), "tea", {"a": 1})
        [item] = store.search(("users",))
        assert isinstance(item, SearchItem)
        assert (item.namespace, item.key, item.value) == (("users", "ana", "notes"), "tea", {"a": 1})
        assert item.score is None
        assert item.created_at <= item.updated_at
        assert item.dict()["key"] == "tea"

    def test_a_search_gives_ten_where_no_limit_is_named(self) -> None:
        store = self.make_store()
        for n in range(12):
            store.put(_PLACE, f"k{n}", {"n": n})
        assert len(store.search(_PLACE)) == 10
        assert len(store.search(_PLACE, limit=12)) == 12
        assert len(store.search(_PLACE, filter={"n": {"$gte": 1}}, limit=4, offset=9)) == 2

    def test_an_operator_that_there_is_not_is_an_error(self) -> None:
        store = self.make_store()
        store.put(_PLACE, "tea", {"n": 1})
        try:
            store.search(_PLACE, filter={"n": {"$almost": 1}})
        except ValueError:
            return
        raise AssertionError("$almost was taken")

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
        assert sorted(store.list_namespaces(suffix=("*", "c"))) == [places[0], places[2], places[3]]
        assert sorted(store.list_namespaces(prefix=("a",), suffix=("c",))) == [places[0], places[2]]
        assert store.list_namespaces(max_depth=1, prefix=("b",)) == [("b",)]
        assert store.list_namespaces(prefix=("a", "b", "c", "d")) == []
        pages = [store.list_namespaces(limit=3, offset=at) for at in (0, 3, 6)]
        assert [len(page) for page in pages] == [3, 1, 0]
        assert sorted(place for page in pages for place in page) == sorted(places)
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

    def test_a_batch_that_is_awaited_answers_each_operation_in_its_place(self) -> None:
        store = self.make_store()
        store.put(_PLACE, "tea", {"a": 1})
        work: list[Op] = [
            ListNamespacesOp(),
            PutOp(_PLACE, "milk", {"a": 2}),
            GetOp(_PLACE, "tea"),
            GetOp(_PLACE, "none"),
        ]
        places, put, got, none = asyncio.run(store.abatch(work))
        assert (places, put, none) == ([_PLACE], None, None)
        assert getattr(got, "value", None) == {"a": 1}

    # -- in graphs -----------------------------------------------------------------------------------------

    def test_a_graph_reaches_it_by_its_runtime_and_a_tool_by_injection(self) -> None:
        store = self.make_store()

        @tool
        def note(text: str, store: Annotated[BaseStore, InjectedStore()]) -> str:
            """Keep a note."""
            store.put(_PLACE, "note", {"text": text})
            return "Kept."

        def count(state: MessagesState, runtime: Runtime) -> dict[str, Any]:
            assert runtime.store is not None
            runtime.store.put(_PLACE, "count", {"n": len(runtime.store.search(_PLACE))})
            return {}

        builder = StateGraph(MessagesState).add_node("tools", ToolNode([note])).add_node("count", count)
        graph = builder.add_edge(START, "tools").add_edge("tools", "count").compile(store=store)
        call = AIMessage("", tool_calls=[{"name": "note", "args": {"text": "rye"}, "id": "1", "type": "tool_call"}])
        assert graph.invoke({"messages": [call]})["messages"][-1].content == "Kept."
        assert {item.key: item.value for item in store.search(_PLACE)} == {"note": {"text": "rye"}, "count": {"n": 1}}

    def test_puts_that_are_awaited_at_once_are_all_kept(self) -> None:
        store = self.make_store()

        async def work() -> None:
            await asyncio.gather(*(store.aput(_PLACE, f"k{n}", {"n": n}) for n in range(100)))
            assert len(await store.asearch(_PLACE, limit=200)) == 100

        asyncio.run(work())
