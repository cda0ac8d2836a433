"""The scripted model is a chat model like any other, says its lines in order, and tells when they are used up."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage
from langchain_core.messages.utils import count_tokens_approximately
from langchain_core.tools import tool
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests
from langgraph.graph import START, MessagesState, StateGraph
from pydantic import BaseModel

from jitmem import MemorizeOptions, Memory, ModelOptions, Session
from jitmem.testing import ScriptedModel, ScriptEnded

STORY = "Ana: I left the bank in May.\nBen: And now?\nAna: Now I bake bread at Moinho."


class Memo(BaseModel):
    memo: str


class Note(BaseModel):
    note: str


@tool
def weather(place: str) -> str:
    """The weather at a place."""
    return f"Sun in {place}."


CALL = AIMessage("", tool_calls=[{"name": "weather", "args": {"place": "Porto"}, "id": "call_1"}])


def step(name: str) -> Any:
    return {"metadata": {"jitmem_step": name}}


def merged(chunks: Sequence[BaseMessage]) -> AIMessageChunk:
    whole = chunks[0]
    assert isinstance(whole, AIMessageChunk)
    return whole.__add__([chunk for chunk in chunks[1:] if isinstance(chunk, AIMessageChunk)])


# -- LangChain's own suites ----------------------------------------------------------------------------------


def suits_the_suite(messages: list[BaseMessage]) -> str | dict[str, Any] | AIMessage:
    """What the integration suite needs to hear, by the text of its question."""
    text = str(messages[-1].text)
    forced = {
        "What is the value of magic_function(3)? Use the tool.": {"input": 3},
        "What is the value of magic_function_no_args()? Use the tool.": {},
        "Hello!": {"input": 3},
        "Using the tool, generate a Pirate greeting.": {"answer_style": "pirate"},
    }
    if text in forced:
        return forced[text]
    if "joke" in text:
        return {"setup": "Why do cats nap?", "punchline": "They are tired of jokes."}
    if text.startswith("Create a customer"):
        return {"customer_name": text.split("'")[1], "description": "a company"}
    if text.startswith("What is the weather"):
        call = {"name": "get_weather", "args": {"location": "San Francisco, CA"}, "id": "call_1"}
        return AIMessage("", tool_calls=[call])
    return "Words enough to come in several pieces."


class TestUnit(ChatModelUnitTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ScriptedModel

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"lines": suits_the_suite}


class TestIntegration(ChatModelIntegrationTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ScriptedModel

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"lines": suits_the_suite}


# -- lines ---------------------------------------------------------------------------------------------------


def test_a_list_is_said_in_order_whoever_asks() -> None:
    model = ScriptedModel(lines=["One.", "Two."])
    assert [model.invoke("?", step("plan")).content, model.invoke("?").content] == ["One.", "Two."]


def test_lines_by_step_are_said_to_that_step() -> None:
    model = ScriptedModel(lines={"plan": ["P"], "reflect": ["R1", "R2"]})
    assert [model.invoke("?", step(name)).content for name in ("reflect", "plan", "reflect")] == ["R1", "P", "R2"]
    assert [name for name, _ in model.seen] == ["reflect", "plan", "reflect"]
    assert model.seen[0][1] == [HumanMessage("?")]


def test_lines_may_be_added_later() -> None:
    model = ScriptedModel(lines={})
    model.lines.update({"plan": ["P"]})
    assert model.invoke("?", step("plan")).content == "P"


def test_the_list_that_was_passed_in_stays_as_it_is() -> None:
    lines = {"plan": ["P"]}
    ScriptedModel(lines=lines).invoke("?", step("plan"))
    assert lines == {"plan": ["P"]}


def test_a_node_of_a_graph_is_a_step() -> None:
    model = ScriptedModel(lines={"greet": ["Hello."]})
    graph = StateGraph(MessagesState)
    graph.add_node("greet", lambda state: {"messages": [model.invoke(state["messages"])]})
    graph.add_edge(START, "greet")
    assert graph.compile().invoke({"messages": [("user", "Hi")]})["messages"][-1].content == "Hello."


def test_a_function_sees_the_messages_and_replies() -> None:
    model = ScriptedModel(lines=lambda messages: f"You said {messages[-1].text}.")
    assert model.invoke("yes").content == "You said yes."
    assert model.remaining() == {}


@pytest.mark.parametrize("reply", [{"memo": "Café"}, Memo(memo="Café")], ids=["dict", "pydantic model"])
def test_an_object_is_said_as_json(reply: Any) -> None:
    assert json.loads(str(ScriptedModel(lines=[reply]).invoke("?").content)) == {"memo": "Café"}


def test_an_exception_is_raised_and_the_next_line_follows() -> None:
    model = ScriptedModel(lines=[TimeoutError("slow"), "Here."])
    with pytest.raises(TimeoutError, match="slow"):
        model.invoke("?")
    assert model.invoke("?").content == "Here."


def test_a_script_that_has_ended_names_the_step_and_the_last_message() -> None:
    model = ScriptedModel(lines={"plan": [], "reflect": ["R"]})
    with pytest.raises(ScriptEnded, match=r"once too often for 'plan'.*left for: reflect.*'human: Where is Ana\?'"):
        model.invoke("Where is Ana?", step("plan"))
    assert issubclass(ScriptEnded, AssertionError)


def test_what_is_left_is_told_by_step() -> None:
    model = ScriptedModel(lines={"plan": ["P1", "P2"], "reflect": ["R"]})
    model.invoke("?", step("reflect"))
    assert model.remaining() == {"plan": ["P1", "P2"]}
    assert ScriptedModel(lines=["A"]).remaining() == {"any step": ["A"]}


@pytest.mark.parametrize(
    ("lines", "told"),
    [({"plan": "P"}, r"lines\['plan'\] is a str"), ("P", "lines is a str"), (3, "lines is a int")],
)
def test_lines_that_are_no_list_are_turned_down_at_once(lines: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        ScriptedModel(lines=lines)


def test_a_reply_that_is_none_is_turned_down_when_it_is_due() -> None:
    with pytest.raises(ValueError, match="not a int: 3"):
        ScriptedModel(lines=[3]).invoke("?")


# -- as agents use it ----------------------------------------------------------------------------------------


def test_tokens_are_counted_as_langchain_counts_them() -> None:
    reply = ScriptedModel(lines=["Bread."]).invoke([HumanMessage("What does Ana bake?")])
    asked, said = (
        count_tokens_approximately([words]) for words in (HumanMessage("What does Ana bake?"), AIMessage("Bread."))
    )
    assert reply.usage_metadata == {"input_tokens": asked, "output_tokens": said, "total_tokens": asked + said}
    assert reply.response_metadata["model_name"] == "scripted"


def test_tools_are_noted_and_a_message_may_call_them() -> None:
    model = ScriptedModel(lines=[CALL])
    reply = model.bind_tools([weather]).invoke("Weather?")
    assert [call["name"] for call in reply.tool_calls] == ["weather"]
    assert [[bound["function"]["name"] for bound in tools] for tools in model.bound_tools] == [["weather"]]


def test_the_same_message_may_be_said_twice() -> None:
    model = ScriptedModel(lines=[CALL, CALL])
    first, second = model.invoke("?"), model.invoke("?")
    assert first.id != second.id
    assert (CALL.id, CALL.usage_metadata) == (None, None)


@pytest.mark.parametrize("reply", [Note(note="n"), {"note": "n"}], ids=["its namesake", "the one that is demanded"])
def test_a_demanded_call_is_made_of_an_object(reply: Any) -> None:
    model = ScriptedModel(lines=[reply])
    choice = "any" if isinstance(reply, Note) else "Note"
    (call,) = model.bind_tools([Memo, Note], tool_choice=choice).invoke("?").tool_calls
    assert (call["name"], call["args"]) == ("Note", {"note": "n"})


def test_structured_output_gives_the_object_back() -> None:
    model = ScriptedModel(lines=[Memo(memo="Ana.")])
    assert model.with_structured_output(Memo).invoke("?") == Memo(memo="Ana.")


def test_a_stream_comes_in_pieces_with_usage_at_the_end() -> None:
    text = "Ana left the bank in May and bakes bread at Moinho now."
    model = ScriptedModel(lines={"plan": [text]})
    chunks = list(model.stream("?", step("plan")))
    assert len(chunks) > 3
    assert [chunk.usage_metadata is None for chunk in chunks] == [True] * (len(chunks) - 1) + [False]
    assert merged(chunks).content == text


async def test_an_async_stream_knows_its_step_and_carries_tool_calls() -> None:
    model = ScriptedModel(lines={"plan": [CALL]})
    chunks = [chunk async for chunk in model.astream("?", step("plan"))]
    assert [(call["name"], call["args"]) for call in merged(chunks).tool_calls] == [("weather", {"place": "Porto"})]


async def test_a_graph_that_streams_messages_still_tells_the_step() -> None:
    model = ScriptedModel(lines={"plan": ["Words enough for two pieces."] * 2})
    graph = StateGraph(MessagesState)
    graph.add_node("ask", lambda state: {"messages": [model.invoke(state["messages"], step("plan"))]})
    graph.add_edge(START, "ask")
    said = [part for part, _ in graph.compile().stream({"messages": [("user", "Hi")]}, stream_mode="messages")]
    assert len(said) > 1
    again = [part async for part, _ in graph.compile().astream({"messages": [("user", "Hi")]}, stream_mode="messages")]
    assert "".join(str(part.content) for part in again) == "Words enough for two pieces."
    assert model.remaining() == {}


def test_every_line_is_said_once_however_many_threads_ask() -> None:
    model = ScriptedModel(lines=[str(number) for number in range(200)])
    with ThreadPoolExecutor(16) as pool:
        said = list(pool.map(lambda _: model.invoke("?").content, range(200)))
    assert sorted(said, key=str) == sorted(map(str, range(200)))
    assert (len(model.seen), model.remaining()) == (200, {})


def test_a_memory_asks_it_step_by_step(folder: Path) -> None:
    model = ScriptedModel(lines={"memorize": [Memo(memo="Ana left the bank.")]})
    with Memory.open(
        folder, model_options=ModelOptions(memorizer_model=model), memorize_options=MemorizeOptions(curate=False)
    ) as memory:
        memory.memorize(Session(text=STORY, id="news"))
        assert [page.memo for page in memory.pages()] == ["Ana left the bank."]
    assert model.remaining() == {}


def test_importing_the_folder_loads_nothing_heavy() -> None:
    script = "import sys, jitmem.testing; print(sorted({'langchain_core', 'pydantic', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"
