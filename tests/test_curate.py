"""Memories drawn from pages: by a model in one turn of tool calls, by rules without one, never twice, never lost."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from model_server import ModelServer

from jitmem import ItemOptions, MemorizeOptions, Memory, ModelOptions, ModelUnavailable, Session
from jitmem.stores.recall_markers import wrap_recalled
from jitmem.testing import ScriptedModel

MEMO = {"memo": "Ana moved."}
NEWS = Session(
    id="news", time="2024-06-01 09:00", turns=[("Ana", "I live in Porto."), ("Ben", "On 8 May 2024 the mill opened.")]
)


def calls(*edits: tuple[str, Any]) -> AIMessage:
    made = [{"name": name, "args": args, "id": f"c{n}", "type": "tool_call"} for n, (name, args) in enumerate(edits)]
    return AIMessage("", tool_calls=made)


def scripted(folder: Path, *replies: Any, **options: Any) -> Memory:
    lines = {"memorize": [MEMO] * len(replies), "curate": list(replies)}
    return Memory.open(folder, model_options=ModelOptions(memorizer_model=ScriptedModel(lines=lines)), **options)


def said(memory: Memory, kind: Any = None) -> list[str]:
    return [item.content for item in memory.items.list(kind=kind)]


# -- with a model --------------------------------------------------------------------------------------------


def test_a_model_edits_memories_by_parallel_calls_in_one_turn(folder: Path) -> None:
    turn = calls(
        ("memory_insert", {"kind": "core", "content": "Ana lives in Porto."}),
        ("memory_insert", {"kind": "semantic", "content": "Ana likes bread."}),
        ("memory_insert", {"kind": "episodic", "content": "The mill opened.", "time": "8 May 2024"}),
    )
    with scripted(folder, turn) as memory:
        filed = memory.memorize(NEWS)
        assert [edit["status"] for edit in filed.edits] == ["applied"] * 3
        assert [(item.kind, item.content) for item in memory.items.list()] == [
            ("core", "Ana lives in Porto."),
            ("semantic", "Ana likes bread."),
            ("episodic", "The mill opened."),
        ]
        assert {(item.cause, item.page_ids) for item in memory.items.list()} == {("memorizer", filed.page_ids)}
        assert str(memory.items.list(kind="episodic")[0].time) == "2024-05-08 00:00:00"


def test_nothing_worth_keeping_is_a_valid_answer(folder: Path) -> None:
    with scripted(folder, AIMessage("Nothing worth keeping."), AIMessage("")) as memory:
        assert memory.memorize(NEWS).edits == ()
        assert memory.memorize("Ben: Hm.").failures == ()
        assert memory.items.list() == []
        assert memory.resume() == []


def test_valid_calls_beside_invalid_ones_are_applied_and_the_others_answered(folder: Path) -> None:
    with Memory.open(folder, namespace="other") as other:
        foreign = other.items.insert("A secret of somebody else.").item
    assert foreign is not None
    turn = calls(
        ("memory_insert", {"kind": "semantic", "content": "Ana lives in Porto."}),
        ("memory_insert", {"kind": "episodic", "content": "The mill opened."}),
        ("memory_insert", {"kind": "secret", "content": "x"}),
        ("memory_update", {"kind": "semantic", "id": "000000000000", "content": "x"}),
        ("memory_update", {"kind": "semantic", "id": foreign.id, "content": "Taken over."}),
        ("memory_delete", {"kind": "semantic", "id": foreign.id}),
        ("memory_destroy", {"kind": "semantic"}),
        ("memory_insert", {"kind": "semantic", "content": ["a", "list"]}),
        ("memory_insert", {"kind": "semantic", "content": "x", "namespace": "other"}),
        ("memory_insert", {"kind": "semantic", "content": "ana lives in the porto"}),
    )
    with scripted(folder, turn) as memory:
        edits = memory.memorize(NEWS).edits
        assert [edit["status"] for edit in edits] == [
            "applied",
            "applied",
            "rejected",
            "unknown_id",
            "unknown_id",
            "unknown_id",
            "rejected",
            "rejected",
            "rejected",
            "duplicate",
        ]
        assert all(edit["reason"] for edit in edits[2:])
        assert said(memory) == ["Ana lives in Porto.", "The mill opened."]
    with Memory.open(folder, namespace="other") as other:
        assert said(other) == ["A secret of somebody else."]


def test_an_event_without_a_date_has_that_of_its_page_and_is_rejected_where_the_page_has_none(folder: Path) -> None:
    turn = calls(("memory_insert", {"kind": "episodic", "content": "The mill opened.", "time": "once"}))
    with scripted(folder, turn, turn) as memory:
        assert [edit["status"] for edit in memory.memorize("Ana: The mill opened.").edits] == ["rejected"]
        assert [edit["status"] for edit in memory.memorize(NEWS).edits] == ["applied"]
        assert [str(item.time) for item in memory.items.list()] == ["2024-06-01 09:00:00"]


def test_calls_that_say_what_the_page_does_not_are_rejected_beside_others(folder: Path) -> None:
    turn = calls(
        ("memory_insert", {"kind": "semantic", "content": "Ana lives in Porto."}),
        ("memory_insert", {"kind": "semantic", "content": "Ana works for Otto since 1987."}),
        ("memory_insert", {"kind": "semantic", "content": "Ben knows the mill."}),
        ("memory_insert", {"kind": "semantic", "content": "The core paragraph introduces Ana."}),
    )
    with scripted(folder, turn) as memory:
        edits = memory.memorize(NEWS).edits
        assert said(memory) == ["Ana lives in Porto.", "Ben knows the mill."]
    assert {edit["args"]["content"]: edit["reason"] for edit in edits if edit["status"] == "rejected"} == {
        "Ana works for Otto since 1987.": "The page does not name Otto. Write only what the page says.",
        "The core paragraph introduces Ana.": "The content of a call speaks of the page. Write who did what, by name, "
        "or make no call.",
    }


def test_calls_of_which_most_are_invented_are_asked_for_again_and_then_made_by_the_rules(folder: Path) -> None:
    turn = calls(("memory_insert", {"kind": "semantic", "content": "Ana lives in Trier."}))
    lines = {"memorize": [MEMO], "curate": [turn, turn]}
    with Memory.open(folder, model_options=ModelOptions(memorizer_model=ScriptedModel(lines=lines))) as memory:
        filed = memory.memorize(NEWS)
        assert [(failure["step"], failure["error"]) for failure in filed.failures] == [("curate", "ModelReplyError")]
        assert said(memory, "semantic") == ["Ana: I live in Porto."]
        assert memory.resume() == []


def test_fifty_calls_in_a_turn_are_done_in_their_order(folder: Path) -> None:
    turn = calls(*(("memory_insert", {"kind": "semantic", "content": f"Fact number {n}."}) for n in range(50)))
    with scripted(folder, turn) as memory:
        memory.memorize(NEWS)
        assert said(memory) == [f"Fact number {n}." for n in range(50)]


def test_the_model_is_shown_core_related_and_newest_items(folder: Path) -> None:
    with Memory.open(folder) as memory:
        memory.items.update("core", "Ana is a baker.")
        memory.items.insert("Ana lives in Viana.")
        for n in range(8):
            memory.items.insert(f"The oven has number {n}.")
    model = ScriptedModel(lines={"memorize": [MEMO], "curate": [AIMessage("")]})
    with Memory.open(folder, model_options=ModelOptions(memorizer_model=model)) as memory:
        memory.memorize(Session(id="move", text="Ana: I moved from Viana to Lisbon."))
    prompt = str(model.seen[-1][1][-1].text)
    assert "Ana is a baker." in prompt
    assert "The oven has number 7." in prompt
    assert "Ana lives in Viana." in prompt


def test_a_contradiction_supersedes_and_the_old_fact_stays_in_history(folder: Path) -> None:
    with Memory.open(folder) as memory:
        old = memory.items.insert("Ana lives in Porto.", time="2023-01-01").item
    assert old is not None
    turn = calls(
        ("memory_update", {"kind": "semantic", "id": old.id, "content": "Ana lives in Lisbon.", "time": "2024-06-01"})
    )
    with scripted(folder, turn) as memory:
        memory.memorize(Session(id="move", time="2024-06-01", text="Ana: I moved to Lisbon."))
        assert said(memory) == ["Ana lives in Lisbon."]
        assert [(item.content, str(item.time)[:10]) for item in memory.items.history(old.id)] == [
            ("Ana lives in Porto.", "2023-01-01"),
            ("Ana lives in Lisbon.", "2024-06-01"),
        ]


def test_a_model_that_writes_its_calls_as_json_is_understood(folder: Path) -> None:
    text = '```json\n{"calls": [{"name": "memory_insert", "args": {"kind": "semantic", "content": "Ana bakes."}}]}\n```'
    with scripted(folder, text) as memory:
        memory.memorize(NEWS)
        assert said(memory) == ["Ana bakes."]


def test_curating_is_off_by_an_argument(folder: Path) -> None:
    model = ScriptedModel(lines={"memorize": [MEMO]})
    with Memory.open(
        folder, model_options=ModelOptions(memorizer_model=model), memorize_options=MemorizeOptions(curate=False)
    ) as memory:
        memory.memorize(NEWS)
        assert (memory.items.list(), memory.resume()) == ([], [])


def test_kinds_that_are_off_are_not_offered_and_not_written(folder: Path) -> None:
    turn = calls(
        ("memory_insert", {"kind": "core", "content": "Ana."}),
        ("memory_insert", {"kind": "semantic", "content": "Ana bakes."}),
    )
    with scripted(folder, turn, item_options=ItemOptions(kinds=["semantic", "episodic"])) as memory:
        assert [edit["status"] for edit in memory.memorize(NEWS).edits] == ["rejected", "applied"]


# -- when it fails -------------------------------------------------------------------------------------------


def test_a_real_server_curates(server: ModelServer, folder: Path) -> None:
    with Memory.open(folder, model="openai:test", base_url=server.base_url) as memory:
        filed = memory.memorize(NEWS)
        assert [request["step"] for request in server.requests()] == ["memorize", "curate"]
        assert [edit["status"] for edit in filed.edits] == ["applied"]
        assert filed.usage.calls == 2


def test_a_failure_costs_no_session_and_resume_tries_again(server: ModelServer, folder: Path) -> None:
    server.fail("unauthorized", times=None, step="curate")
    with Memory.open(folder, model="openai:test", base_url=server.base_url) as memory:
        filed = memory.memorize(NEWS)
        assert [failure["step"] for failure in filed.failures] == ["curate"]
        assert memory.recall("Porto")
        assert memory.items.list() == []
        server.forgive()
        [again] = memory.resume()
        assert [edit["status"] for edit in again.edits] == ["applied"]
        assert (len(memory.items.list()), memory.resume()) == (1, [])


def test_rules_curate_in_place_of_a_model_that_is_down(server: ModelServer, folder: Path) -> None:
    server.fail("unauthorized", times=None)
    with Memory.open(
        folder, model="openai:test", base_url=server.base_url, model_options=ModelOptions(on_model_failure="rules")
    ) as memory:
        memory.memorize(NEWS)
        assert "Ana: I live in Porto." in said(memory)


def test_a_memo_that_fails_leaves_no_memories_either(server: ModelServer, folder: Path) -> None:
    server.fail("unauthorized", times=None, step="memorize")
    with Memory.open(folder, model="openai:test", base_url=server.base_url) as memory:
        with pytest.raises(ModelUnavailable):
            memory.memorize(NEWS)
        assert memory.items.list() == []
        server.forgive()
        memory.resume()
        assert len(memory.items.list()) == 1


def test_the_edits_of_a_page_and_the_note_that_it_is_done_are_one_transaction(folder: Path) -> None:
    turn = calls(*(("memory_insert", {"kind": "semantic", "content": f"Fact {n}."}) for n in range(3)))
    with scripted(folder, turn) as memory:
        memory.memorize(NEWS)
    with sqlite3.connect(folder / "truth.sqlite3") as db:
        assert db.execute("SELECT count(*) FROM uncurated").fetchone() == (0,)
        assert db.execute("SELECT count(*) FROM item").fetchone() == (3,)


# -- without a model -----------------------------------------------------------------------------------------


def test_rules_keep_what_lasts_and_what_has_a_date(memory: Memory) -> None:
    memory.memorize(NEWS)
    assert [(item.kind, item.content, str(item.time)[:10]) for item in memory.items.list()] == [
        ("semantic", "Ana: I live in Porto.", "2024-06-01"),
        ("episodic", "Ben: On 8 May 2024 the mill opened.", "2024-05-08"),
        ("core", "Ana: I live in Porto.", "None"),
    ]


def test_rules_let_a_new_home_take_the_place_of_the_old_one(memory: Memory) -> None:
    memory.memorize(NEWS)
    memory.memorize(Session(id="move", time="2024-09-01", text="Ana: I moved from Porto to Lisbon.\nBen: Good."))
    assert said(memory, "semantic") == ["Ana: I moved from Porto to Lisbon."]
    assert said(memory, "core") == ["Ana: I moved from Porto to Lisbon."]
    [home] = memory.items.list(kind="semantic")
    assert memory.items.history(home.id)[0].content == "Ana: I live in Porto."


@pytest.mark.parametrize(
    "text",
    [
        "Ana: Do I live in Porto?",
        "Ana: I would live in Porto if I could.",
        "Ana: Maybe I live in Porto.",
        "Ana: Hm.\nBen: Yes, yes.",
        "I love it! It reminds me why I love being here.",
        "Since 1987 nothing has been ground here.",
    ],
)
def test_rules_keep_nothing_of_questions_hedges_and_small_talk(memory: Memory, text: str) -> None:
    memory.memorize(text)
    assert memory.items.list() == []


def test_the_same_session_twice_makes_no_memory_twice(memory: Memory) -> None:
    memory.memorize(NEWS)
    before = memory.items.list()
    memory.memorize(NEWS)
    memory.memorize(Session(id="again", time="2024-06-02", text="Ana: I live in Porto.\nBen: I know."))
    assert [item.content for item in memory.items.list()] == [item.content for item in before]


# -- what was recalled ---------------------------------------------------------------------------------------


def test_recalled_text_that_comes_back_is_kept_on_its_page_and_not_memorized_again(memory: Memory) -> None:
    text = f"Ben: What do you know?\nTool: {wrap_recalled('Ana: I live in Porto.')}\nBen: Thanks, that is all."
    memory.memorize(text)
    assert [page.text for page in memory.pages()] == [text]
    assert memory.items.list() == []
    assert not any("Porto" in hit.text for hit in memory.recall("Ana live Porto"))
    assert "Porto" not in memory.pages()[0].memo


def test_a_session_of_nothing_but_recalled_text_is_a_page_without_passages(memory: Memory) -> None:
    memory.memorize(wrap_recalled("Ana: I live in Porto."))
    assert memory.stats()["pages"] == 1
    assert memory.research("Where does Ana live?").stopped == "no_evidence"


# -- in research ---------------------------------------------------------------------------------------------


def test_an_item_that_somebody_wrote_answers_a_question_and_is_cited(memory: Memory) -> None:
    filed = memory.memorize("Ana: The trams were full today.")
    item = memory.items.insert("Ana lives in Lisbon.").item
    assert item is not None
    result = memory.research("Where does Ana live?", output="integration")
    assert (item.id, "Ana lives in Lisbon.") in [(cited.item_id, cited.quote) for cited in result.citations]
    assert memory.items.get(item.id).content == item.content
    assert set(result.page_ids) <= set(filed.page_ids)
    assert "semantic memory" in memory.research("Ana trams", output="snippets").context


def test_the_core_is_found_too(memory: Memory) -> None:
    memory.items.update("core", "Ana has a dog called Rex.")
    assert "Rex" in memory.research("What is Ana's dog called?", output="integration").context


def test_an_item_that_repeats_a_passage_is_not_shown_twice(memory: Memory) -> None:
    memory.memorize(NEWS)
    assert memory.items.list()
    assert memory.research("Where does Ana live?").context.count("I live in Porto.") == 1


def test_an_item_leads_to_the_pages_that_it_comes_from(folder: Path) -> None:
    turn = calls(("memory_insert", {"kind": "semantic", "content": "Ana's home is by the river."}))
    with scripted(folder, turn) as memory:
        page_ids = memory.memorize(NEWS).page_ids
        result = memory.research("What is Ana's home by?")
        assert "by the river" in result.context
        assert result.page_ids == page_ids


def test_an_older_session_that_comes_later_changes_nothing_newer(memory: Memory) -> None:
    memory.memorize(NEWS)
    memory.memorize(Session(id="old", time="2020-01-01", text="Ana: I live in Viana.\nBen: Good."))
    assert said(memory, "semantic") == ["Ana: I live in Porto."]
    assert said(memory, "core") == ["Ana: I live in Porto."]


def test_a_memory_that_may_not_be_edited_asks_no_model_for_edits(folder: Path) -> None:
    model = ScriptedModel(lines={"memorize": [MEMO]})
    with Memory.open(
        folder, model_options=ModelOptions(memorizer_model=model), item_options=ItemOptions(mode="read_only")
    ) as memory:
        memory.memorize(NEWS)
        assert not any(tool.name.startswith("memory_i") for tool in memory.tools(mode="write"))


def test_a_turn_of_calls_that_was_cut_off_is_asked_for_again(folder: Path) -> None:
    cut = AIMessage("I will now", response_metadata={"finish_reason": "length"})
    turn = calls(("memory_insert", {"kind": "semantic", "content": "Ana bakes."}))
    lines = {"memorize": [MEMO], "curate": [cut, turn]}
    with Memory.open(folder, model_options=ModelOptions(memorizer_model=ScriptedModel(lines=lines))) as memory:
        memory.memorize(NEWS)
        assert said(memory) == ["Ana bakes."]


# -- what rules believe --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        "Summarise this mail: Hi. I am allergic to cats. I work at Contoso.",
        "Write a story that begins: I live in a castle. My name is Drako.",
        "I never said I live in Rome.",
        "print('I live in Madrid')",
        'She said "I live in Oslo." and left.',
        "Here is the letter.\nDear Bob,\nI live in Paris.",
        "```\nI live in Bonn.\n```",
        "Drako: I live in a cave.",
        "Translate to French: My name is Zoe.",
    ],
)
def test_only_a_persons_own_plain_statements_reach_the_core(memory: Memory, said: str) -> None:
    memory.memorize(Session(turns=[("user", "My name is Ana. I am allergic to nuts."), ("assistant", "Noted.")]))
    before = {item.content for item in memory.items.list()}
    assert len(before) == 3
    assert "user: My name is Ana.\nuser: I am allergic to nuts." in before
    memory.memorize(Session(turns=[("user", said), ("assistant", "My name is Claude. I live in the cloud.")]))
    assert {item.content for item in memory.items.list()} == before


def test_the_newer_event_stays_whatever_was_filed_or_said_later(memory: Memory) -> None:
    for time, text in (
        ("2023-05-08", "I moved to Faro in 2019."),
        ("2024-05-08", "I live in Porto."),
        ("2024-06-08", "In March 2021 I moved to Beja."),
        ("2022-01-01", "I live in Lagos."),
    ):
        memory.memorize(Session(turns=[("Ana", text)], time=time))
    [core], [home] = memory.items.list(kind="core"), memory.items.list(kind="semantic")
    assert (core.content, home.content) == ("Ana: I live in Porto.", "Ana: I live in Porto.")
    assert [str(version.time) for version in memory.items.history(home.id)] == ["2019", "2024-05-08 00:00:00"]


def test_an_update_of_an_item_that_somebody_changed_meanwhile_is_rejected_with_the_item(folder: Path) -> None:
    with Memory.open(folder) as memory:
        item = memory.items.insert("Ana lives in Lisbon.").item
        memory.items.insert("Ana lives in Lisbon.", "core")
    assert item is not None
    turn = calls(
        ("memory_update", {"kind": "semantic", "id": item.id, "content": "Ana lives in Porto."}),
        ("memory_update", {"kind": "core", "content": "Ana lives in Porto."}),
        ("memory_insert", {"kind": "semantic", "content": "The mill opened."}),
    )
    guard_of: list[Memory] = []

    def edit_meanwhile(edit: Any) -> Any:
        if edit.cause == "memorizer" and guard_of:
            guard_of.pop().items.update(item.id, "Ana lives in Braga.")
        return "allow"

    with (
        Memory.open(folder) as person,
        scripted(folder, turn, item_options=ItemOptions(before_write=edit_meanwhile)) as memory,
    ):
        guard_of.append(person)
        filed = memory.memorize(NEWS)
        assert [edit["status"] for edit in filed.edits] == ["rejected", "applied", "applied"]
        assert "changed meanwhile: it is at version 2" in filed.edits[0]["reason"]
        assert filed.edits[0]["item_id"] == item.id
        assert memory.items.get(item.id).content == "Ana lives in Braga."


def test_a_model_may_change_one_item_twice_in_a_turn(folder: Path) -> None:
    with Memory.open(folder) as memory:
        item = memory.items.insert("Ana lives in Lisbon.").item
    assert item is not None
    turn = calls(
        ("memory_update", {"kind": "semantic", "id": item.id, "content": "Ana lives in Porto."}),
        ("memory_update", {"kind": "semantic", "id": item.id, "content": "Ana lives in Porto now, at the mill."}),
    )
    with scripted(folder, turn) as memory:
        assert [edit["status"] for edit in memory.memorize(NEWS).edits] == ["applied", "applied"]
