"""What a recorder hears of runs: every request in its place, whichever thread, branch, subgraph or loop it came from."""

from __future__ import annotations

import asyncio
import random
import re
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from operator import add
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest
from following import says
from langchain.agents import create_agent
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send
from model_server import ModelServer

from jitmem import Memory, ModelOptions, Session
from jitmem.learn.capture import ABOUT, ROLLOUT, Recorder
from jitmem.learn.rollout_records import RecordedStep
from jitmem.nodes.options import MemorizeOptions
from jitmem.stores.errors import ModelUnavailable
from jitmem.testing import ScriptedModel

AT_ONCE = 32
MARK = re.compile(r"\bmark-\d+\b")
FILING = ["s1|3:memorize.1", "s1|3:memorize.2", "s1|5:curate.1", "s1|5:curate.2"]
ASKING = [f"q1|{place}" for place in ("2:plan", "5:integrate", "6:reflect", "8:answer")]
ANSWERED = {"answer": True}


def slow(messages: Sequence[BaseMessage]) -> Any:
    """Rule-following, and never twice as fast, so that the order of arrival is another one each time."""
    time.sleep(random.random() * 0.01)
    return says(messages)


def session(n: int) -> Session:
    """Two pages of 40 tokens, each of which names whose it is."""
    turns = [("Ana", f"I'm working at the bakery now. This is mark-{n}, as I said before.{' ' * 60}")] * 2
    return Session(turns=turns, id="s1", time="2024-05-08")


def config(recorder: Recorder, rollout: object, about: str) -> Any:
    return {"callbacks": [recorder], "metadata": {ROLLOUT: str(rollout), ABOUT: about}}


def marks(step: RecordedStep) -> set[str]:
    """Everything that names an owner in what was sent and what was replied."""
    return set(MARK.findall(str((step.messages, step.reply))))


@pytest.fixture
def many(folder: Path) -> Iterator[Memory]:
    """A memory with small pages and a model that follows rules, slowly."""
    options = MemorizeOptions(page_tokens=40)
    with Memory.open(folder, model=ScriptedModel(lines=slow), memorize_options=options) as opened:
        yield opened


def check(recorder: Recorder) -> None:
    for n in range(AT_ONCE):
        steps = recorder.take_steps(str(n))
        assert [step.key for step in steps] == FILING + ASKING
        assert [(step.role, step.about) for step in steps] == [
            *[("memorizer", "s1")] * 4,
            *[("researcher", "q1")] * 3,
            ("reader", "q1"),
        ]
        assert [marks(step) for step in steps] == [{f"mark-{n}"}] * 8
        assert not any(step.error or step.attempt for step in steps)
    assert recorder.take_steps("0") == ()


def test_32_runs_in_threads_share_a_recorder_and_nothing_else(many: Memory) -> None:
    recorder = Recorder()

    def run(n: int) -> None:
        memory = many.for_namespace(f"n{n}")
        memory.memorizer.invoke({"session": session(n)}, config(recorder, n, "s1"))
        given = {"question": f"Where does Ana work, says mark-{n}?"}
        memory.researcher.invoke(given, config(recorder, n, "q1"), context=ANSWERED)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(run, range(AT_ONCE)))
    check(recorder)


async def test_32_runs_in_one_event_loop_share_a_recorder_and_nothing_else(many: Memory) -> None:
    recorder = Recorder()

    async def run(n: int) -> None:
        memory = many.for_namespace(f"n{n}")
        await memory.memorizer.ainvoke({"session": session(n)}, config(recorder, n, "s1"))
        given = {"question": f"Where does Ana work, says mark-{n}?"}
        await memory.researcher.ainvoke(given, config(recorder, n, "q1"), context=ANSWERED)

    await asyncio.gather(*(run(n) for n in range(AT_ONCE)))
    check(recorder)


# -- within other people's graphs ----------------------------------------------------------------------------


class Asked(TypedDict, total=False):
    question: str
    context: str


class Hosted(TypedDict, total=False):
    questions: list[str]
    question: str
    contexts: Annotated[list[str], add]


def host(memory: Memory) -> Any:
    """Sends each question to a branch, which has the Researcher as a node between two of its own."""
    branch = StateGraph(Asked)
    branch.add_node("researcher", memory.researcher)
    branch.add_edge(START, "researcher")
    inner = branch.compile()

    def ask(state: Asked) -> dict[str, Any]:
        return {"contexts": [inner.invoke({"question": state["question"]})["context"]]}

    graph = StateGraph(Hosted)
    graph.add_node("ask", ask)
    graph.add_conditional_edges(START, lambda state: [Send("ask", {"question": one}) for one in state["questions"]])
    graph.add_node("again", memory.researcher)
    graph.add_edge("ask", "again")
    graph.add_edge("again", END)
    return graph.compile()


STEPS = ("2:plan", "5:integrate", "6:reflect")
BRANCHES = [f"1:ask[{n}]/1:researcher/{step}" for n in range(4) for step in STEPS]


@pytest.mark.parametrize("wait", [False, True], ids=["sync", "async"])
def test_branches_and_subgraphs_have_keys_of_their_own_the_same_in_every_run(many: Memory, wait: bool) -> None:
    many.memorize(session(0))
    recorder, graph = Recorder(), host(many)
    given = {"questions": [f"Who is mark-{n}?" for n in range(4)], "question": "Who is mark-9?"}
    for run in ("a", "b"):
        told = {"callbacks": [recorder], "metadata": {ROLLOUT: run}}
        asyncio.run(graph.ainvoke(given, told)) if wait else graph.invoke(given, told)
    taken = {run: recorder.take_steps(run) for run in ("a", "b")}
    for steps in taken.values():
        assert [step.key for step in steps] == [*BRANCHES, *[f"2:again/{step}" for step in STEPS]]
        for number, step in enumerate(steps):
            assert f"Who is mark-{number // 3 if number < 12 else 9}?" in step.messages[1]["content"]


def test_what_a_node_asks_side_by_side_is_told_apart_by_what_it_asks() -> None:
    all_are_asked = threading.Barrier(3)

    class Together(BaseCallbackHandler):
        def on_chat_model_start(self, serialized: Any, messages: list[list[BaseMessage]], **kwargs: Any) -> None:
            if messages[0][-1].text != "and then?":
                all_are_asked.wait(60)

    def wait(messages: Sequence[BaseMessage]) -> str:
        time.sleep(random.random() * 0.02)
        return f"You said {messages[-1].text}"

    model = ScriptedModel(lines=wait)

    def node(state: Asked) -> dict[str, Any]:
        model.batch([[HumanMessage(word)] for word in random.sample(["red", "green", "blue"], 3)])
        return {"context": str(model.invoke("and then?").text)}

    graph = StateGraph(Asked).add_node("node", node).add_edge(START, "node").compile()
    said = set()
    for _ in range(5):
        recorder = Recorder()
        graph.invoke({"question": "?"}, {"callbacks": [recorder, Together()]})
        said.add(tuple((step.key, step.messages[0]["content"]) for step in recorder.take_steps()))
    (steps,) = said
    assert [key for key, _ in steps] == ["1:node", "1:node#2", "1:node#3", "1:node#4"]
    assert steps[-1] == ("1:node#4", "and then?")


def test_a_step_of_somebody_elses_is_recorded_as_such_with_its_tools() -> None:
    @tool
    def weather(city: str) -> str:
        """How it is there."""
        return "rain"

    call = {"name": "weather", "args": {"city": "Oslo"}, "id": "c1"}
    model = ScriptedModel(lines=[AIMessage("", tool_calls=[call]), "It rains."]).bind_tools([weather])

    def plan(state: Asked) -> dict[str, Any]:
        asked: list[BaseMessage] = [HumanMessage("How is Oslo?")]
        asked.append(model.invoke(asked))
        asked.append(ToolMessage("rain", tool_call_id="c1"))
        return {"context": str(model.invoke(asked).text)}

    recorder = Recorder()
    graph = StateGraph(Asked).add_node("plan", plan).add_edge(START, "plan").compile()
    graph.invoke({"question": "?"}, {"callbacks": [recorder]})
    first, second = recorder.take_steps()
    assert (first.key, first.role, first.name) == ("1:plan", "other", "plan")
    function = {"name": "weather", "arguments": {"city": "Oslo"}}
    called = {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"id": "c1", "type": "function", "function": function}],
    }
    assert first.reply == called
    assert [one["function"]["name"] for one in first.tools] == ["weather"]
    assert (second.key, second.reply) == ("1:plan#2", {"role": "assistant", "content": "It rains."})
    assert second.messages[1:] == (called, {"role": "tool", "tool_call_id": "c1", "content": "rain"})


def test_what_two_tools_of_an_agent_ask_at_once_is_told_apart(many: Memory) -> None:
    many.memorize(session(0))
    calls = [{"name": "research_memory", "args": {"question": f"Who is mark-{n}?"}, "id": f"c{n}"} for n in (1, 2)]
    model = ScriptedModel(lines=[AIMessage("", tool_calls=calls), "Nobody knows."])
    recorder = Recorder()
    agent = create_agent(model, many.tools(["research_memory"]))
    agent.invoke({"messages": [HumanMessage("Who are they?")]}, {"callbacks": [recorder]})
    steps = recorder.take_steps()
    inner = [f"2:tools[{n}]/{step}" for n in (0, 1) for step in STEPS]
    assert [step.key for step in steps] == ["1:model", *inner, "3:model"]
    assert [step.role for step in steps] == ["other", *["researcher"] * 6, "other"]
    assert [step.messages[1]["content"].count("mark-1?") > 0 for step in steps[1:7]] == [True] * 3 + [False] * 3


# -- replies that fail ---------------------------------------------------------------------------------------


def test_a_repaired_reply_is_two_attempts_of_one_step(folder: Path) -> None:
    recorder = Recorder()
    lines = {"memorize": ["No form at all.", {"memo": "Ana bakes."}], "curate": ["Nothing is worth keeping."]}
    with Memory.open(folder, model=ScriptedModel(lines=lines)) as memory:
        memory.memorizer.invoke({"session": Session(text="Ana bakes.", id="s")}, config(recorder, "", "s"))
    steps = recorder.take_steps()
    assert [(step.key, step.attempt) for step in steps] == [
        ("s|3:memorize.1", 0),
        ("s|3:memorize.1~1", 1),
        ("s|5:curate.1", 0),
    ]
    first, second, curate = steps
    assert first.reply == {"role": "assistant", "content": "No form at all."}
    assert [message["role"] for message in second.messages] == ["system", "user", "assistant", "user"]
    assert second.messages[:2] == first.messages
    assert curate.reply == {"role": "assistant", "content": "Nothing is worth keeping."}
    assert first.prompt_tokens > 0
    assert first.completion_tokens > 0


def test_arguments_that_are_no_json_stay_the_words_that_they_were(folder: Path) -> None:
    recorder = Recorder()
    broken = AIMessage("", invalid_tool_calls=[{"name": "memory_insert", "args": "{kind: ", "id": "c1", "error": None}])
    model = ScriptedModel(lines={"memorize": [{"memo": "Ana bakes."}], "curate": [broken]})
    with Memory.open(folder, model=model) as memory:
        memory.memorizer.invoke({"session": "Ana bakes."}, config(recorder, "", ""))
    *_, curate = recorder.take_steps()
    assert curate.reply is not None
    assert curate.reply["tool_calls"][0]["function"] == {"name": "memory_insert", "arguments": "{kind: "}


def test_a_request_that_fails_is_recorded_with_its_error_and_the_retry_is_the_step(folder: Path) -> None:
    recorder = Recorder()
    with ModelServer() as server:
        server.fail("rate_limit", retry_after=0)
        with Memory.open(
            folder, model="openai:stub", base_url=server.base_url, memorize_options=MemorizeOptions(curate=False)
        ) as memory:
            memory.memorizer.invoke({"session": "Ana bakes."}, config(recorder, "", "s"))
    lost, replied = recorder.take_steps()
    assert (lost.key, lost.reply, lost.attempt) == ("s|3:memorize.1!0", None, 0)
    assert "429" in lost.error
    assert (replied.key, replied.error, replied.attempt) == ("s|3:memorize.1", "", 0)
    assert replied.model == "stub"
    assert replied.messages == lost.messages


def test_a_request_that_nobody_waited_for_says_so_and_its_late_reply_is_not_heard(folder: Path) -> None:
    recorder = Recorder()

    def asleep(messages: Sequence[BaseMessage]) -> Any:
        time.sleep(0.5)
        return {"memo": "Too late."}

    with Memory.open(
        folder,
        model=ScriptedModel(lines=asleep),
        model_options=ModelOptions(timeout_s=0.1),
        memorize_options=MemorizeOptions(curate=False),
    ) as memory:
        with pytest.raises(ModelUnavailable):
            memory.memorizer.invoke({"session": "Ana bakes."}, config(recorder, "", "s"))
        steps = recorder.take_steps()
        time.sleep(0.6)
    assert {step.reply for step in steps} == {None}
    assert "given up" in steps[0].error
    assert recorder.take_steps() == ()


def test_a_model_is_recorded_without_any_graph() -> None:
    recorder = Recorder()
    FakeListChatModel(responses=["Hello."]).invoke("Hi", {"callbacks": [recorder]})
    (step,) = recorder.take_steps()
    assert (step.key, step.role, step.name, step.about) == ("model", "other", "", "")
    assert step.reply == {"role": "assistant", "content": "Hello."}
