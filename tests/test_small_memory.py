"""Never empty-handed: a small memory is given whole, and a larger one shows its newest where a search finds nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import HumanMessage
from langchain_core.messages.utils import count_tokens_approximately

from jitmem import Memory, ResearchOptions, Session
from jitmem.testing import ScriptedModel

JOB = "I started at Orbit in Lisbon last Monday"
NEWEST = "Nothing in memory has the words of the question. What follows is the newest in it."


@pytest.fixture
def small(folder: Path) -> Any:
    with Memory.open(folder) as memory:
        memory.memorize(Session(turns=[("user", JOB)], time="2025-03-06"))
        yield memory


@pytest.fixture
def large(folder: Path) -> Any:
    """Of more than 100 tokens."""
    with Memory.open(folder, research_options=ResearchOptions(context_tokens=100)) as memory:
        memory.items.insert("Ana is a miller.", kind="core")
        for day in range(1, 9):
            said = f"The mill ground {100 + day} sacks of rye, and the river stood high on the wall."
            memory.memorize(Session(turns=[("Ana", said)], time=f"2025-03-{day:02}"))
        yield memory


def test_recall_gives_a_small_memory_whole(small: Memory) -> None:
    [hit] = small.recall("Where do I work?")
    assert (hit.text, hit.score, dict(hit.scores)) == (f"user: {JOB}", 0.0, {})


@pytest.mark.parametrize("effort", ["recall", "deep"])
def test_research_gives_a_small_memory_whole_and_says_that_no_word_was_found(small: Memory, effort: Any) -> None:
    result = small.research("Where do I work?", effort=effort)
    assert result.context.startswith(NEWEST)
    assert JOB in result.context
    assert (result.enough, len(result.page_ids)) == (False, 1)


def test_the_tools_give_a_small_memory_whole(small: Memory) -> None:
    tools = {tool.name: tool for tool in small.tools()}
    assert JOB in tools["search_pages"].invoke("Where do I work?")
    assert JOB in tools["research_memory"].invoke("Where do I work?")


def test_an_agent_is_shown_a_small_memory_whole(small: Memory) -> None:
    model = ScriptedModel(lines=["At Orbit."])
    agent = create_agent(model, middleware=[small.middleware(single_user=True, memorize=False)])
    agent.invoke({"messages": [HumanMessage("Where do I work?")]})
    assert any(JOB in message.text for message in model.seen[0][1])


def test_what_a_search_finds_stands_before_the_rest_of_a_small_memory(small: Memory) -> None:
    small.memorize(Session(turns=[("user", "The ferry leaves at nine.")], time="2025-03-07"))
    hits = small.recall("What did I say of Lisbon?")
    assert [hit.text for hit in hits] == [f"user: {JOB}", "user: The ferry leaves at nine."]
    assert hits[0].score > hits[1].score == 0.0


def test_a_memory_beyond_the_budget_is_not_given_whole(large: Memory) -> None:
    hits = large.recall("How many sacks were 104?", k=100)
    assert all(hit.score > 0 for hit in hits)


def test_a_large_memory_shows_core_and_its_newest_where_nothing_is_found(large: Memory) -> None:
    result = large.research("Qzx?", tools=["keyword"], context_tokens=100)
    assert result.context.startswith(NEWEST)
    assert result.stopped == "no_evidence"
    assert "Ana is a miller." in result.context
    assert "108 sacks" in result.context
    assert "101 sacks" not in result.context
    assert count_tokens_approximately([HumanMessage(result.context)]) <= 100


def test_the_integration_alone_says_only_what_is_not_in_memory(small: Memory) -> None:
    assert small.research("Where do I work?", output="integration").context == "Not in memory: Where do I work."


def test_what_an_agent_has_before_it_is_not_given_again(small: Memory) -> None:
    assert JOB not in small.research("Where do I work?", known_text=JOB).context
