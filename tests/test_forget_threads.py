"""`forget(threads=checkpointer)` deletes a user's LangGraph threads along, and says what it could not reach."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from jitmem import Memory
from jitmem.stores.errors import BadInput
from jitmem.testing import ScriptedModel


def chat(memory: Memory, saver: Any, user: str, thread: str, text: str) -> None:
    agent: Any = create_agent(ScriptedModel(lines=["Good."]), middleware=[memory.middleware()], checkpointer=saver)
    agent.invoke({"messages": text}, {"configurable": {"thread_id": thread}}, context={"user_id": user})


def threads_of(saver: Any) -> set[str]:
    return {one.config["configurable"]["thread_id"] for one in saver.list(None)}


@pytest.fixture(params=["InMemorySaver", "SqliteSaver"])
def saver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    if request.param == "InMemorySaver":
        yield InMemorySaver()
        return
    with closing(sqlite3.connect(tmp_path / "threads.sqlite3", check_same_thread=False)) as connection:
        yield SqliteSaver(connection)


def test_the_threads_of_a_user_go_with_everything_and_those_of_others_stay(memory: Memory, saver: Any) -> None:
    chat(memory, saver, "ana", "a1", "My safe word is xylophon.")
    chat(memory, saver, "ana", "a2", "I live in Porto.")
    chat(memory, saver, "ben", "b1", "I keep bees.")
    memory.flush()
    ana = memory.for_namespace("ana")
    ana.as_store().put(("notes",), "k", {"text": "Ana's own entry."})
    preview = ana.forget(everything=True, threads=saver, preview=True)
    assert (set(preview.thread_ids), threads_of(saver)) == ({"a1", "a2"}, {"a1", "a2", "b1"})
    receipt = ana.forget(everything=True, threads=saver)
    assert (receipt.status, set(receipt.thread_ids), receipt.counts["entries"]) == ("erased", {"a1", "a2"}, 1)
    assert threads_of(saver) == {"b1"}
    assert ("SqliteSaver deletes rows" in str(receipt.unreached)) == isinstance(saver, SqliteSaver)
    assert len(memory.for_namespace("ben").pages()) == 1


def test_only_the_threads_of_what_is_forgotten_go(memory: Memory, saver: Any) -> None:
    chat(memory, saver, "ana", "a1", "My safe word is xylophon.")
    chat(memory, saver, "ana", "a2", "I live in Porto.")
    memory.flush()
    receipt = memory.for_namespace("ana").forget(query="xylophon", threads=saver)
    assert (receipt.thread_ids, threads_of(saver)) == (("a1",), {"a2"})


def test_what_cannot_be_reached_is_said(memory: Memory) -> None:
    class Closed(InMemorySaver):
        """A checkpointer whose server is gone."""

        def delete_thread(self, thread_id: str) -> None:
            raise ConnectionError("the server is gone")

    saver = Closed()
    chat(memory, saver, "ana", "a1", "My safe word is xylophon.")
    memory.flush()
    ana = memory.for_namespace("ana")
    ana.memorize("A session of no thread.")
    receipt = ana.forget(everything=True, threads=saver)
    assert (receipt.status, receipt.thread_ids) == ("erased", ())
    assert receipt.unreached == (
        "Thread 'a1' is left in Closed (ConnectionError: the server is gone); delete it there.",
        "1 of the forgotten sessions name no thread: what a checkpointer holds of them is not known.",
    )


def test_what_is_no_checkpointer_is_refused_before_anything_is_deleted(memory: Memory) -> None:
    memory.memorize("Ana lives in Porto.")
    wrong: Any = "checkpoints.sqlite3"
    with pytest.raises(BadInput, match="threads is the checkpointer of your agent"):
        memory.forget(everything=True, threads=wrong)
    assert len(memory.pages()) == 1


async def test_an_async_checkpointer_is_reached_from_the_awaited_twin(memory: Memory, tmp_path: Path) -> None:
    async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "threads.sqlite3")) as saver:
        agent: Any = create_agent(ScriptedModel(lines=["Good."]), middleware=[memory.middleware()], checkpointer=saver)
        config = {"configurable": {"thread_id": "a1"}}
        await agent.ainvoke({"messages": "My safe word is xylophon."}, config, context={"user_id": "ana"})
        await memory.aflush()
        receipt = await memory.for_namespace("ana").aforget(everything=True, threads=saver)
        assert (receipt.thread_ids, [one async for one in saver.alist(None)]) == (("a1",), [])
