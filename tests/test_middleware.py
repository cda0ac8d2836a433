"""Memory for LangChain's own agents by one line: recalled before a turn, memorized once after it, never in the way."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt
from pydantic import BaseModel

from jitmem import BadInput, MemorizeOptions, Memory, ModelOptions, ModelUnavailable, Page
from jitmem.nodes.states import ResearcherState
from jitmem.stores.recall_markers import RECALLED_OPEN, recalled_spans
from jitmem.testing import ScriptedModel
from jitmem.tools.memory_tools import USUAL

pytest.importorskip("langchain.agents", reason="the middleware needs langchain")

from langchain.agents import create_agent
from langchain.agents.middleware import (
    AgentMiddleware,
    HumanInTheLoopMiddleware,
    SummarizationMiddleware,
    before_model,
)
from langchain.agents.structured_output import ToolStrategy

from jitmem.integrations.background_filing import wait
from jitmem.integrations.middleware import JitmemMiddleware

ANA = "Ana: Since Monday I work at the harbour office in Viana."
HOW = ["invoke", "ainvoke", "stream", "astream"]


@dataclass
class User:
    user_id: str | None = None


def echo(messages: list[BaseMessage]) -> str:
    """An answer of its own to each question."""
    return f"I heard {said(messages[-1])!r}."


def said(message: BaseMessage) -> str:
    """What a person said, without what the memory put behind it."""
    return message.text.split("\n\nBetween the marks")[0]


def alone(memory: Memory, **options: Any) -> JitmemMiddleware:
    """Of an agent with one user."""
    return JitmemMiddleware(memory, single_user=True, **options)


def calls(name: str, /, **args: Any) -> AIMessage:
    return AIMessage("", tool_calls=[{"name": name, "args": args, "id": f"{name}-1", "type": "tool_call"}])


def model_of(*lines: Any) -> ScriptedModel:
    return ScriptedModel(lines=list(lines) or echo)


async def run(agent: Any, how: str, said: Any, config: Any = None, **options: Any) -> list[BaseMessage]:
    """Every message of the agent at the end, however it is run."""
    given = {"messages": said} if isinstance(said, str | list) else said
    if how == "invoke":
        state = agent.invoke(given, config, **options)
    elif how == "ainvoke":
        state = await agent.ainvoke(given, config, **options)
    elif how == "stream":
        state = list(agent.stream(given, config, stream_mode="values", **options))[-1]
    else:
        state = [one async for one in agent.astream(given, config, stream_mode="values", **options)][-1]
    if how.endswith("invoke"):  # streams show every middleware's own
        assert not {"jitmem_core", "jitmem_recalled", "jitmem_turn"} & set(state)
    messages: list[BaseMessage] = state["messages"]
    return messages


def thread(name: str = "1", **more: Any) -> dict[str, Any]:
    return {"configurable": {"thread_id": name, **more}}


def kept(memory: Memory) -> list[str]:
    """The text of every page, once everything is filed."""
    wait(memory)
    assert memory.stats()["waiting"] == 0
    return [page.text for page in memory.pages()]


def shown(model: ScriptedModel, at: int = -1) -> str:
    """What a request said of the memory."""
    texts = [message.text for message in model.seen[at][1] if not isinstance(message, ToolMessage)]
    return "".join(text[start:end] for text in texts for start, end in recalled_spans(text))


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nothing goes wrong unseen: a test that expects a warning takes it out."""
    caplog.set_level(logging.WARNING, "jitmem")
    yield
    assert [record.getMessage() for record in caplog.records if record.name == "jitmem"] == []


def warned(caplog: pytest.LogCaptureFixture) -> list[str]:
    said = [record.getMessage() for record in caplog.records if record.name == "jitmem"]
    caplog.clear()
    return said


# -- before the turn ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", HOW)
async def test_what_a_turn_needs_is_shown_to_the_model_and_kept_nowhere(memory: Memory, how: str) -> None:
    [page_id] = memory.memorize(ANA).page_ids
    model = model_of()
    agent = create_agent(model, middleware=[alone(memory)], system_prompt="Be brief.")
    messages = await run(agent, how, "Where does Ana work?")
    [system, asked] = model.seen[0][1]
    assert system.text.startswith("Be brief.\n\nBetween the marks is what your memory always holds")
    assert "harbour office" in shown(model)
    assert asked.text == "Where does Ana work?"  # the core says it already
    assert [message.type for message in messages] == ["human", "ai"]
    assert not any(RECALLED_OPEN in message.text for message in messages)
    assert kept(memory) == [ANA, "user: Where does Ana work?\nassistant: I heard 'Where does Ana work?'."]
    assert memory.page(page_id).text == ANA


def test_an_empty_memory_shows_nothing(memory: Memory) -> None:
    model = model_of()
    create_agent(model, middleware=[alone(memory)]).invoke({"messages": "Where does Ana work?"})
    assert [message.type for message in model.seen[0][1]] == ["human"]


@pytest.mark.parametrize("effort", ["recall", None])
def test_core_memory_is_shown_always(memory: Memory, effort: Any) -> None:
    memory.items.insert("The user is Ana, 34, a harbour clerk.", "core")
    model = model_of()
    agent = create_agent(model, middleware=[alone(memory, effort=effort)])
    agent.invoke({"messages": "Good morning!"})
    assert "a harbour clerk" in shown(model)


def test_it_is_looked_for_once_a_turn_and_shown_to_every_call(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    memory.memorize(ANA)
    asked: list[str] = []
    research = memory.research
    monkeypatch.setattr(memory, "research", lambda question, **how: asked.append(question) or research(question, **how))

    @tool
    def weather(place: str) -> str:
        """The weather."""
        return f"Rain in {place}."

    model = model_of(calls("weather", place="Viana"), "Take a coat.", "Bye.")
    agent = create_agent(model, [weather], middleware=[alone(memory)], checkpointer=InMemorySaver())
    agent.invoke({"messages": "Does Ana need a coat at the harbour office?"}, thread())
    assert [shown(model, at) for at in (0, 1)] == [shown(model)] * 2
    agent.invoke({"messages": "Thanks."}, thread())
    assert asked == ["Does Ana need a coat at the harbour office?", "Thanks."]
    [_, first, _] = kept(memory)
    assert first.splitlines() == [
        "user: Does Ana need a coat at the harbour office?",
        'assistant: [calls weather {"place": "Viana"}]',
        "weather: Rain in Viana.",
        "assistant: Take a coat.",
    ]


def test_a_system_message_of_blocks_keeps_them(memory: Memory) -> None:
    memory.items.insert("The user is Ana.", "core")
    blocks: list[Any] = [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]
    model = model_of()
    agent = create_agent(model, middleware=[alone(memory)], system_prompt=SystemMessage(blocks))
    agent.invoke({"messages": "Hi"})
    content: Any = model.seen[0][1][0].content
    assert content[:1] == blocks
    assert "The user is Ana." in content[1]["text"]


@pytest.mark.parametrize("how", ["stream", "astream"])
async def test_the_memorys_own_thoughts_are_neither_streamed_nor_kept_as_the_agents(folder: Path, how: str) -> None:
    thinker = ScriptedModel(lines=lambda messages: {"needs": ["Ana"], "queries": []})
    with Memory.open(folder, model_options=ModelOptions(researcher_model=thinker, on_model_failure="rules")) as memory:
        memory.memorize(ANA)
        middleware = alone(memory, effort="fast", background=False)
        saver = InMemorySaver()
        agent = create_agent(model_of("Viana."), middleware=[middleware], checkpointer=saver)
        options: dict[str, Any] = {"stream_mode": "messages", "subgraphs": True}
        given: Any = {"messages": "Where does Ana work?"}
        if how == "stream":
            pieces = list(agent.stream(given, thread(), **options))
        else:
            pieces = [piece async for piece in agent.astream(given, thread(), **options)]
        assert thinker.seen != []
        said = [message.text for _, (message, _) in pieces if isinstance(message, AIMessage)]
        assert "".join(said) == "Viana."
        assert {*saver.storage["1"]} == {""}


async def streamed(graph: Any, given: Any, how: str, config: Any = None) -> list[Any]:
    """`(namespace, mode, piece)` of everything that a run streams, its subgraphs as well."""
    options: dict[str, Any] = {"stream_mode": ["messages", "updates", "custom"], "subgraphs": True}
    if how == "stream":
        return list(graph.stream(given, config, **options))
    return [piece async for piece in graph.astream(given, config, **options)]


def words(pieces: list[Any]) -> str:
    """What models said, of a stream."""
    messages = [piece[0] for _, mode, piece in pieces if mode == "messages"]
    return "".join(message.text for message in messages if isinstance(message, AIMessage))


@pytest.mark.parametrize("given_by", ["the middleware", "hand"])
@pytest.mark.parametrize("how", ["stream", "astream"])
async def test_what_research_memory_thinks_is_neither_streamed_nor_kept_as_the_agents(
    folder: Path, how: str, given_by: str
) -> None:
    thinker = ScriptedModel(lines=lambda messages: {"needs": ["Ana"], "queries": []})
    with Memory.open(folder, model_options=ModelOptions(researcher_model=thinker, on_model_failure="rules")) as memory:
        memory.memorize(ANA)
        mine, middleware = ([], [alone(memory)]) if given_by != "hand" else (memory.tools(), [])
        saver = InMemorySaver()
        model = model_of(calls("research_memory", question="Where does Ana work?"), "In Viana.")
        agent = create_agent(model, mine, middleware=middleware, checkpointer=saver)
        pieces = await streamed(agent, {"messages": "Where does Ana work?"}, how, thread())
        assert thinker.seen != []
        assert words(pieces) == "In Viana."
        assert "planned" in [piece["event"] for _, mode, piece in pieces if mode == "custom"]
        assert {*saver.storage["1"]} == {""}


@pytest.mark.parametrize("how", ["stream", "astream"])
async def test_a_researcher_in_a_graph_of_ones_own_streams_its_events_and_is_kept_with_it(
    folder: Path, how: str
) -> None:
    thinker = ScriptedModel(lines=lambda messages: {"needs": ["Ana"], "queries": []})
    with Memory.open(folder, model_options=ModelOptions(researcher_model=thinker, on_model_failure="rules")) as memory:
        memory.memorize(ANA)
        saver = InMemorySaver()
        graph: Any = StateGraph(ResearcherState)
        graph.add_node("ask", memory.researcher)
        graph.add_edge(START, "ask")
        pieces = await streamed(graph.compile(checkpointer=saver), {"question": "Where does Ana work?"}, how, thread())
        [inner] = {namespace for namespace, mode, _ in pieces if mode == "custom"}
        steps = [next(iter(piece)) for namespace, mode, piece in pieces if mode == "updates" and namespace == inner]
        events = [piece["event"] for _, mode, piece in pieces if mode == "custom"]
        assert inner[0].startswith("ask:")
        assert steps[:2] == ["begin", "plan"]
        assert events[0] == "planned"
        assert "integrated" in events
        assert words(pieces) == ""
        assert {*saver.storage["1"]} == {"", inner[0]}


# -- after the turn ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("background", [True, False])
@pytest.mark.parametrize("how", HOW)
async def test_every_turn_of_a_thread_is_memorized_once(memory: Memory, how: str, background: bool) -> None:
    middleware = alone(memory, background=background)
    agent = create_agent(model_of(), middleware=[middleware], checkpointer=InMemorySaver())
    for said in ("One.", "Two.", "Two."):
        await run(agent, how, said, thread())
    pages = [f"user: {said}\nassistant: I heard '{said}'." for said in ("One.", "Two.", "Two.")]
    if not background:
        assert memory.stats()["pages"] == 3
    assert kept(memory) == pages
    page: Page = memory.pages()[0]
    assert page.metadata["thread_id"] == "1"
    assert page.time is not None


def test_200_turns_are_each_memorized_once_and_the_prompt_does_not_grow_by_them(memory: Memory) -> None:
    model = model_of()
    agent = create_agent(model, middleware=[alone(memory, context_tokens=200)], checkpointer=InMemorySaver())
    for n in range(200):
        agent.invoke({"messages": f"Remark {n} is about harbour crane {n}."}, thread(str(n)))
    texts = kept(memory)
    assert len(texts) == 200
    assert all(texts[n].splitlines()[0] == f"user: Remark {n} is about harbour crane {n}." for n in range(200))
    assert not any(RECALLED_OPEN in text for text in texts)
    sizes = [len(shown(model, at)) for at in range(200)]
    assert max(sizes) < 200 * 4 * 1.5


def test_a_history_that_is_handed_in_again_is_not_memorized_again(memory: Memory) -> None:
    agent = create_agent(model_of(), middleware=[alone(memory)])
    history: list[Any] = []
    for said in ("One.", "Two.", "Three."):
        history = agent.invoke({"messages": [*history, HumanMessage(said)]})["messages"]
        history = [type(message)(message.content) for message in history]  # without ids, as a client sends them
    assert kept(memory) == [f"user: {said}\nassistant: I heard '{said}'." for said in ("One.", "Two.", "Three.")]


def test_the_hook_run_twice_files_once(memory: Memory) -> None:
    middleware = alone(memory)
    agent = create_agent(model_of(), middleware=[middleware], checkpointer=InMemorySaver())
    agent.invoke({"messages": "One."}, thread())
    before = next(
        state for state in agent.get_state_history(thread()) if state.next == (f"{middleware.name}.after_agent",)
    )
    agent.invoke(None, before.config)
    agent.invoke(None, before.config)
    assert kept(memory) == ["user: One.\nassistant: I heard 'One.'."]


@pytest.mark.parametrize("how", HOW)
async def test_an_interrupted_turn_is_one_turn(memory: Memory, how: str) -> None:
    @tool
    def book(room: str) -> str:
        """Books a room."""
        return f"{room}: {interrupt('Really?')}"

    model = model_of(calls("book", room="Blue"), "Booked.")
    agent = create_agent(model, [book], middleware=[alone(memory)], checkpointer=InMemorySaver())
    await run(agent, how, "Book the blue room.", thread())
    assert kept(memory) == []
    await run(agent, how, Command(resume="yes"), thread())
    [text] = kept(memory)
    assert text.splitlines() == [
        "user: Book the blue room.",
        'assistant: [calls book {"room": "Blue"}]',
        "book: Blue: yes",
        "assistant: Booked.",
    ]


DECISIONS: dict[str, dict[str, Any]] = {
    "The user has a van.": {"type": "approve"},
    "The user has a boat.": {
        "type": "edit",
        "edited_action": {
            "name": "memory_insert",
            "args": {"kind": "semantic", "content": "The user has a boat."},
        },
    },
    "": {"type": "reject", "message": "Leave it."},
}


@pytest.mark.parametrize("first", ["the memory", "the person"])
@pytest.mark.parametrize("content", DECISIONS)
@pytest.mark.parametrize("how", ["invoke", "astream"])
async def test_what_a_person_decides_of_an_edit_is_done_for_the_user_in_one_turn(
    memory: Memory, how: str, content: str, first: str
) -> None:
    middleware = [JitmemMiddleware(memory), HumanInTheLoopMiddleware(interrupt_on={"memory_insert": True})]
    model = model_of(calls("memory_insert", kind="semantic", content="The user has a van."), "As you say.")
    agent = create_agent(
        model, middleware=middleware if first == "the memory" else middleware[::-1], checkpointer=InMemorySaver()
    )
    ana = memory.for_namespace("ana")
    await run(agent, how, "I have a van.", thread(user_id="ana"))
    assert (kept(ana), ana.items.list()) == ([], [])
    messages = await run(agent, how, Command(resume={"decisions": [DECISIONS[content]]}), thread(user_id="ana"))
    assert messages[-1].text == "As you say."
    assert [item.content for item in ana.items.list()] == ([content] if content else [])
    [text] = kept(ana)
    assert text.startswith("user: I have a van.\nassistant: [calls memory_insert ")
    assert text.endswith("\nassistant: As you say.")
    assert (kept(memory), memory.items.list()) == ([], [])


def test_a_turn_that_failed_is_memorized_with_the_next_one(memory: Memory) -> None:
    model = model_of(RuntimeError("The model is down."), "Now I am here.")
    agent = create_agent(model, middleware=[alone(memory)], checkpointer=InMemorySaver())
    with pytest.raises(RuntimeError, match="is down"):
        agent.invoke({"messages": "My boat is the Gaivota."}, thread())
    assert kept(memory) == []
    agent.invoke({"messages": "Are you there?"}, thread())
    assert kept(memory) == ["user: My boat is the Gaivota.\nuser: Are you there?\nassistant: Now I am here."]


def test_a_summary_of_the_conversation_is_not_memorized_and_what_it_replaces_is(memory: Memory) -> None:
    summaries = SummarizationMiddleware(
        ScriptedModel(lines=lambda _: "They greeted."), trigger=("messages", 4), keep=("messages", 1)
    )
    agent = create_agent(model_of(), middleware=[summaries, alone(memory)], checkpointer=InMemorySaver())
    for n in range(6):
        agent.invoke({"messages": f"Word {n}."}, thread())
    assert any("They greeted." in message.text for message in agent.get_state(thread()).values["messages"])
    assert kept(memory) == [f"user: Word {n}.\nassistant: I heard 'Word {n}.'." for n in range(6)]


def test_what_came_in_is_memorized_even_if_it_is_summarized_in_mid_turn(memory: Memory) -> None:
    @before_model
    def summarize(state: Any, runtime: Any) -> dict[str, Any] | None:
        from langchain_core.messages import RemoveMessage
        from langgraph.graph.message import REMOVE_ALL_MESSAGES

        note = HumanMessage("A summary.", additional_kwargs={"lc_source": "summarization"})
        if not isinstance(state["messages"][-1], ToolMessage):
            return None
        return {"messages": [RemoveMessage(REMOVE_ALL_MESSAGES), note, *state["messages"][-2:]]}

    @tool
    def look() -> str:
        """Looks."""
        return "Fog."

    middleware: list[AgentMiddleware[Any, Any, Any]] = [summarize, alone(memory)]
    agent = create_agent(model_of(calls("look"), "Stay in."), [look], middleware=middleware)
    agent.invoke({"messages": "Shall I sail?"})
    assert kept(memory) == ["user: Shall I sail?\nassistant: [calls look {}]\nlook: Fog.\nassistant: Stay in."]


def test_nothing_is_memorized_where_it_is_not_wanted(memory: Memory) -> None:
    create_agent(model_of(), middleware=[alone(memory, memorize=False)]).invoke({"messages": "One."})
    assert kept(memory) == []


def test_a_structured_answer_is_given_as_without_memory(memory: Memory) -> None:
    class Boat(BaseModel):
        """A boat."""

        name: str

    memory.memorize("Ana: My boat is the Gaivota.")
    model = model_of(calls("Boat", name="Gaivota"))
    agent = create_agent(model, middleware=[alone(memory, tools=False)], response_format=ToolStrategy(Boat))
    assert agent.invoke({"messages": "What is Ana's boat called?"})["structured_response"] == Boat(name="Gaivota")
    assert "Gaivota" in shown(model)
    assert len(kept(memory)) == 2


# -- tools -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tools", "names"),
    [(True, list(USUAL)), (False, []), (["read_page", "search_pages"], ["search_pages", "read_page"])],
)
def test_the_tools_that_are_wanted_are_added(memory: Memory, tools: Any, names: list[str]) -> None:
    @tool
    def mine() -> str:
        """The agent's own."""
        return ""

    model = model_of()
    create_agent(model, [mine], middleware=[alone(memory, tools=tools)]).invoke({"messages": "Hi"})
    bound = {one["function"]["name"] for one in model.bound_tools[-1]}
    assert bound == {"mine", *names}


@pytest.mark.parametrize("how", HOW)
async def test_what_a_tool_recalled_is_not_memorized_again(memory: Memory, how: str) -> None:
    memory.memorize(ANA)
    model = model_of(calls("search_pages", query="harbour office"), "In Viana.")
    middleware = alone(memory, effort=None)
    messages = await run(create_agent(model, middleware=[middleware]), how, "Where is Ana?")
    assert "harbour office" in messages[2].text
    [_, text] = kept(memory)
    assert text.splitlines()[2:] == ["search_pages: [recalled from memory]", "assistant: In Viana."]


@pytest.mark.parametrize("options", [{"effort": "magic"}, {"context_tokens": 1}, {"tools": ["grep"]}])
def test_options_that_cannot_be_are_refused_at_once(memory: Memory, options: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match=next(iter(options.values()))[0] if "tools" in options else next(iter(options))):
        alone(memory, **options)


# -- one agent, many users ---------------------------------------------------------------------------------


@pytest.mark.parametrize("how", HOW)
async def test_two_users_of_one_agent_never_see_each_other(memory: Memory, how: str) -> None:
    def answer(messages: list[BaseMessage]) -> Any:
        if isinstance(messages[-1], ToolMessage):
            return "Done."
        name = messages[-1].text.split()[0]
        return calls("memory_insert", kind="semantic", content=f"{name} has a boat.")

    model = ScriptedModel(lines=answer)
    agent = create_agent(model, middleware=[JitmemMiddleware(memory)], context_schema=User)
    await asyncio.gather(*(run(agent, how, f"{name} speaks.", context=User(name)) for name in ("ana", "bob")))
    for name, own in (("ana", memory.for_namespace("ana")), ("bob", memory.for_namespace("bob"))):
        [text] = kept(own)
        assert text.startswith(f"user: {name} speaks.")
        assert "applied" in text
        assert f"{name} has a boat." in [item.content for item in own.items.list()]
    assert (kept(memory), memory.items.list()) == ([], [])
    await run(agent, how, "ana speaks of the boat of bob.", context=User("ana"))
    told = [shown(model, at) for at in (-1, -2)]
    assert all("ana speaks" in text and "bob has" not in text and "bob speaks" not in text for text in told)


@pytest.mark.parametrize(
    ("context", "config"),
    [({"user_id": "ana"}, {}), (User("ana"), {}), (None, {"user_id": "ana"}), ({"user_id": 7}, {"user_id": "bob"})],
)
def test_the_user_is_found_in_the_context_or_the_config(memory: Memory, context: Any, config: Any) -> None:
    agent = create_agent(model_of(), middleware=[JitmemMiddleware(memory)])
    agent.invoke({"messages": "Hi"}, {"configurable": config}, context=context)
    owner = "7" if isinstance(context, dict) and context["user_id"] == 7 else "ana"
    assert kept(memory.for_namespace(owner)) == ["user: Hi\nassistant: I heard 'Hi'."]
    assert kept(memory) == []


def test_a_namespace_is_what_the_function_says(memory: Memory) -> None:
    middleware = JitmemMiddleware(memory, namespace=lambda runtime: f"team {runtime.context['team']}")
    agent = create_agent(model_of(), middleware=[middleware])
    agent.invoke({"messages": "Hi"}, context={"team": 3})
    assert len(kept(memory.for_namespace("team 3"))) == 1
    with pytest.raises(KeyError, match="team"):
        agent.invoke({"messages": "Hi"}, context={"group": 3})


NOBODY: list[Any] = [None, {}, {"user_id": None}, {"userId": "ana"}, {"user_id": ""}, {"user_id": " "}, User(None)]
NO_NAMES: list[Any] = [{"user_id": one} for one in (True, 1.5, ["ana"], {"id": "ana"}, b"ana")]


@pytest.mark.parametrize("context", [*NOBODY, *NO_NAMES, {"user_id": "default"}], ids=repr)
@pytest.mark.parametrize("how", ["invoke", "astream"])
async def test_a_run_of_nobody_has_no_memory_and_one_warning(
    memory: Memory, caplog: pytest.LogCaptureFixture, context: Any, how: str
) -> None:
    memory.memorize(ANA)
    model = model_of("Hm.", calls("search_pages", query="Ana"), "I cannot look.")
    agent = create_agent(model, middleware=[JitmemMiddleware(memory)])
    await run(agent, how, "Where does Ana work?", context=context)
    messages = await run(agent, how, "Where does Ana work?", context=context)
    assert "harbour" not in str(model.seen)
    assert messages[2].text.startswith("The memory cannot be used now: ")
    assert kept(memory) == [ANA]
    assert memory.admin.namespaces() == ["default"]
    [warning] = warned(caplog)
    assert "user" in warning


def test_a_run_of_nobody_is_told_of_in_its_stream(memory: Memory, caplog: pytest.LogCaptureFixture) -> None:
    agent = create_agent(model_of(), middleware=[JitmemMiddleware(memory)])
    for _ in range(2):
        [event] = list(agent.stream({"messages": "Hi"}, stream_mode="custom"))
        assert (event["event"], event["step"], event["error"]) == ("failed", "recall", "BadInput")
    assert len(warned(caplog)) == 1


@pytest.mark.parametrize("derived", [True, False])
def test_a_middleware_for_one_user_asks_nobody_for_a_name(memory: Memory, derived: bool) -> None:
    own = memory.for_namespace("team") if derived else memory
    agent = create_agent(model_of(), middleware=[own.middleware() if derived else own.middleware(single_user=True)])
    agent.invoke({"messages": "One."})
    agent.invoke({"messages": "Two."}, context={"user_id": "ana"})
    assert [text.splitlines()[0] for text in kept(own)] == ["user: One.", "user: Two."]
    assert kept(memory.for_namespace("ana")) == []


@pytest.mark.parametrize("how", HOW)
async def test_a_turn_that_is_resumed_without_its_user_is_still_the_users(memory: Memory, how: str) -> None:
    @tool
    def book(room: str) -> str:
        """Books a room."""
        return f"{room}: {interrupt('Really?')}"

    model = model_of(calls("book", room="Blue"), "Booked.")
    agent = create_agent(model, [book], middleware=[JitmemMiddleware(memory)], checkpointer=InMemorySaver())
    await run(agent, how, "Book the blue room.", thread(user_id="ana"))
    config = agent.get_state(thread()).config  # drops the user
    await run(agent, how, Command(resume="yes"), config)
    [text] = kept(memory.for_namespace("ana"))
    assert text.endswith("assistant: Booked.")
    assert kept(memory) == []


# -- when the memory is down -------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["stream", "astream"])
async def test_a_recall_that_fails_is_told_and_the_agent_goes_on(
    memory: Memory, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    def down(*_: Any, **__: Any) -> Any:
        raise ModelUnavailable("Nobody answers.")

    memory.items.insert("The user is Ana.", "core")
    monkeypatch.setattr(memory, "research", down)
    monkeypatch.setattr(memory, "aresearch", down)
    model = model_of()
    agent = create_agent(model, middleware=[alone(memory)])
    given: Any = {"messages": "Hi"}
    if how == "stream":
        events = list(agent.stream(given, stream_mode="custom"))
    else:
        events = [event async for event in agent.astream(given, stream_mode="custom")]
    assert events == [{"event": "failed", "step": "recall", "error": "ModelUnavailable", "message": "Nobody answers."}]
    assert warned(caplog) == ["The memory failed to recall, and the agent continues: Nobody answers."]
    assert "The user is Ana." in shown(model)
    assert kept(memory) == ["user: Hi\nassistant: I heard 'Hi'."]


@pytest.mark.parametrize("how", HOW)
async def test_with_a_memory_that_is_closed_the_agent_goes_on(
    memory: Memory, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    model = model_of(calls("search_pages", query="x"), "Without it, then.")
    agent = create_agent(model, middleware=[alone(memory)])
    memory.close()
    messages = await run(agent, how, "Hi")
    assert isinstance(messages[2], ToolMessage)
    assert messages[2].status == "error"
    assert messages[2].text.startswith("The memory cannot be used now: ")
    assert messages[-1].text == "Without it, then."
    assert [said.split(",")[0] for said in warned(caplog)] == [
        "The memory failed to recall",
        "search_pages failed",
        "The memory failed to memorize",
    ]


def test_a_tool_of_the_agents_own_fails_as_without_memory(memory: Memory) -> None:
    @tool
    def broken() -> str:
        """Fails."""
        raise ZeroDivisionError

    agent = create_agent(model_of(calls("broken")), [broken], middleware=[alone(memory)])
    with pytest.raises(ZeroDivisionError):
        agent.invoke({"messages": "Hi"})


@pytest.mark.parametrize("background", [True, False])
def test_turns_that_no_model_can_file_wait_in_the_journal(
    folder: Path, caplog: pytest.LogCaptureFixture, background: bool
) -> None:
    down: Any = [ModelUnavailable("Nobody answers.")] * 100
    thinker = ScriptedModel(lines=down)
    with Memory.open(
        folder, model_options=ModelOptions(memorizer_model=thinker), memorize_options=MemorizeOptions(curate=False)
    ) as memory:
        agent = create_agent(model_of(), middleware=[alone(memory, background=background)])
        for said in ("One.", "Two."):
            assert agent.invoke({"messages": said})["messages"][-1].text == f"I heard '{said}'."
            wait(memory)
        assert memory.stats()["waiting"] == 2
        assert len(warned(caplog)) == 2
        thinker.lines[:] = [{"memo": "Said."}] * 3
        if background:
            agent.invoke({"messages": "Three."})
        else:
            memory.resume()
        assert len(kept(memory)) == (3 if background else 2)


def test_a_turn_is_durable_when_the_run_ends_and_filed_behind_its_back(folder: Path) -> None:
    go, asked = threading.Event(), threading.Event()

    def slowly(_: Any) -> dict[str, str]:
        asked.set()
        assert go.wait(300)
        return {"memo": "Said."}

    with Memory.open(
        folder,
        model_options=ModelOptions(memorizer_model=ScriptedModel(lines=slowly)),
        memorize_options=MemorizeOptions(curate=False),
    ) as memory:
        agent = create_agent(model_of(), middleware=[alone(memory)])
        for said in ("One.", "Two.", "Three."):
            agent.invoke({"messages": said})
        assert asked.wait(300)
        assert memory.stats()["waiting"] == 3
        go.set()
        assert [text.splitlines()[0] for text in kept(memory)] == ["user: One.", "user: Two.", "user: Three."]
        assert [one for one in threading.enumerate() if one.name == "jitmem-file-later"] == []


@pytest.mark.parametrize("end", ["flush", "close"])
def test_flush_and_close_wait_until_every_turn_is_filed(folder: Path, end: str) -> None:
    def slowly(_: Any) -> dict[str, str]:
        time.sleep(0.2)
        return {"memo": "Said."}

    memory = Memory.open(
        folder,
        model_options=ModelOptions(memorizer_model=ScriptedModel(lines=slowly)),
        memorize_options=MemorizeOptions(curate=False),
    )
    agent = create_agent(model_of(), middleware=[JitmemMiddleware(memory)])
    agent.invoke({"messages": "One."}, context={"user_id": "bob"})
    agent.invoke({"messages": "Two."}, context={"user_id": "ana"})
    getattr(memory, end)()
    with Memory.open(folder) as again:
        told = [one.stats() for one in map(again.for_namespace, ("bob", "ana"))]
    wait(memory)
    memory.close()
    assert [(counts["pages"], counts["waiting"]) for counts in told] == [(1, 0), (1, 0)]


def test_50_runs_at_once_are_each_memorized_once(memory: Memory) -> None:
    agent = create_agent(model_of(), middleware=[alone(memory)], checkpointer=InMemorySaver())

    async def all_of_them() -> None:
        await asyncio.gather(*(agent.ainvoke({"messages": f"Word {n}."}, thread(str(n))) for n in range(50)))

    asyncio.run(all_of_them())
    assert sorted(kept(memory)) == sorted(f"user: Word {n}.\nassistant: I heard 'Word {n}.'." for n in range(50))


def test_without_langchain_the_package_to_install_is_named(start: Callable[..., Any]) -> None:
    child = start(
        "import sys\n"
        "sys.modules['langchain'] = sys.modules['langchain.agents'] = None\n"
        "from jitmem import MissingPackage\n"
        "try:\n"
        "    import jitmem.integrations.middleware\n"
        "except MissingPackage as error:\n"
        "    print(error)\n"
    )
    assert child.communicate()[0] == 'The middleware needs langchain; install it with: pip install "jitmem[agents]"\n'
