"""Several memories in one agent, and prompts that share as long a beginning as they can with the turn before."""

from __future__ import annotations

from itertools import pairwise, takewhile
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langgraph.checkpoint.memory import InMemorySaver

import jitmem
from jitmem import BadInput, Memory
from jitmem.testing import ScriptedModel

pytest.importorskip("langchain.agents", reason="the middleware needs langchain")

from langchain.agents import create_agent

from jitmem.integrations.background_filing import wait


def answer(messages: list[BaseMessage]) -> str:
    return f"Noted, number {len(messages)}."


def call(name: str, /, **args: Any) -> AIMessage:
    return AIMessage("", tool_calls=[{"name": name, "args": args, "id": f"{name}-1", "type": "tool_call"}])


def thread(name: str = "1") -> dict[str, Any]:
    return {"configurable": {"thread_id": name}}


# -- own and team ------------------------------------------------------------------------------------------


def test_own_and_team_memory_are_both_recalled_and_only_the_own_one_memorizes(memory: Memory) -> None:
    mine, team = memory.for_namespace("ana"), memory.for_namespace("team")
    mine.memorize("Ana: My boat is called Gaivota.")
    team.memorize("Ben: The team's boat is called Lara.")
    model = ScriptedModel(lines=answer)
    middleware = [mine.middleware(), team.middleware(name="team", memorize=False)]
    agent = create_agent(model, middleware=middleware, checkpointer=InMemorySaver())
    for _ in range(2):
        agent.invoke({"messages": "What are the boats called?"}, thread())
        wait(memory)
    shown = model.seen[0][1][-1].text
    assert "Gaivota" in shown
    assert "Lara" in shown
    assert 'the memory "team"' in shown
    assert (mine.stats()["sessions"], team.stats()["sessions"]) == (3, 1)


def test_each_memory_has_tools_of_its_own(memory: Memory) -> None:
    mine, team = memory.for_namespace("ana"), memory.for_namespace("team")
    insert = call("team_memory_insert", kind="semantic", content="The team has a boat.")
    model = ScriptedModel(lines=[insert, call("memory_insert", kind="semantic", content="Ana has a van."), "Done."])
    agent = create_agent(model, middleware=[mine.middleware(), team.middleware(name="team", memorize=False)])
    state = agent.invoke({"messages": "Keep that."})
    assert [one.content for one in team.items.list()] == ["The team has a boat."]
    assert [one.content for one in mine.items.list()] == ["Ana has a van."]
    assert [one.name for one in state["messages"] if one.type == "tool"] == ["team_memory_insert", "memory_insert"]


def test_a_named_memory_of_many_users_finds_the_tool_of_the_run(memory: Memory) -> None:
    model = ScriptedModel(lines=[call("notes_memory_insert", kind="semantic", content="Ana has a van."), "Done."])
    agent = create_agent(model, middleware=[memory.middleware(name="notes")])
    state = agent.invoke({"messages": "Keep that."}, context={"user_id": "ana"})
    assert [one.content for one in memory.for_namespace("ana").items.list()] == ["Ana has a van."]
    assert state["messages"][2].name == "notes_memory_insert"


def test_two_memories_that_both_memorize_file_each_turn_once_each(memory: Memory) -> None:
    one, other = memory.for_namespace("one"), memory.for_namespace("other")
    model = ScriptedModel(lines=answer)
    middleware = [one.middleware(name="one"), other.middleware(name="other")]
    agent = create_agent(model, middleware=middleware, checkpointer=InMemorySaver())
    for said in ("A.", "B."):
        agent.invoke({"messages": said}, thread())
    wait(memory)
    texts = [[page.text.splitlines()[0] for page in each.pages()] for each in (one, other)]
    assert texts == [["user: A.", "user: B."]] * 2


@pytest.mark.parametrize("options", [{"name": "my team"}, {"name": ""}, {"inject": "tool"}])
def test_a_name_or_place_that_cannot_be_is_refused(memory: Memory, options: Any) -> None:
    with pytest.raises(BadInput):
        memory.middleware(**options)


def test_what_others_build_on_is_importable_by_name() -> None:
    names = ["JitmemMiddleware", "JitmemRetriever", "JitmemStore", "jitmem_tools"]
    assert [getattr(jitmem, name).__name__ for name in names] == names
    assert set(names) <= set(jitmem.__all__)


def common_beginning(one: str, other: str) -> int:
    """How many characters two texts share from their first on."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


# -- prompt cache ------------------------------------------------------------------------------------------


def flat(messages: list[BaseMessage]) -> str:
    return "".join(f"<{message.type}>{message.text}" for message in messages)


@pytest.mark.parametrize("inject", ["human", "message"])
def test_over_fifty_turns_each_prompt_begins_as_the_one_before(memory: Memory, inject: Any) -> None:
    """The part that is lost to a prompt cache is what was recalled for the turn before, and nothing else."""
    memory.memorize_many(f"Ben: Crane {n} of the harbour was painted in the colour number {n}." for n in range(50))
    memory.items.insert("The user is Ana, a harbour clerk.", "core")
    model = ScriptedModel(lines=answer)
    middleware = memory.middleware(single_user=True, memorize=False, inject=inject)
    agent = create_agent(model, middleware=[middleware], system_prompt="Be brief. " * 50, checkpointer=InMemorySaver())
    for n in range(50):
        agent.invoke({"messages": f"Which colour has crane {n} of the harbour?"}, thread())
    prompts = [flat(messages) for _, messages in model.seen]
    assert len(prompts) == 50
    assert len({messages[0].text for _, messages in model.seen}) == 1
    shared = [common_beginning(before, after) for before, after in pairwise(prompts)]
    lasting = [len(prompt.split("Between the marks is what your memory holds for this turn")[0]) for prompt in prompts]
    assert all(length < len(prompt) for length, prompt in zip(lasting, prompts, strict=True))
    assert max(length - common for length, common in zip(lasting, shared, strict=False)) <= len("\n\n<human>")


def test_the_system_message_changes_only_with_the_core(memory: Memory) -> None:
    model = ScriptedModel(lines=answer)
    middleware = [memory.middleware(single_user=True, memorize=False)]
    agent = create_agent(model, middleware=middleware, system_prompt="Be brief.", checkpointer=InMemorySaver())
    memory.items.insert("The user is Ana.", "core")
    for said in ("One.", "Two."):
        agent.invoke({"messages": said}, thread())
    [core] = memory.items.list(kind="core")
    memory.items.update(core.id, "The user is Ana, 34.")
    agent.invoke({"messages": "Three."}, thread())
    first, second, third = [messages[0].text for _, messages in model.seen]
    assert first == second
    assert first.startswith("Be brief.\n\nBetween the marks")
    assert "Ana, 34." in third
    assert (
        len({message.text for _, messages in model.seen for message in messages if isinstance(message, HumanMessage)})
        == 3
    )


class AnthropicLike(ScriptedModel):
    """Says of itself what Anthropic's chat models do."""

    @property
    def _llm_type(self) -> str:
        return "anthropic-chat"


@pytest.mark.parametrize("prompt", [None, "Be brief.", SystemMessage([{"type": "text", "text": "Be brief."}])])
def test_where_the_provider_caches_blocks_the_core_is_marked_for_it(memory: Memory, prompt: Any) -> None:
    memory.items.insert("The user is Ana.", "core")
    model = AnthropicLike(lines=answer)
    create_agent(model, middleware=[memory.middleware(single_user=True)], system_prompt=prompt).invoke(
        {"messages": "Hi"}
    )
    content: Any = model.seen[0][1][0].content
    assert content[:-1] == ([] if prompt is None else [{"type": "text", "text": "Be brief."}])
    assert "The user is Ana." in content[-1]["text"]
    assert content[-1]["cache_control"] == {"type": "ephemeral"}


def test_no_more_blocks_are_marked_than_the_provider_takes(memory: Memory) -> None:
    memory.items.insert("The user is Ana.", "core")
    model = AnthropicLike(lines=answer)
    cached = [{"type": "text", "text": f"Part {n}.", "cache_control": {"type": "ephemeral"}} for n in range(4)]
    prompt = SystemMessage(cached)  # type: ignore[arg-type]
    create_agent(model, middleware=[memory.middleware(single_user=True)], system_prompt=prompt).invoke(
        {"messages": "Hi"}
    )
    content: Any = model.seen[0][1][0].content
    assert sum("cache_control" in block for block in content) == 4


@pytest.mark.parametrize("inject", ["human", "message", "system"])
def test_what_was_recalled_stands_where_inject_says(memory: Memory, inject: Any) -> None:
    memory.memorize_many(["Ana: My boat is called Gaivota.", "Ben: The trams were full."])
    model = ScriptedModel(lines=answer)
    middleware = [memory.middleware(single_user=True, inject=inject)]
    agent = create_agent(model, middleware=middleware, system_prompt="Be brief.")
    agent.invoke({"messages": [HumanMessage([{"type": "text", "text": "What is Ana's boat called?"}])]})
    texts = [message.text for message in model.seen[0][1]]
    where = {"human": (1, 2), "message": (2, 3), "system": (0, 2)}[inject]
    assert (len(texts), ["Gaivota" in text for text in texts].index(True)) == (where[1], where[0])


def test_without_a_person_what_was_recalled_stands_in_the_system_message(memory: Memory) -> None:
    from jitmem.integrations.prompt_blocks import with_recalled

    assert with_recalled([AIMessage("Hello.")], "text", "human") is None
