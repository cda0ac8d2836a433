"""A model never makes a search worse: whatever it plans and states, the question's own hits stand in the context."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import BaseMessage

from jitmem import Memory
from jitmem.sample_history import sample_questions, sample_sessions
from jitmem.testing import ScriptedModel

NONSENSE = {
    "needs": ["What is the weather on Mars?"],
    "queries": [
        {"tool": "keyword", "text": "goats bread oven"},
        {"tool": "vector", "text": "The purple elephant sings."},
    ],
}
NOTHING = {"statements": [], "enough": False, "missing": ["Mars"], "request": "Which elephant?", "names": ["Mars"]}
INVENTED = {
    "statements": [{"text": "Tomas sold Mars for 12,000 euros.", "sources": [{"page_id": "0", "quote": "the mill"}]}],
    "enough": True,
}
TOKENS = 600


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample") / "memory"
    with Memory.open(folder) as memory:
        memory.memorize_many(sample_sessions())
    return folder


def replies(conclusion: dict[str, Any]) -> Callable[[list[BaseMessage]], dict[str, Any]]:
    return lambda messages: NONSENSE if "You plan searches" in str(messages[0].content) else conclusion


@pytest.mark.parametrize("conclusion", [NOTHING, INVENTED], ids=["nothing", "invented"])
def test_a_plan_of_rubbish_finds_at_least_what_recall_finds(sample: Path, conclusion: dict[str, Any]) -> None:
    questions = [one for one in sample_questions() if one.get("evidence")]
    assert len(questions) > 30
    with Memory.open(sample, model=ScriptedModel(lines=replies(conclusion))) as memory:
        found = dict.fromkeys(("recall", "fast"), 0)
        for one in questions:
            for effort in ("recall", "fast"):
                result = memory.research(one["question"], effort=effort, depth=2, context_tokens=TOKENS)
                found[effort] += sum(piece["quote"] in result.context for piece in one["evidence"])
    assert found["fast"] >= found["recall"] > 30


def test_the_question_is_searched_in_every_tool_though_the_plan_names_none(sample: Path) -> None:
    empty = {"needs": [], "queries": []}
    script = [empty, {**NOTHING, "request": "", "names": []}]
    with Memory.open(sample, model=ScriptedModel(lines=script)) as memory:
        result = memory.research("How long and how heavy is the key of the mill?", effort="fast")
    assert [query["tool"] for query in result.rounds[0]["queries"]] == ["keyword", "vector"]
    assert "310 grams" in result.context
