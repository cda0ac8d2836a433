"""The memory in agents of other packages: langgraph-swarm, langgraph-supervisor, deepagents, LangChain's middleware."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver

from jitmem import Memory
from jitmem.testing import ScriptedModel

pytest.importorskip("langchain.agents", reason="the middleware needs langchain")

from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware, SummarizationMiddleware
from langgraph.types import Command

from jitmem.integrations.background_filing import wait

ANA: Any = {"configurable": {"thread_id": "1", "user_id": "ana"}}
HOW = ["invoke", "ainvoke"]


def call(name: str, /, **args: Any) -> AIMessage:
    return AIMessage("", tool_calls=[{"name": name, "args": args, "id": f"{name}-1", "type": "tool_call"}])


async def say(graph: Any, how: str, text: Any, config: Any = ANA) -> Any:
    given = {"messages": [("user", text)]} if isinstance(text, str) else text
    return graph.invoke(given, config) if how == "invoke" else await graph.ainvoke(given, config)


def lines_of(memory: Memory) -> list[str]:
    wait(memory)
    return [line for page in memory.for_namespace("ana").pages() for line in page.text.splitlines()]


@pytest.mark.parametrize("how", HOW)
async def test_a_swarm_keeps_every_word_once_whoever_answers(memory: Memory, how: str) -> None:
    swarm = pytest.importorskip("langgraph_swarm")

    def agent(name: str, other: str, *lines: Any) -> Any:
        tools = [swarm.create_handoff_tool(agent_name=other)]
        return create_agent(
            ScriptedModel(lines=list(lines)), tools, middleware=[memory.middleware(tools=False)], name=name
        )

    alice = agent("Alice", "Bob", call("transfer_to_bob"), "12.")
    bob = agent("Bob", "Alice", "Ahoy!", call("transfer_to_alice"))
    app = swarm.create_swarm([alice, bob], default_active_agent="Alice").compile(checkpointer=InMemorySaver())
    await say(app, how, "i'd like to speak to Bob")
    await say(app, how, "what's 5 + 7?")
    assert lines_of(memory) == [
        "user: i'd like to speak to Bob",
        "Alice: [calls transfer_to_bob {}]",
        "transfer_to_bob: Successfully transferred to Bob",
        "Bob: Ahoy!",
        "user: what's 5 + 7?",
        "Bob: [calls transfer_to_alice {}]",
        "transfer_to_alice: Successfully transferred to Alice",
        "Alice: 12.",
    ]


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("mode", ["full_history", "last_message"])
async def test_a_supervisors_worker_keeps_what_the_person_said(memory: Memory, how: str, mode: Any) -> None:
    package = pytest.importorskip("langgraph_supervisor")
    workers = ScriptedModel(lines=["It is 12.", "It is 9."])
    worker = create_agent(workers, [], middleware=[memory.middleware(tools=False)], name="math")
    model = ScriptedModel(lines=[call("transfer_to_math"), "Twelve.", call("transfer_to_math"), "Nine."])
    app = package.create_supervisor([worker], model=model, output_mode=mode).compile(checkpointer=InMemorySaver())
    await say(app, how, "what's 5 + 7?")
    await say(app, how, "and 4 + 5?")
    lines = lines_of(memory)
    for line in ("user: what's 5 + 7?", "math: It is 12.", "supervisor: Twelve.", "user: and 4 + 5?", "math: It is 9."):
        assert lines.count(line) == 1


@pytest.mark.parametrize("how", HOW)
async def test_a_deep_agent_keeps_its_own_memory_beside_ours_and_its_files_in_the_store(
    memory: Memory, how: str
) -> None:
    deepagents = pytest.importorskip("deepagents")
    from deepagents.backends import CompositeBackend, StateBackend, StoreBackend

    memory.for_namespace("ana").memorize("Ana: My mill is called Moinho.")
    store = memory.as_store()
    backend = CompositeBackend(
        default=StateBackend(), routes={"/memories/": StoreBackend(namespace=lambda _: ("files",))}
    )
    model = ScriptedModel(
        lines=[
            call("write_file", file_path="/memories/rye.md", content="17 sacks of rye"),
            call("task", description="Count the rye of the mill Moinho.", subagent_type="general-purpose"),
            "I counted 17 sacks.",
            "Done.",
        ]
    )
    files = {"/AGENTS.md": {"content": "Always be brief.", "encoding": "utf-8"}}
    agent = deepagents.create_deep_agent(
        model=model,
        memory=["/AGENTS.md"],
        middleware=[memory.middleware()],
        backend=backend,
        store=store,
        checkpointer=InMemorySaver(),
    )
    assert {"MemoryMiddleware.before_agent", "JitmemMiddleware.before_agent"} <= set(agent.get_graph().nodes)
    await say(agent, how, {"messages": [("user", "Note the rye of the mill Moinho: 17 sacks.")], "files": files})
    prompt = model.seen[0][1]
    assert "Always be brief." in prompt[0].text
    assert "My mill is called Moinho." in prompt[-1].text
    [item] = store.search(("files",))
    assert item.value["content"] == "17 sacks of rye"
    lines = lines_of(memory)
    assert "user: Note the rye of the mill Moinho: 17 sacks." in lines
    assert "task: I counted 17 sacks." in lines
    assert lines[-1] == "assistant: Done."


@pytest.mark.parametrize("how", HOW)
async def test_every_file_tool_of_a_deep_agent_works_over_the_store(memory: Memory, how: str) -> None:
    deepagents = pytest.importorskip("deepagents")
    from deepagents.backends import StoreBackend

    work = [
        call("write_file", file_path="/a/rye.md", content="17 sacks of rye"),
        call("edit_file", file_path="/a/rye.md", old_string="17", new_string="18"),
        call("read_file", file_path="/a/rye.md"),
        call("ls", path="/a"),
        call("grep", pattern="sacks", path="/"),
        call("glob", pattern="**/*.md", path="/"),
    ]
    store = memory.as_store()
    agent = deepagents.create_deep_agent(
        model=ScriptedModel(lines=[*work, "Done."]), backend=StoreBackend(namespace=lambda _: ("files",)), store=store
    )
    result = await say(agent, how, "Note the rye.")
    said = {message.name: message.text for message in result["messages"] if message.type == "tool"}
    assert "18 sacks of rye" in said["read_file"]
    for name in ("ls", "grep", "glob"):
        assert "/a/rye.md" in said[name]
    assert [item.value["content"] for item in await store.asearch(("files",))] == ["18 sacks of rye"]


@pytest.mark.parametrize("how", HOW)
async def test_an_agent_that_is_a_tool_keeps_a_memory_of_its_own(memory: Memory, how: str) -> None:
    """Called twice in parallel; what it was asked is not what the person said."""
    replies = ["I counted 17 sacks.", "I counted 17 sacks."]
    scout = create_agent(
        ScriptedModel(lines=list(replies)), middleware=[memory.for_namespace("scout").middleware()], name="scout"
    )

    @tool
    def count(what: str) -> str:
        """Count what is in the mill."""
        return str(scout.invoke({"messages": [HumanMessage(f"Count the {what}.")]})["messages"][-1].text)

    calls = [{"name": "count", "args": {"what": what}, "id": what, "type": "tool_call"} for what in ("rye", "oats")]
    model = ScriptedModel(lines=[AIMessage("", tool_calls=calls), "17 of each."])
    agent = create_agent(model, [count], middleware=[memory.middleware()], checkpointer=InMemorySaver())
    await say(agent, how, "How much rye and oats?")
    assert lines_of(memory) == [
        "user: How much rye and oats?",
        'assistant: [calls count {"what": "rye"}]',
        '[calls count {"what": "oats"}]',
        "count: I counted 17 sacks.",
        "count: I counted 17 sacks.",
        "assistant: 17 of each.",
    ]
    wait(memory.for_namespace("scout"))
    own = sorted(page.text for page in memory.for_namespace("scout").pages())
    assert own == [
        "user: Count the oats.\nscout: I counted 17 sacks.",
        "user: Count the rye.\nscout: I counted 17 sacks.",
    ]


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("first", ["summary", "memory"])
async def test_what_is_summarized_is_kept_and_recalled_in_its_own_words(memory: Memory, how: str, first: str) -> None:
    summaries = SummarizationMiddleware(
        ScriptedModel(lines=lambda _: "They spoke of boats."), trigger=("messages", 4), keep=("messages", 2)
    )
    middleware: list[Any] = [summaries, memory.middleware(tools=False)]
    model = ScriptedModel(lines=lambda messages: f"Noted {len(messages)}.")
    agent = create_agent(
        model, middleware=middleware if first == "summary" else middleware[::-1], checkpointer=InMemorySaver()
    )
    said = ["My boat is called Gaivota.", "It is blue.", "It has two masts.", "It leaks.", "What is my boat called?"]
    for text in said:
        await say(agent, how, text)
        wait(memory)
    assert [line.removeprefix("user: ") for line in lines_of(memory) if line.startswith("user: ")] == said
    assert "My boat is called Gaivota." in model.seen[-1][1][-1].text


@pytest.mark.parametrize("how", HOW)
async def test_a_turn_that_waits_for_a_person_is_one_turn(memory: Memory, how: str) -> None:
    from langchain_core.tools import tool

    @tool
    def sell(boat: str) -> str:
        """Sells a boat."""
        return f"{boat} is sold."

    model = ScriptedModel(lines=[call("sell", boat="Gaivota"), "Sold."])
    middleware: list[Any] = [memory.middleware(tools=False), HumanInTheLoopMiddleware(interrupt_on={"sell": True})]
    agent = create_agent(model, [sell], middleware=middleware, checkpointer=InMemorySaver())
    await say(agent, how, "Sell my boat.")
    assert lines_of(memory) == []
    await say(agent, how, Command(resume={"decisions": [{"type": "approve"}]}), {"configurable": {"thread_id": "1"}})
    assert lines_of(memory) == [
        "user: Sell my boat.",
        'assistant: [calls sell {"boat": "Gaivota"}]',
        "sell: Gaivota is sold.",
        "assistant: Sold.",
    ]
