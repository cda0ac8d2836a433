"""Every system under test takes the same sessions in, and gives a context whose marks say where it is from."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitmem import Memory, Session
from jitmem.evals.datasets.benchmark_records import Question, Sample
from jitmem.evals.metrics.text_metrics import context_tokens
from jitmem.evals.systems import SYSTEMS, EvalModels, Setup, SystemAnswer, SystemContext, open_sharing, open_system
from jitmem.evals.systems.chunks import session_chunks, session_lines
from jitmem.evals.systems.setups import restrict_setup
from jitmem.stores.errors import BadInput, MissingPackage
from jitmem.testing import ScriptedModel

OWN = [name for name in SYSTEMS if name not in ("langmem", "mem0")]
GOLD = "I start at the ropewalk on Monday, they need a weaver."
TALK = [("Ana", f"The wind rattled shutter number {number} again.") for number in range(40)]
SESSIONS = (
    Session(turns=TALK[:20], id="windy", time="2025-01-04"),
    Session(turns=[*TALK[20:30], ("Bela", GOLD), *TALK[30:]], id="news", time="2025-02-04"),
)
QUESTION = Question("q", "What does Bela do at the ropewalk?", ("a weaver",), "one", (GOLD,))
SAMPLE = Sample("two", SESSIONS, (QUESTION,))


def asked(folder: Path, setup: Setup, models: EvalModels | None = None) -> SystemAnswer:
    system = open_system(setup, SystemContext(folder, models or EvalModels()))
    try:
        system.prepare(SAMPLE)
        return system.answer(QUESTION)
    finally:
        system.close()


@pytest.mark.parametrize("name", [name for name in OWN if name != "memory-only"])
def test_a_system_finds_the_turn_and_tells_which_session_it_is_from(name: str, tmp_path: Path) -> None:
    answer = asked(tmp_path, restrict_setup(Setup(name, context_tokens=300)))
    assert GOLD in answer.context
    assert "news" in answer.sources
    assert ("news", True) in [(mark.source, GOLD in mark.text) for mark in answer.marks]
    assert answer.text is None
    assert name == "whole-history" or context_tokens(answer.context) <= 300


@pytest.mark.parametrize("name", OWN)
def test_every_mark_of_a_context_stands_in_it_and_stands_for_something(name: str, tmp_path: Path) -> None:
    answer = asked(tmp_path, restrict_setup(Setup(name, context_tokens=300)))
    assert answer.marks
    assert all(f"[{number}]" in answer.context for number in range(1, len(answer.marks) + 1))
    assert {mark.source for mark in answer.marks} <= {"windy", "news"}


def test_recall_shows_a_reader_the_day_of_each_passage_and_what_its_dates_mean(tmp_path: Path) -> None:
    sample = Sample("one", (Session(text="Ana: I sold the van yesterday.", id="a", time="2024-05-08"),), ())
    system = open_system(Setup("recall"), SystemContext(tmp_path, EvalModels()))
    system.prepare(sample)
    answer = system.answer(Question("q", "When did Ana sell the van?", (), "one"))
    system.close()
    assert answer.context == "(8 May 2024) Ana: I sold the van yesterday. (yesterday [7 May 2024]) [1]"


def test_memory_only_shows_what_was_written_and_not_what_was_said(tmp_path: Path) -> None:
    answer = asked(tmp_path, Setup("memory-only", memos=False, curate=False))
    assert GOLD not in answer.context


def test_setups_that_differ_in_asking_alone_share_one_memory(tmp_path: Path) -> None:
    setups = [Setup(depth=1), Setup(depth=3, tools=("keyword",)), Setup("recall", pages=3), Setup("memory-only")]
    assert {setup.memory_key for setup in setups} == {"jitmem"}
    assert Setup(curate=False).memory_key != Setup().memory_key != Setup("rag-bm25").memory_key
    systems = open_sharing(setups, SystemContext(tmp_path, EvalModels()))
    for system in systems:
        system.prepare(SAMPLE)
    assert [GOLD in system.answer(QUESTION).context for system in systems[:3]] == [True, True, True]
    systems[0].close()
    with Memory.open(tmp_path / "memory") as memory:
        assert memory.stats()["sessions"] == 2


def test_without_memos_the_pages_are_there_and_their_cards_are_empty(tmp_path: Path) -> None:
    model = ScriptedModel(lines={"curate": [{"calls": []}] * 2})
    system = open_system(Setup(memos=False), SystemContext(tmp_path, EvalModels(model=model)))
    usage, _ = system.prepare(SAMPLE)
    system.close()
    assert {step["step"] for step in usage.steps} <= {"curate"}
    with Memory.open(tmp_path / "memory") as memory:
        assert [page.memo for page in memory.pages()] == ["-", "-"]


def test_without_curate_no_items_are_drawn(tmp_path: Path) -> None:
    def items(curate: bool) -> int:
        folder = tmp_path / str(curate)
        told = Sample("one", (Session(text="Ana: I live in Viana. My birthday is on 3 May.", id="a"),), ())
        system = open_system(Setup(curate=curate), SystemContext(folder, EvalModels()))
        system.prepare(told)
        system.close()
        with Memory.open(folder / "memory") as memory:
            return len(memory.items.list())

    assert items(True) > 0
    assert items(False) == 0


def test_a_stopped_filing_goes_on_and_files_nothing_twice(tmp_path: Path) -> None:
    with Memory.open(tmp_path / "memory") as memory:
        memory.memorize(SESSIONS[0])
    assert GOLD in asked(tmp_path, Setup()).context
    with Memory.open(tmp_path / "memory") as memory:
        assert memory.stats()["sessions"] == 2


def test_a_history_cut_to_a_budget_keeps_the_newest(tmp_path: Path) -> None:
    whole = asked(tmp_path / "a", Setup("whole-history"))
    cut = asked(tmp_path / "b", Setup("whole-history", history_tokens=500))
    assert [mark.source for mark in whole.marks] == ["windy", "news"]
    assert [mark.source for mark in cut.marks] == ["news"]


@given(
    st.lists(
        st.text(st.characters(exclude_characters="\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"), max_size=300), max_size=12
    ),
    st.integers(20, 120),
)
def test_chunks_lose_no_word_and_keep_their_size(texts: list[str], size: int) -> None:
    session = Session(text="\n".join(texts), id="one")
    made = session_chunks([session], size)
    assert "".join("".join(chunk.text.split()) for chunk in made) == "".join("".join(session_lines(session)).split())
    assert all(len(chunk.text) <= 4 * size for chunk in made)


def test_vectors_forgive_a_typo_that_words_do_not(tmp_path: Path) -> None:
    question = Question("q", "ropewlk", (), "one")
    found = {}
    for name in ("rag-bm25", "rag-vector", "rag-hybrid"):
        system = open_system(Setup(name, chunk_tokens=40, pages=1), SystemContext(tmp_path, EvalModels()))
        system.prepare(SAMPLE)
        found[name] = GOLD in system.answer(question).context
    assert found == {"rag-bm25": False, "rag-vector": True, "rag-hybrid": True}


def test_a_system_that_is_none_is_named_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"'recal'.*recall"):
        open_system(Setup("recal"), SystemContext(tmp_path, EvalModels()))


@pytest.mark.parametrize(("name", "package"), [("langmem", "langmem"), ("mem0", "mem0ai")])
def test_a_package_that_is_missing_is_named(name: str, package: str, tmp_path: Path) -> None:
    if find_spec(name):
        pytest.skip(f"{name} is installed")
    with pytest.raises(MissingPackage, match=f"pip install {package}"):
        open_system(Setup(name), SystemContext(tmp_path, EvalModels(model=ScriptedModel(lines=[]))))


def test_langmem_answers_with_what_its_own_manager_wrote(tmp_path: Path) -> None:
    if not find_spec("langmem"):
        pytest.skip("LangMem is not installed")
    answer = asked(tmp_path, Setup("langmem"), EvalModels(model=ScriptedModel(lines=_remembers)))
    assert "Bela is a weaver at the ropewalk." in answer.context


def test_mem0_answers_with_what_it_extracted_and_names_the_session(tmp_path: Path) -> None:
    if not find_spec("mem0"):  # not imported: the adapter switches its telemetry off first
        pytest.skip("Mem0 is not installed")
    answer = asked(tmp_path, Setup("mem0"), EvalModels(model=ScriptedModel(lines=_extracts)))
    assert "Bela is a weaver at the ropewalk." in answer.context
    assert answer.sources[0] == "news"


def _remembers(messages: list[Any]) -> Any:
    """As LangMem's manager is answered: a call of its tool `Memory` for each memory."""
    from langchain_core.messages import AIMessage

    if GOLD not in str(messages):
        return AIMessage("Nothing to remember.")
    call = {"name": "Memory", "args": {"content": "Bela is a weaver at the ropewalk."}, "id": "1", "type": "tool_call"}
    return AIMessage("", tool_calls=[call])


def _extracts(messages: list[Any]) -> Any:
    """As Mem0 reads it: a JSON object with what is new; it shows the last messages of sessions before, too."""
    new = str(messages[-1].text).partition("## New Messages")[2]
    said = new or str(messages[-1].text)
    return {"memory": [{"id": "0", "text": "Bela is a weaver at the ropewalk."}] if GOLD in said else []}
