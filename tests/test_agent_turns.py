"""A turn of an agent begins with the first message that no page of its thread holds yet, wherever the agent stands."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, HumanMessage, RemoveMessage, ToolMessage
from langchain_core.tools import InjectedToolCallId, tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command

from jitmem import Memory
from jitmem.testing import ScriptedModel

pytest.importorskip("langchain.agents", reason="the middleware needs langchain")

from langchain.agents import create_agent

from jitmem.integrations.background_filing import wait

HOW = ["invoke", "ainvoke"]


def thread(name: str = "1") -> dict[str, Any]:
    return {"configurable": {"thread_id": name}}


def call(name: str, /, **args: Any) -> AIMessage:
    return AIMessage("", tool_calls=[{"name": name, "args": args, "id": f"{name}-1", "type": "tool_call"}])


def kept(memory: Memory) -> list[str]:
    wait(memory)
    return [page.text for page in memory.pages()]


def lines_of(memory: Memory) -> list[str]:
    """Every line of every page, in order."""
    return [line for text in kept(memory) for line in text.splitlines()]


async def run(graph: Any, how: str, given: Any, config: Any = None) -> Any:
    given = {"messages": given} if isinstance(given, str | list) else given
    return graph.invoke(given, config) if how == "invoke" else await graph.ainvoke(given, config)


def agent_of(memory: Memory, *lines: Any, tools: Any = (), **options: Any) -> Any:
    model = ScriptedModel(lines=list(lines))
    return create_agent(model, list(tools), middleware=[memory.middleware(single_user=True, tools=False)], **options)


# -- handoffs ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("config", [None, thread()], ids=["no thread", "thread"])
@pytest.mark.parametrize("how", HOW)
async def test_what_a_person_said_before_another_node_spoke_is_kept(memory: Memory, how: str, config: Any) -> None:
    graph: Any = StateGraph(MessagesState)
    graph.add_node("router", lambda state: {"messages": [AIMessage("To the boatman!", name="router")]})
    graph.add_node("agent", agent_of(memory, "Nice boat."))
    graph.add_edge(START, "router")
    graph.add_edge("router", "agent")
    compiled = graph.compile(checkpointer=InMemorySaver() if config else None)
    await run(compiled, how, "My boat is called Gaivota.", config)
    assert kept(memory) == ["user: My boat is called Gaivota.\nrouter: To the boatman!\nassistant: Nice boat."]


@pytest.mark.parametrize("how", HOW)
async def test_several_nodes_and_turns_keep_every_word_once(memory: Memory, how: str) -> None:
    graph: Any = StateGraph(MessagesState)
    graph.add_node("router", lambda state: {"messages": [AIMessage(f"Route {len(state['messages'])}.", name="router")]})
    graph.add_node("agent", agent_of(memory, "One.", "Two.", "Three."))
    graph.add_node("closer", lambda state: {"messages": [AIMessage(f"Close {len(state['messages'])}.", name="closer")]})
    for before, after in [(START, "router"), ("router", "agent"), ("agent", "closer")]:
        graph.add_edge(before, after)
    compiled = graph.compile(checkpointer=InMemorySaver())
    for said in ("A.", "B.", "C."):
        state = await run(compiled, how, said, thread())
    expected = [
        f"{message.name or {'human': 'user'}.get(message.type, 'assistant')}: {message.text}"
        for message in state["messages"]
    ]
    assert lines_of(memory) == expected[:-1]  # the last is said after the agent, and belongs to the next turn


def handoff(name: str) -> Any:
    @tool(f"transfer_to_{name}")
    def transfer(tool_call_id: Annotated[str, InjectedToolCallId]) -> Command[Any]:
        """Hands over."""
        message = ToolMessage("Done.", name=f"transfer_to_{name}", tool_call_id=tool_call_id)
        return Command(goto=name, graph=Command.PARENT, update={"messages": [message]})

    return transfer


@pytest.mark.parametrize("how", HOW)
async def test_an_agent_that_leaves_for_one_without_memory_has_kept_what_it_heard(memory: Memory, how: str) -> None:
    graph: Any = StateGraph(MessagesState)
    graph.add_node("alice", agent_of(memory, "Hello.", call("transfer_to_bob"), tools=[handoff("bob")], name="alice"))
    graph.add_node("bob", lambda state: {"messages": [AIMessage("Ahoy.")]})
    graph.add_edge(START, "alice")
    compiled = graph.compile(checkpointer=InMemorySaver())
    await run(compiled, how, "Good morning.", thread())
    await run(compiled, how, "My boat is called Gaivota. Get me Bob.", thread())
    assert "user: My boat is called Gaivota. Get me Bob." in lines_of(memory)


@pytest.mark.parametrize("how", HOW)
async def test_an_agent_that_is_handed_over_to_keeps_the_rest_once(memory: Memory, how: str) -> None:
    graph: Any = StateGraph(MessagesState)
    graph.add_node("alice", agent_of(memory, call("transfer_to_bob"), tools=[handoff("bob")], name="alice"))
    graph.add_node("bob", agent_of(memory, "Ahoy.", name="bob"))
    graph.add_edge(START, "alice")
    await run(graph.compile(checkpointer=InMemorySaver()), how, "Get me Bob.", thread())
    assert [line.partition(": ")[2] for line in lines_of(memory)] == [
        "Get me Bob.",
        "[calls transfer_to_bob {}]",
        "Done.",
        "Ahoy.",
    ]


def test_a_history_from_before_the_memory_was_there_is_kept_with_the_first_turn(memory: Memory) -> None:
    agent = agent_of(memory, "Good.", checkpointer=InMemorySaver())
    history: list[AnyMessage] = [HumanMessage("I live in Faro."), AIMessage("Nice."), HumanMessage("And I sail.")]
    agent.invoke({"messages": history}, thread())
    assert lines_of(memory) == ["user: I live in Faro.", "assistant: Nice.", "user: And I sail.", "assistant: Good."]


def test_two_threads_that_say_the_same_are_both_kept(memory: Memory) -> None:
    agent = agent_of(memory, "Yes.", "Yes.", checkpointer=InMemorySaver())
    for name in ("1", "2"):
        agent.invoke({"messages": [HumanMessage("Are you there?", id="1")]}, thread(name))
    assert kept(memory) == ["user: Are you there?\nassistant: Yes."] * 2


def test_what_was_forgotten_does_not_come_back_with_the_next_turn(memory: Memory) -> None:
    agent = agent_of(memory, "Fine.", "Sure.", checkpointer=InMemorySaver())
    agent.invoke({"messages": "My locker code is 5512."}, thread())
    wait(memory)
    memory.forget(query="5512")
    agent.invoke({"messages": "Good night."}, thread())
    assert kept(memory) == ["user: Good night.\nassistant: Sure."]


# -- edits and regenerated turns ---------------------------------------------------------------------------


@pytest.mark.parametrize("how", HOW)
async def test_an_edited_message_under_its_old_id_is_kept(memory: Memory, how: str) -> None:
    agent = agent_of(memory, "Nice.", "Ah, Faro.", checkpointer=InMemorySaver())
    await run(agent, how, [HumanMessage("I live in Porto.", id="1")], thread())
    await run(agent, how, [HumanMessage("I live in Faro.", id="1")], thread())
    assert kept(memory) == ["user: I live in Porto.\nassistant: Nice.", "user: I live in Faro.\nassistant: Ah, Faro."]


@pytest.mark.parametrize("how", HOW)
async def test_a_turn_that_is_edited_and_run_again_from_before_it_is_kept(memory: Memory, how: str) -> None:
    agent = agent_of(memory, "One.", "Two.", "Three.", checkpointer=InMemorySaver())
    await run(agent, how, [HumanMessage("Hello.", id="1")], thread())
    before = agent.get_state(thread()).config
    await run(agent, how, [HumanMessage("I live in Porto.", id="2")], thread())
    await run(agent, how, [HumanMessage("I live in Faro.", id="2")], before)
    assert kept(memory) == [
        "user: Hello.\nassistant: One.",
        "user: I live in Porto.\nassistant: Two.",
        "user: I live in Faro.\nassistant: Three.",
    ]


@pytest.mark.parametrize("how", HOW)
async def test_a_regenerated_answer_is_kept_and_its_question_not_twice(memory: Memory, how: str) -> None:
    agent = agent_of(memory, "One.", "Another one.", checkpointer=InMemorySaver())
    state = await run(agent, how, [HumanMessage("Tell me.", id="1")], thread())
    await run(agent, how, [RemoveMessage(state["messages"][-1].id)], thread())
    assert lines_of(memory) == ["user: Tell me.", "assistant: One.", "assistant: Another one."]


def test_a_message_that_is_taken_back_and_said_otherwise_is_kept(memory: Memory) -> None:
    agent = agent_of(memory, "One.", "Two.", checkpointer=InMemorySaver())
    state = agent.invoke({"messages": [HumanMessage("I live in Porto.")]}, thread())
    removals: list[BaseMessage] = [RemoveMessage(one.id) for one in state["messages"]]
    agent.invoke({"messages": [*removals, HumanMessage("I live in Faro.")]}, thread())
    assert kept(memory)[1] == "user: I live in Faro.\nassistant: Two."


def test_a_turn_in_which_nothing_was_said_is_no_page(memory: Memory) -> None:
    agent = agent_of(memory, "", AIMessage("<think>Nothing.</think>"), checkpointer=InMemorySaver())
    for _ in range(2):
        agent.invoke({"messages": [HumanMessage("  ")]}, thread())
    assert kept(memory) == []


# -- what was recalled ---------------------------------------------------------------------------------------


def test_recall_shows_nothing_that_the_messages_hold(memory: Memory) -> None:
    model = ScriptedModel(lines=lambda messages: f"Heard {len(messages)}.")
    agent = create_agent(model, middleware=[memory.middleware(single_user=True)], checkpointer=InMemorySaver())
    memory.memorize("Ana: The boat Gaivota lies in Viana.")
    for said in ("My boat is called Gaivota.", "Where is Gaivota, my boat?", "And what is my boat called, Gaivota?"):
        agent.invoke({"messages": said}, thread())
        wait(memory)
    shown = model.seen[-1][1][-1].text
    assert "lies in Viana" in shown
    assert "My boat is called" not in shown
    agent.invoke({"messages": "What is my boat called?"}, thread("2"))
    assert "My boat is called Gaivota." in model.seen[-1][1][-1].text


def test_what_a_reader_has_before_them_is_not_brought_up(memory: Memory) -> None:
    memory.memorize("Ana: My boat is called Gaivota.\nBen: I like your boat, Ana.")
    known = "human: my question\nMy boat is   called\nGaivota."
    assert "Gaivota" in memory.research("What is Ana's boat called?").context
    found = memory.research("What is Ana's boat called?", known_text=known)
    assert "Gaivota" not in found.context
    assert "I like your boat" in found.context


@pytest.mark.parametrize("place", ["beginning", "end"])
def test_a_question_beside_a_long_paste_recalls(memory: Memory, place: str) -> None:
    memory.memorize("Ana: My boat is called Gaivota.")
    memory.memorize("Ben: The trams were full today.")
    log = "\n".join(f"2026-11-30 10:{n:02} WARN worker-{n} retry {n * 7} of job {n * 13}" for n in range(60))
    assert len(log) > 2600
    question = "What is the name of Ana's boat?"
    model = ScriptedModel(lines=["Gaivota."])
    agent = create_agent(model, middleware=[memory.middleware(single_user=True)])
    agent.invoke({"messages": f"{question}\n{log}" if place == "beginning" else f"{log}\n{question}"})
    assert "called Gaivota" in model.seen[0][1][-1].text


def test_a_result_of_a_memory_tool_that_was_cut_is_not_memorized(memory: Memory) -> None:
    from langchain.agents.middleware import wrap_tool_call

    memory.memorize("Ana: My boat is called Gaivota, and it lies in the harbour of Viana.")

    @wrap_tool_call
    def cut(request: Any, handler: Any) -> Any:
        result = handler(request)
        return result.model_copy(update={"content": f"{result.text[:90]}…"})

    model = ScriptedModel(lines=[call("search_pages", query="boat Gaivota"), "There."])
    middleware: list[Any] = [memory.middleware(single_user=True, effort=None), cut]
    state = create_agent(model, middleware=middleware).invoke({"messages": "Look."})
    assert "Gaivota" in state["messages"][2].text
    assert kept(memory)[1].splitlines()[2] == "search_pages: [recalled from memory]"
