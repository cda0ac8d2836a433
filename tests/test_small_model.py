"""A small model is shown less and asked for less, and what it gets wrong is mended or left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jitmem import MemorizeOptions, Memory, ModelOptions, Session
from jitmem.step_models import profile_of
from jitmem.testing import ScriptedModel

TURNS = [("Ana", "I sold my Fiesta to the dealer in Braga for 2,400 euros."), ("Ben", "I bake rye bread on Mondays.")]
SESSION = Session(turns=TURNS, id="news", time="2024-06-01 10:00")
MEMO = {"memo": "Ana sold her Fiesta in Braga. Ben bakes bread."}


def insert(content: str, kind: str = "semantic", **arguments: str) -> dict[str, Any]:
    return {"name": "memory_insert", "args": {"kind": kind, "content": content, **arguments}}


def prompts_of(model: ScriptedModel, step: str) -> list[str]:
    return ["\n".join(str(message.content) for message in messages) for name, messages in model.seen if name == step]


@pytest.mark.parametrize(
    ("name", "profile"),
    [
        ("qwen2.5:1.5b", "small"),
        ("llama-3.2-3b-instruct", "small"),
        ("gpt-4.1-mini", "large"),
        ("qwen3-30b-a3b", "large"),
        ("gemma2:27b", "large"),
        ("v2b-tools", "large"),
    ],
)
def test_the_size_in_a_models_name_decides_on_the_profile(name: str, profile: str) -> None:
    assert profile_of(name) == profile


def test_a_small_model_sees_neither_other_memos_nor_items_when_a_page_is_filed(folder: Path) -> None:
    lines = {"memorize": [MEMO, MEMO], "curate": [{"calls": []}, {"calls": []}]}
    seen = {}
    for size in ("small", "large"):
        model = ScriptedModel(lines=lines)
        options = ModelOptions(memorizer_model=model, profile=size)
        with Memory.open(folder / size, model_options=options) as memory:
            memory.memorize(SESSION)
            memory.items.insert("Ben has a cat.")
            memory.memorize(Session(turns=[*TURNS, ("Ben", "Do you?")], id="later", time="2024-06-02"))
        seen[size] = (prompts_of(model, "memorize")[1], prompts_of(model, "curate")[1])
    assert "Ana sold her Fiesta in Braga." in seen["large"][0]
    assert "Ben has a cat." in seen["large"][1]
    assert "Ana sold her Fiesta in Braga." not in seen["small"][0]
    assert "Ben has a cat." not in seen["small"][1]


def test_the_prompts_of_one_page_begin_with_the_same_words_up_to_its_end(folder: Path) -> None:
    model = ScriptedModel(lines={"memorize": [MEMO], "curate": [{"calls": []}]})
    with Memory.open(folder, model_options=ModelOptions(memorizer_model=model)) as memory:
        memory.memorize(SESSION)
    memo, items = prompts_of(model, "memorize")[0], prompts_of(model, "curate")[0]
    end = memo.index("Mondays.")
    assert memo[:end] == items[:end]


def test_a_sentence_of_the_page_is_remembered_under_the_name_of_who_said_it(folder: Path) -> None:
    calls = {
        "calls": [insert("Ana: I bake rye bread on Mondays."), insert("Ben bakes rye bread.", "episodic", time="x")]
    }
    model = ScriptedModel(lines={"memorize": [MEMO], "curate": [calls]})
    with Memory.open(folder, model_options=ModelOptions(memorizer_model=model)) as memory:
        memory.memorize(SESSION)
        items = {item.content: (item.kind, str(item.time)) for item in memory.items.list()}
    assert items == {
        "Ben: I bake rye bread on Mondays.": ("semantic", "None"),
        "Ben bakes rye bread.": ("episodic", "2024-06-01 10:00:00"),
    }


@pytest.mark.parametrize(
    "content",
    [
        "<one sentence>",
        "There is none yet.",
        "Lena works at the harbour.",
        "The page is about Ana.",
    ],
)
def test_what_the_page_does_not_say_is_not_remembered(folder: Path, content: str) -> None:
    model = ScriptedModel(lines={"memorize": [MEMO], "curate": [{"calls": [insert(content)]}] * 2})
    with Memory.open(folder, model_options=ModelOptions(memorizer_model=model, profile="small")) as memory:
        filed = memory.memorize(SESSION)
        assert [failure["step"] for failure in filed.failures] == ["curate"]
        assert content not in [item.content for item in memory.items.list()]


@pytest.mark.parametrize(
    "memo", ["Ines sold her bakery in Trier for 82,000 euros.", "<your two sentences>", "Ana sold it for 2,500 euros."]
)
def test_an_invented_memo_is_asked_for_again_and_then_written_by_rules(folder: Path, memo: str) -> None:
    model = ScriptedModel(lines={"memorize": [{"memo": memo}] * 2})
    options = MemorizeOptions(curate=False)
    with Memory.open(folder, model_options=ModelOptions(memorizer_model=model), memorize_options=options) as memory:
        filed = memory.memorize(SESSION)
        [page] = memory.pages()
    assert "2,400 euros" in page.memo
    assert [(one["step"], one["error"]) for one in filed.failures] == [("memorize", "ModelReplyError")]


def test_a_right_statement_with_the_words_of_another_passage_is_cited_where_it_stands(folder: Path) -> None:
    statement = {"text": "Ana got 2,400 euros for the Fiesta.", "sources": [{"page_id": "0", "quote": "on Mondays."}]}
    conclusion = {"statements": [statement], "enough": True, "missing": [], "request": "", "names": []}
    plan = {"needs": ["<a question>"], "queries": [{"tool": "keyword", "text": "<two to four rare words>"}]}
    model = ScriptedModel(lines={"plan": [plan], "conclude": [conclusion]})
    with Memory.open(folder) as memory:
        memory.memorize(SESSION)
    with Memory.open(folder, model=model, model_options=ModelOptions(profile="small")) as memory:
        result = memory.research("How much money did Ana get?", effort="fast", output="integration")
    assert [citation.quote for citation in result.citations] == [f"{TURNS[0][0]}: {TURNS[0][1]}"]
    assert (result.rounds[0]["needs"], result.rounds[0]["corrected_citations"], result.enough) == ([], 1, True)
    assert [query["text"] for query in result.rounds[0]["queries"]] == ["How much money did Ana get?"] * 2


def test_what_two_people_said_in_the_same_words_stays_with_each_of_them(folder: Path) -> None:
    session = Session(turns=[("Ana", "I sold my car."), ("Ben", "I sold my car.")], id="cars", time="2024-06-01")
    calls = {"calls": [insert("Ben: I sold my car."), insert("Ana: I sold my car.")]}
    model = ScriptedModel(lines={"memorize": [{"memo": "Ana and Ben sold cars."}], "curate": [calls]})
    with Memory.open(folder, model_options=ModelOptions(memorizer_model=model)) as memory:
        memory.memorize(session)
        assert {item.content for item in memory.items.list()} == {"Ben: I sold my car.", "Ana: I sold my car."}


def test_a_small_reader_is_shown_the_whole_of_a_usual_context(folder: Path) -> None:
    conclusion = {"statements": [], "enough": True, "missing": [], "request": "", "names": []}
    lines = {"plan": [{"needs": [], "queries": []}], "conclude": [conclusion], "answer": [{"answer": "Braga"}]}
    model = ScriptedModel(lines=lines)
    with Memory.open(folder) as memory:
        memory.memorize(SESSION)
    with Memory.open(folder, model=model, model_options=ModelOptions(profile="small")) as memory:
        result = memory.research("Where is the dealer?", effort="fast", depth=1, answer=True)
    assert result.context in prompts_of(model, "answer")[0]


DATED = Session(
    id="spring",
    time="2024-05-08 10:00",
    turns=[
        ("Ana", "I went to the support group yesterday and it was good."),
        ("Ben", "I read the book about bees last year, on a train."),
    ],
)


def concluded(folder: Path, question: str, *statements: tuple[str, str], needs: tuple[str, ...] = ()) -> Any:
    """A question of one round, to a small model that plans these needs and says each statement with a quote of the page."""
    queries = [{"tool": "keyword", "text": question}]
    with Memory.open(folder) as memory:
        [page] = memory.memorize(DATED).page_ids
    said = [{"text": text, "sources": [{"page_id": page, "quote": quote}]} for text, quote in statements]
    conclusion = {"statements": said, "enough": False, "missing": [], "request": ""}
    model = ScriptedModel(lines={"plan": [{"needs": list(needs), "queries": queries}], "conclude": [conclusion]})
    options = ModelOptions(researcher_model=model, profile="small")
    with Memory.open(folder, model_options=options) as memory:
        return memory.research(question, effort="fast", depth=1)


def test_a_statement_has_the_day_that_its_words_mean(folder: Path) -> None:
    found = concluded(
        folder,
        "When did Ana go to the support group?",
        ("Ana went to the support group yesterday.", "I went to the support group yesterday"),
    )
    assert "- Ana went to the support group yesterday. (yesterday [7 May 2024]) [1]" in found.context


def test_a_statement_with_a_date_of_its_own_gets_no_other(folder: Path) -> None:
    found = concluded(
        folder,
        "When did Ana go to the support group?",
        ("Ana went to the support group yesterday, on May 7, 2024.", "I went to the support group yesterday"),
    )
    assert "- Ana went to the support group yesterday, on May 7, 2024. [1]" in found.context


def test_a_statement_that_takes_the_sessions_day_for_the_events_is_left_out_and_nothing_is_called_absent(
    folder: Path,
) -> None:
    found = concluded(
        folder,
        "When did Ben read the book about bees?",
        ("Ben read the book about bees on 8 May 2024.", "I read the book about bees last year"),
    )
    assert found.rounds[0]["statements"] == []
    assert found.rounds[0]["unsupported_statements"] == 1
    assert "Not in memory" not in found.context
    assert "(last year [year 2023])" in found.context


def test_the_same_statement_is_shown_once_with_all_its_citations(folder: Path) -> None:
    twice = ("Ana went to the support group yesterday.", "I went to the support group yesterday")
    found = concluded(folder, "When did Ana go to the support group?", twice, twice)
    assert found.context.count("- Ana went to the support group yesterday.") == 1


def test_a_small_models_needs_are_those_of_the_question(folder: Path) -> None:
    needs = (
        "When did Ana go to the support group?",
        "When did Ana have a pottery project?",
        "What did Ana do at the museum?",
    )
    found = concluded(folder, "When did Ana go to the support group?", needs=needs)
    assert found.rounds[0]["needs"] == [needs[0]]


@pytest.mark.parametrize(
    ("statements", "unmet"),
    [
        ((), (0, 1)),
        ((("Ana went to the support group yesterday.", "I went to the support group yesterday"),), (1,)),
    ],
)
def test_each_need_has_its_statement_or_is_unmet(
    folder: Path, statements: tuple[tuple[str, str], ...], unmet: tuple[int, ...]
) -> None:
    needs = ("When did Ana go to the support group?", "Which book about bees did Ben read?")
    question = "When did Ana go to the support group, and which book about bees did Ben read?"
    found = concluded(folder, question, *statements, needs=needs)
    assert found.unmet == tuple(needs[at] for at in unmet)
    assert ", ".join(needs[at].rstrip("?") for at in unmet) + "." in found.context


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        ("I went to the support group yesterday and it was good.", "I went to the support group yesterday"),
        ("I went to the support group yesterday", "I went to the support group yesterday"),
        ("Ana: I went to the support group yesterday and it was good. (yesterday [7 May 2024])", "it was good"),
        ("Ana: the support group yesterday and it was good.", "the support group yesterday and it was good"),
    ],
)
def test_a_statement_that_copies_a_passage_is_that_passage_with_its_speaker_and_shown_once(
    folder: Path, text: str, quote: str
) -> None:
    found = concluded(folder, "When did Ana go to the support group?", (text, quote))
    line = "Ana: I went to the support group yesterday and it was good."
    assert f"- (8 May 2024) {line} (yesterday [7 May 2024]) [1]" in found.context
    assert found.context.count(line) == 1
