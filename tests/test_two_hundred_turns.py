"""An agent with memory over two hundred turns: each is kept once, nothing injected is kept, the prompt stays flat."""

from __future__ import annotations

from pathlib import Path

import pytest
from langchain_core.messages import BaseMessage

from jitmem import Memory
from jitmem.stores.recall_markers import RECALLED_OPEN
from jitmem.testing import ScriptedModel

agents = pytest.importorskip("langchain.agents", reason="needs jitmem[agents]")
TURNS = 200


def test_two_hundred_turns_are_in_memory_once_each_and_the_prompt_stays_flat(folder: Path) -> None:
    sizes: list[int] = []

    def answer(messages: list[BaseMessage]) -> str:
        sizes.append(sum(len(str(message.text)) for message in messages))
        return f"Noted, that was answer {len(sizes)}."

    with Memory.open(folder) as memory:
        agent = agents.create_agent(
            ScriptedModel(lines=answer), [], middleware=[memory.middleware(single_user=True, tools=False)]
        )
        for turn in range(TURNS):
            said = f"On day {turn} the mill ground {turn * 3 + 1} sacks of maize for customer number {turn % 17}."
            agent.invoke({"messages": [("user", said)]}, {"configurable": {"thread_id": f"day-{turn}"}})
        memory.flush()
        pages = [page.text for page in memory.pages()]
        assert len(pages) == TURNS
        for turn in range(TURNS):
            assert sum(f"On day {turn} the mill" in text for text in pages) == 1
        assert not any(RECALLED_OPEN in text for text in pages)
    assert len(sizes) == TURNS
    assert max(sizes[-50:]) <= 1.1 * max(sizes[50:100])
