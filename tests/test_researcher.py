"""The Researcher without a model: rounds, outputs, budgets, citations, subsets of tools, and life inside other graphs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypedDict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.messages.utils import count_tokens_approximately
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph

from jitmem import BadInput, Memory, Research, Session
from jitmem.sample_history import sample_sessions
from jitmem.stores.analyzer import HashedEmbeddings


@pytest.fixture(scope="module")
def mill(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with Memory.open(tmp_path_factory.mktemp("mill") / "memory") as memory:
        memory.memorize_many(sample_sessions())
        yield memory


def tokens(text: str) -> int:
    return count_tokens_approximately([HumanMessage(text)])


def verified(memory: Memory, result: Research) -> bool:
    marks = [f"[{number}]" for number in range(1, len(result.citations) + 1)]
    return all(
        (memory.page(c.page_id) if c.page_id else memory.items.get(c.item_id)).text[c.start : c.end] == c.quote
        and mark in result.context
        for c, mark in zip(result.citations, marks, strict=True)
    )


@pytest.mark.parametrize("given", [{}, {"question": ""}, {"question": None}, {"query": "Where does Ana live?"}])
def test_a_run_without_a_question_says_what_would_be_right(mill: Memory, given: Any) -> None:
    with pytest.raises(BadInput, match='"question": "…"'):
        mill.researcher.invoke(given)


def test_a_fact_of_one_page_is_enough_after_one_round(mill: Memory) -> None:
    result = mill.research("How much does the oven weigh?", output="integration")
    assert "1,150 kilos" in result.context
    assert (result.stopped, len(result.rounds), result.unmet) == ("enough", 1, ())


def test_a_name_met_in_the_first_round_leads_the_second_to_the_answer(mill: Memory) -> None:
    question = "Which illness does the officer who handles our permit have?"
    assert "Salgueiro is coeliac" not in mill.research(question, depth=1, context_tokens=1000).context
    result = mill.research(question, depth=2, context_tokens=1000)
    assert "Salgueiro is coeliac" in result.context
    assert "Salgueiro" in result.rounds[0]["names"]


def test_what_stands_nowhere_is_said_to_be_missing(mill: Memory) -> None:
    result = mill.research("What is the name of Ines's dog?", output="integration")
    assert (result.stopped, result.enough, result.unmet) == ("no_evidence", False, ("dog",))
    assert result.context == "Not in memory: dog."


def test_an_empty_memory_answers_that_nothing_is_known(memory: Memory) -> None:
    result = memory.research("Where does Ana work?")
    assert (result.stopped, result.citations, result.page_ids) == ("no_evidence", (), ())
    assert memory.recall("Ana") == []


def test_the_time_of_a_session_is_searched_and_shown(mill: Memory) -> None:
    result = mill.research("What happened on 8 April 2025?", tools=["page_id"])
    assert [str(mill.page(page_id).time) for page_id in result.page_ids] == ["2025-04-08 20:00:00"]
    assert "8 April 2025 20:00" in result.context


@pytest.mark.parametrize("output", ["integration", "snippets", "pages"])
@pytest.mark.parametrize("budget", [16, 50, 200, 1000, 4000])
def test_the_budget_is_never_exceeded_and_every_citation_holds(mill: Memory, output: Any, budget: int) -> None:
    for question in ("When is the opening?", "What did Greta pay for flour and who delivers it?"):
        result = mill.research(question, output=output, context_tokens=budget)
        assert tokens(result.context) <= budget
        assert verified(mill, result)


@settings(max_examples=25)
@given(question=st.text(min_size=1).filter(str.strip), budget=st.integers(16, 600))
def test_any_question_gets_a_result_within_its_budget(mill: Memory, question: str, budget: int) -> None:
    result = mill.research(question, context_tokens=budget, depth=2)
    assert tokens(result.context) <= budget
    assert verified(mill, result)


def test_whole_pages_follow_the_statements_when_asked_for(mill: Memory) -> None:
    result = mill.research("How much does the oven weigh?", output="pages", pages=1, context_tokens=4000)
    quoted = {citation.quote for citation in result.citations}
    text = mill.page(result.page_ids[0]).text.strip()
    said = [quote for quote in quoted if quote in text]
    assert len(result.page_ids) == 1
    assert sum(len(quote) for quote in said) >= len(text.replace("\n\n", "")) - len(said) * 2


@pytest.mark.parametrize("tools", [["keyword"], ["vector"], ["page_id"], ["keyword", "page_id"], ["vector", "keyword"]])
def test_only_the_tools_asked_for_are_used(mill: Memory, tools: list[str]) -> None:
    result = mill.research("Where does Norberto live?", tools=tools)
    assert {query["tool"] for round_ in result.rounds for query in round_["queries"]} <= set(tools)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"depth": 0}, "depth"),
        ({"output": "poem"}, "output"),
        ({"context_tokens": 3}, "context_tokens"),
        ({"tools": ["telepathy"]}, "tools"),
        ({"tools": []}, "tools"),
    ],
)
def test_a_bad_option_is_named(memory: Memory, options: dict[str, Any], names: str) -> None:
    with pytest.raises(BadInput, match=names):
        memory.research("x", **options)


@pytest.mark.parametrize("question", ["", "  \n"])
def test_an_empty_question_is_refused(memory: Memory, question: str) -> None:
    with pytest.raises(BadInput):
        memory.research(question)
    with pytest.raises(BadInput):
        memory.recall(question)


async def test_every_verb_has_an_async_twin_with_the_same_result(memory: Memory) -> None:
    session = Session(turns=[("Ana", "I moved to Lisbon."), ("Ben", "Since when?")], id="s1", time="2024-05-01")
    filed = await memory.amemorize(session)
    many = await memory.amemorize_many([session, "Ben: I sold the boat.\nAna: At last."])
    assert (filed.duplicate, [one.duplicate for one in many]) == (False, [True, False])
    question = "Where did Ana move?"
    assert (await memory.aresearch(question)).as_dict() == memory.research(question).as_dict()
    assert await memory.arecall(question) == memory.recall(question)
    assert await memory.apages() == memory.pages()
    assert await memory.aresume() == []


async def test_the_graphs_run_alone_sync_async_and_streaming(memory: Memory) -> None:
    filed = memory.memorizer.invoke({"session": "Ana: I moved to Lisbon.\nBen: Good."})
    assert filed["page_ids"] == [page.id for page in memory.pages()]
    again = await memory.memorizer.ainvoke({"session": "Ana: I moved to Lisbon.\nBen: Good."})
    assert again["duplicate"] is True
    question = {"question": "Where did Ana move?"}
    assert (await memory.researcher.ainvoke(question)) == memory.researcher.invoke(question)
    steps = [name for update in memory.researcher.stream(question, stream_mode="updates") for name in update]
    assert steps[:2] == ["begin", "plan"]
    assert sorted(steps[2:5]) == ["search_items", "search_keyword", "search_vector"]  # no query is for page_id
    assert steps[5:] == ["rank", "integrate", "reflect", "present"]
    events = [event["event"] for event in memory.researcher.stream(question, stream_mode="custom")]
    assert events == ["planned", "found", "found", "ranked", "integrated", "reflected"]


def test_the_researcher_is_a_node_of_another_graph_with_a_context_of_its_own(memory: Memory) -> None:
    memory.memorize("Ana: I moved to Lisbon.\nBen: Good.")

    class State(TypedDict, total=False):
        question: str
        context: str
        stopped: str

    class HostContext(TypedDict, total=False):
        user: str
        depth: int

    graph = StateGraph(State, context_schema=HostContext)
    graph.add_node("remember", memory.researcher)
    graph.add_edge(START, "remember")
    graph.add_edge("remember", END)
    host = graph.compile(checkpointer=InMemorySaver())
    state = host.invoke(
        {"question": "Where did Ana move?"}, {"configurable": {"thread_id": "1"}}, context={"user": "u1", "depth": 1}
    )
    assert "Lisbon" in state["context"]
    assert state["stopped"] == "enough"


def test_messages_are_memorized_with_their_speakers(memory: Memory) -> None:
    memory.memorize([HumanMessage("My sister Rita lives in Faro."), AIMessage("Noted.")])
    assert memory.pages()[0].text == "user: My sister Rita lives in Faro.\nassistant: Noted."
    assert memory.recall("Rita")[0].speaker == "user"


def test_the_searches_are_langchain_tools(memory: Memory) -> None:
    memory.memorize("Ana: I moved to Lisbon.\nBen: Good.")
    tools = {tool.name: tool for tool in memory.tools()}
    assert {"search_keyword", "search_page_id", "search_pages", "search_vector"} <= tools.keys()
    call = {"name": "search_keyword", "args": {"query": "Lisbon", "k": 1}, "id": "1", "type": "tool_call"}
    message = tools["search_keyword"].invoke(call)
    assert "I moved to Lisbon." in message.content
    assert [hit.text for hit in message.artifact] == ["Ana: I moved to Lisbon."]


def test_no_more_pages_speak_than_are_allowed(mill: Memory) -> None:
    question = "From whom do we buy flour now, and who was it before?"
    assert len({c.page_id for c in mill.research(question, pages=1).citations}) == 1
    eight = mill.research(question, output="pages", pages=8, context_tokens=100_000)
    assert {c.page_id for c in eight.citations} == set(eight.page_ids)
    assert len(eight.page_ids) == 8


def test_pages_filed_under_another_embedding_model_are_embedded_when_somebody_asks(folder: Path) -> None:
    with Memory.open(folder) as memory:
        memory.memorize("Ana: I moved to Lisbon.\nBen: Good.")
    with Memory.open(folder, embeddings=HashedEmbeddings(64)) as memory:
        assert memory.research("Lisbon", tools=["vector"]).page_ids != ()


def test_what_is_met_near_by_is_not_said_to_be_missing(memory: Memory) -> None:
    memory.memorize("I bought the blue van from Mr. Teixeira. Teixeira has his house in Braga.")
    result = memory.research("Where does the man live who sold the blue van?")
    assert not {"blue", "van"} & set(result.unmet)
    assert "Mr" not in result.rounds[0]["names"]
