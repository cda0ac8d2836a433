"""docs/walk.md names functions that exist and run, and every file of ours that runs."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from test_layers import FILES

from jitmem import Memory, Session
from jitmem.testing import ScriptedModel

ROOT = Path(__file__).parents[1]
WALK = (ROOT / "docs" / "walk.md").read_text(encoding="utf-8")
VERBS = ("memorize", "research")
MOST_FILES = 40  # of ours that may run for a question answered by rules; lower it when fewer do

FIRST = Session(id="first", time="2024-05-01", turns=[("Carl", "I sold the mill."), ("Dan", "Good.")])
SESSION = Session(id="news", time="2024-06-01", turns=[("Alice", "I live in Berlin now."), ("Bob", "And Rex?")])
QUESTION = "Where does Alice live?"

Ran = dict[str, set[str]]
"""By file, as a path from the root: the qualified names of the functions that ran."""


def section(verb: str) -> str:
    """What the walk says of a verb."""
    return WALK.split(f"\n## `memory.{verb}", 1)[1].split("\n## ", 1)[0]


def hops(verb: str) -> list[tuple[str, str]]:
    """`(file, function)` of each numbered line."""
    return re.findall(r"^\d+\. `([\w/.]+\.py):([\w.]+)`", section(verb), re.M)


def named_files(verb: str) -> set[str]:
    """Every file that the section names, as a hop or below the list."""
    return set(re.findall(r"`([\w/.]+\.py)(?::[\w.]+)?`", section(verb)))


def run_profiled(call: Callable[[], object]) -> Ran:
    """Our functions that run in this call, in every thread that it starts; test doubles are none of ours."""
    own = {str(file.resolve()): str(file.resolve().relative_to(ROOT)) for file in FILES}
    paths: dict[str, str | None] = {}
    ran: Ran = {}

    def note(frame: FrameType, event: str, arg: Any) -> None:
        code = frame.f_code
        if event != "call" or code.co_name == "<module>":
            return
        if code.co_filename not in paths:
            paths[code.co_filename] = own.get(str(Path(code.co_filename).resolve()))
        file = paths[code.co_filename]
        if file is not None and not file.startswith("src/jitmem/testing/"):
            ran.setdefault(file, set()).add(code.co_qualname)

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]
    return ran


def run_both(folder: Path, model: ScriptedModel | None, answer: bool) -> dict[str, Ran]:
    """What runs in each verb, over a memory that has done both before: everything lazy is loaded."""
    with Memory.open(folder, model=model) as memory:
        memory.memorize(FIRST)
        memory.research("What did Carl sell?", answer=answer)
        return {
            "memorize": run_profiled(lambda: memory.memorize(SESSION)),
            "research": run_profiled(lambda: memory.research(QUESTION, answer=answer)),
        }


def scripted_model() -> ScriptedModel:
    """A model whose first round of a question is not enough."""
    known = {"text": "Alice lives in Berlin.", "sources": [{"page_id": "x", "quote": "I live in Berlin now."}]}
    searches = [{"tool": "keyword", "text": "Alice"}, {"tool": "vector", "text": "Alice"}]
    item = {"name": "memory_insert", "args": {"kind": "semantic", "content": "Alice lives in Berlin."}, "id": "1"}
    replies: dict[str, list[Any]] = {
        "memorize": [{"memo": "Carl sold the mill."}, {"memo": "Alice lives in Berlin."}],
        "curate": [AIMessage("Nothing."), AIMessage("", tool_calls=[item])],
        "plan": [{"needs": ["Where?"], "queries": [*searches, {"tool": "page_id", "text": "news"}]}] * 6,
        "integrate": [{"statements": [known]}] * 4,
        "reflect": [{"enough": False, "missing": ["since when"], "request": "Since when?", "names": ["Rex"]}] * 4,
        "conclude": [{"statements": [known], "enough": True}] * 2,
        "answer": [{"answer": "in Berlin", "citations": [1]}] * 2,
    }
    return ScriptedModel(lines=replies)


@pytest.fixture(scope="module")
def by_rules(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ran]:
    return run_both(tmp_path_factory.mktemp("rules") / "memory", None, answer=False)


@pytest.fixture(scope="module")
def by_either(tmp_path_factory: pytest.TempPathFactory, by_rules: dict[str, Ran]) -> dict[str, Ran]:
    """What runs by rules, or by a model."""
    by_model = run_both(tmp_path_factory.mktemp("model") / "memory", scripted_model(), answer=True)
    return {
        verb: {
            file: by_rules[verb].get(file, set()) | by_model[verb].get(file, set())
            for file in by_rules[verb].keys() | by_model[verb].keys()
        }
        for verb in VERBS
    }


@pytest.mark.parametrize("verb", VERBS)
def test_every_hop_is_a_function_that_runs(verb: str, by_either: dict[str, Ran]) -> None:
    assert len(hops(verb)) >= 10
    assert re.findall(r"^(\d+)\. ", section(verb), re.M) == [str(n + 1) for n in range(len(hops(verb)))]
    idle = [
        f"{file}:{name}"
        for file, name in hops(verb)
        if not any(ran == name or ran.startswith(f"{name}.<locals>.") for ran in by_either[verb].get(file, ()))
    ]
    assert idle == []


@pytest.mark.parametrize("verb", VERBS)
def test_the_walk_names_the_files_that_run_and_no_others(verb: str, by_either: dict[str, Ran]) -> None:
    ran, named = by_either[verb].keys(), named_files(verb)
    assert {"runs, not named": sorted(ran - named), "named, does not run": sorted(named - ran)} == {
        "runs, not named": [],
        "named, does not run": [],
    }


def test_a_question_answered_by_rules_runs_few_files(by_rules: dict[str, Ran]) -> None:
    assert len(by_rules["research"]) <= MOST_FILES
