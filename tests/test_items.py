"""Memory items: one transaction an edit, every version kept, duplicates caught, undo, proposals, guards, processes."""

from __future__ import annotations

import gzip
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jitmem import BadInput, ItemOptions, Memory, UnknownRecord
from jitmem.stores.records import Edit, MemoryItem, Outcome
from jitmem.stores.truth.dedup_key import dedup_key


def contents(items: list[MemoryItem]) -> list[str]:
    return [item.content for item in items]


def made(outcome: Outcome) -> MemoryItem:
    assert outcome.status == "applied", outcome
    assert outcome.item is not None
    return outcome.item


# -- inserting -----------------------------------------------------------------------------------------------


def test_an_item_knows_what_it_is_when_it_was_made_and_by_whom(memory: Memory) -> None:
    before = datetime.now(UTC)
    item = made(memory.items.insert("Ana bakes bread.", time="2024-05-08"))
    assert (item.kind, item.content, item.cause, item.version) == ("semantic", "Ana bakes bread.", "person", 1)
    assert str(item.time) == "2024-05-08 00:00:00"
    assert before <= item.created_at == item.changed_at <= datetime.now(UTC)
    assert memory.items.get(item.id) == item


@pytest.mark.parametrize(
    "again",
    ["Ana bakes bread.", "  ana BAKES  bread ", "Ana bakes the bread!", "Ana really bakes bread now."],
)
def test_what_says_the_same_is_one_item(memory: Memory, again: str) -> None:
    first = made(memory.items.insert("Ana bakes bread."))
    outcome = memory.items.insert(again)
    assert (outcome.status, outcome.item, outcome.ok) == ("duplicate", first, True)
    assert memory.items.list() == [first]


@pytest.mark.parametrize(
    "other",
    [
        "Ana baked bread.",
        "Ana does not bake bread.",
        "Ben bakes bread.",
        "Bread bakes Ana.",
        "Ana bakes bread and cake.",
        "Ana bakes 2 breads.",
    ],
)
def test_what_differs_in_a_word_that_counts_is_another_item(memory: Memory, other: str) -> None:
    memory.items.insert("Ana bakes bread.")
    assert memory.items.insert(other).status == "applied"


def test_the_same_event_at_another_time_is_another_event(memory: Memory) -> None:
    first = memory.items.insert("Ana baked.", "episodic", "2024-05-08")
    assert memory.items.insert("Ana baked.", "episodic", "2024-05-08").status == "duplicate"
    assert memory.items.insert("Ana baked.", "episodic", "2024-05-09").status == "applied"
    assert first.status == "applied"


@pytest.mark.parametrize(
    ("content", "kind", "when", "reason"),
    [
        ("Ana baked.", "episodic", None, "needs the time of the event"),
        ("Ana baked.", "episodic", "some day", "some day"),
        ("  ", "semantic", None, "empty"),
        ("...", "semantic", None, "empty"),
        ("x" * 4097, "semantic", None, "1025 tokens, and a semantic memory holds 1024"),
        ("x" * 2049, "core", None, "513 tokens, and a core memory holds 512"),
        ("Ana bakes.", "secret", None, "no kind 'secret'"),
    ],
)
def test_what_cannot_be_kept_is_rejected_with_what_would_be_right(
    memory: Memory, content: str, kind: Any, when: Any, reason: str
) -> None:
    outcome = memory.items.insert(content, kind, when)
    assert (outcome.status, outcome.ok, memory.items.list()) == ("rejected", False, [])
    assert reason in outcome.reason


def test_the_core_is_one_paragraph_and_an_update_that_is_too_long_is_refused_and_never_cut(memory: Memory) -> None:
    memory.items.update("core", "Ana is a baker in Porto.")
    again = memory.items.insert("Ana is somebody else.", "core")
    assert (again.status, again.item and again.item.content) == ("rejected", "Ana is a baker in Porto.")
    too_long = memory.items.update("core", "word " * 600)
    assert "750 tokens" in too_long.reason
    assert too_long.item is not None
    assert too_long.item.content == "Ana is a baker in Porto."
    assert contents(memory.items.list(kind="core")) == ["Ana is a baker in Porto."]


def test_a_limit_of_the_core_may_be_chosen(folder: Path) -> None:
    with Memory.open(folder, item_options=ItemOptions(core_tokens=4)) as memory:
        assert memory.items.update("core", "Seventeen letters").status == "rejected"
        assert memory.items.update("core", "Sixteen letters.").status == "applied"


def test_unstorable_characters_are_replaced(memory: Memory) -> None:
    assert made(memory.items.insert("Ana\0 bakes \ud800.")).content == "Ana\ufffd bakes \ufffd."


# -- updating, deleting, history -----------------------------------------------------------------------------


def test_an_update_supersedes_and_the_earlier_version_stays(memory: Memory) -> None:
    first = made(memory.items.insert("Ana lives in Porto.", time="2020-01-01"))
    second = made(memory.items.update(first.id, "Ana lives in Lisbon.", "2024-06-01"))
    assert (second.id, second.version, second.created_at) == (first.id, 2, first.created_at)
    assert memory.items.list() == [second]
    assert memory.items.history(first.id) == [first, second]


def test_an_update_to_what_another_item_says_is_a_duplicate(memory: Memory) -> None:
    first, other = made(memory.items.insert("Ana bakes.")), made(memory.items.insert("Ben bakes."))
    outcome = memory.items.update(other.id, "Ana bakes!")
    assert (outcome.status, outcome.item) == ("duplicate", first)
    assert memory.items.get(other.id) == other


def test_an_update_of_a_version_that_is_gone_is_rejected_with_how_it_stands(memory: Memory) -> None:
    item = made(memory.items.insert("Ana lives in Porto."))
    memory.items.update(item.id, "Ana lives in Viana.")
    outcome = memory.items.update(item.id, "Ana lives in Lisbon.", expected_version=1)
    assert outcome.status == "rejected"
    assert outcome.item is not None
    assert outcome.item.content == "Ana lives in Viana."


def test_a_deleted_item_is_gone_and_its_history_stays(memory: Memory) -> None:
    item = made(memory.items.insert("Ana bakes."))
    memory.items.delete(item.id)
    assert memory.items.list() == []
    with pytest.raises(UnknownRecord):
        memory.items.get(item.id)
    assert [(version.content, version.deleted) for version in memory.items.history(item.id)] == [
        ("Ana bakes.", False),
        ("", True),
    ]
    assert memory.items.insert("Ana bakes.").status == "applied"


@pytest.mark.parametrize("item_id", ["000000000000", "", "core", "../../etc/passwd", "' OR 1=1 --"])
def test_an_unknown_id_is_told_apart_from_success(memory: Memory, item_id: str) -> None:
    assert memory.items.delete(item_id).status in ("unknown_id", "rejected")
    assert memory.items.delete(item_id).ok is False
    if item_id != "core":
        assert memory.items.update(item_id, "x").ok is False


def test_an_item_of_another_namespace_is_unknown(folder: Path) -> None:
    with Memory.open(folder, namespace="a") as mine, Memory.open(folder, namespace="b") as theirs:
        item = made(mine.items.insert("Ana bakes."))
        assert theirs.items.update(item.id, "Taken over.").status == "unknown_id"
        assert theirs.items.delete(item.id).status == "unknown_id"
        for look in (theirs.items.get, theirs.items.history):
            with pytest.raises(UnknownRecord):
                look(item.id)
        with pytest.raises(UnknownRecord):
            theirs.items.undo(item.change)
        assert theirs.items.list() == []
        assert theirs.items.insert("Ana bakes.").status == "applied"


# -- undo and as_of ------------------------------------------------------------------------------------------


def test_an_insert_an_update_and_a_deletion_can_be_undone(memory: Memory) -> None:
    item = made(memory.items.insert("Ana lives in Porto."))
    update = memory.items.update(item.id, "Ana lives in Lisbon.")
    assert update.change is not None
    assert made(memory.items.undo(update.change)).content == "Ana lives in Porto."
    deleted = memory.items.delete(item.id)
    assert deleted.change is not None
    undone = memory.items.undo(deleted.change)
    assert contents(memory.items.list()) == ["Ana lives in Porto."]
    assert undone.change is not None
    memory.items.undo(undone.change)  # an undo can be undone
    assert memory.items.list() == []


def test_only_the_last_change_of_an_item_can_be_undone(memory: Memory) -> None:
    item = made(memory.items.insert("Ana lives in Porto."))
    memory.items.update(item.id, "Ana lives in Lisbon.")
    outcome = memory.items.undo(item.change)
    assert outcome.status == "rejected"
    assert f"change {memory.items.get(item.id).change}" in outcome.reason


def test_an_undo_that_would_make_a_duplicate_is_one(memory: Memory) -> None:
    item = made(memory.items.insert("Ana bakes."))
    gone = memory.items.delete(item.id)
    other = made(memory.items.insert("Ana bakes."))
    assert gone.change is not None
    assert memory.items.undo(gone.change).status == "duplicate"
    assert memory.items.list() == [other]


def test_the_memory_can_be_seen_as_it_was(memory: Memory) -> None:
    item = made(memory.items.insert("Ana lives in Porto."))
    time.sleep(0.01)
    between = datetime.now(UTC)
    time.sleep(0.01)
    memory.items.update(item.id, "Ana lives in Lisbon.")
    memory.items.insert("Ben bakes.")
    assert contents(memory.items.as_of(between)) == ["Ana lives in Porto."]
    assert contents(memory.items.as_of(datetime.now(UTC))) == ["Ana lives in Lisbon.", "Ben bakes."]
    assert memory.items.as_of("2001-01-01") == []


# -- who may edit --------------------------------------------------------------------------------------------


def test_a_read_only_memory_rejects_every_edit(folder: Path) -> None:
    with Memory.open(folder) as memory:
        item = made(memory.items.insert("Ana bakes."))
    with Memory.open(folder, item_options=ItemOptions(mode="read_only")) as memory:
        edits = [
            memory.items.insert("x y"),
            memory.items.update(item.id, "x y"),
            memory.items.delete(item.id),
            memory.items.undo(item.change),
        ]
        assert {(edit.status, edit.reason) for edit in edits} == {("rejected", "This memory is read-only here.")}
        assert memory.items.list() == [item]


def test_proposals_wait_for_a_yes(folder: Path) -> None:
    with Memory.open(folder, item_options=ItemOptions(mode="propose")) as memory:
        outcome = memory.items.insert("Ana bakes.")
        memory.items.insert("Ben bakes.")
        assert (outcome.status, outcome.ok, memory.items.list()) == ("proposed", True, [])
        first, second = memory.admin.proposals()
        assert (first.number, first.edit.content, first.edit.cause) == (outcome.proposal, "Ana bakes.", "person")
        assert made(memory.admin.approve(first.number)).content == "Ana bakes."
        assert memory.admin.reject(second.number).decision == "rejected"
        assert (contents(memory.items.list()), memory.admin.proposals()) == (["Ana bakes."], [])
        assert [one.decision for one in memory.admin.proposals(waiting=False)] == ["approved", "rejected"]
        with pytest.raises(UnknownRecord):
            memory.admin.approve(99)


@pytest.mark.parametrize("what", ["insert", "update", "update of its time", "delete", "delete the core"])
def test_to_approve_again_gives_the_same_outcome_and_changes_nothing(folder: Path, what: str) -> None:
    with Memory.open(folder) as memory:
        item = made(memory.items.insert("Ana bakes.", "episodic", "8 May 2024"))
        memory.items.insert("Ana is a baker.", "core")
    with Memory.open(folder, item_options=ItemOptions(mode="propose")) as memory:
        proposed = {
            "insert": lambda: memory.items.insert("Ben bakes.", "episodic", "9 May 2024"),
            "update": lambda: memory.items.update(item.id, "Ana bakes bread.", expected_version=1),
            "update of its time": lambda: memory.items.update(item.id, time="10 May 2024"),
            "delete": lambda: memory.items.delete(item.id),
            "delete the core": lambda: memory.items.delete("core"),
        }[what]()
        assert proposed.proposal is not None
        first = memory.admin.approve(proposed.proposal)
        assert (first.status, first.proposal) == ("applied", proposed.proposal)
        items = memory.items.list()
        assert memory.admin.approve(proposed.proposal) == first
    with Memory.open(folder) as memory:
        memory.items.insert("Cleo bakes.")
        assert memory.admin.approve(proposed.proposal) == first
        assert memory.items.list()[:-1] == items
        with pytest.raises(BadInput, match="approved already"):
            memory.admin.reject(proposed.proposal)


def test_to_approve_again_what_said_nothing_new_says_so_again_while_it_stands(folder: Path) -> None:
    with Memory.open(folder, item_options=ItemOptions(mode="propose")) as memory:
        number = memory.items.insert("Ana bakes.").proposal
    with Memory.open(folder) as memory:
        assert number is not None
        item = made(memory.items.insert("Ana bakes."))
        first = memory.admin.approve(number)
        assert (first.status, first.item) == ("duplicate", item)
        assert memory.admin.approve(number) == first
        memory.items.delete(item.id)
        with pytest.raises(BadInput, match="approved already"):
            memory.admin.approve(number)
        assert memory.items.list() == []


def test_to_reject_again_gives_the_same_proposal_and_no_decision_is_turned_round(folder: Path) -> None:
    with Memory.open(folder, item_options=ItemOptions(mode="propose")) as memory:
        number = memory.items.insert("Ana bakes.").proposal
        assert number is not None
        first = memory.admin.reject(number)
        assert memory.admin.reject(number) == first
        with pytest.raises(BadInput, match="rejected already"):
            memory.admin.approve(number)
        assert (memory.items.list(), memory.admin.proposals(waiting=False)) == ([], [first])


def test_the_same_proposal_twice_waits_once(folder: Path) -> None:
    with Memory.open(folder, item_options=ItemOptions(mode="propose")) as memory:
        first, again = memory.items.insert("Ana bakes."), memory.items.insert("Ana bakes.")
        assert (again.status, again.proposal) == ("proposed", first.proposal)
        assert memory.items.insert("Ana bakes bread.").proposal != first.proposal
        assert first.proposal is not None
        memory.admin.reject(first.proposal)
        assert memory.items.insert("Ana bakes.").proposal not in (None, first.proposal)


def test_an_edit_that_is_proposed_again_after_the_yes_does_not_wait_once_more(folder: Path) -> None:
    with Memory.open(folder, item_options=ItemOptions(mode="propose")) as memory:

        def approved(propose: Callable[[], Outcome]) -> MemoryItem:
            number = propose().proposal
            assert number is not None
            return made(memory.admin.approve(number))

        def again(propose: Callable[[], Outcome]) -> tuple[str, int | None]:
            outcome = propose()
            return outcome.status, outcome.proposal

        insert = partial(memory.items.insert, "Ana bakes.")
        item = approved(insert)
        assert again(insert) == ("duplicate", None)
        update = partial(memory.items.update, item.id, "Ana sleeps.")
        approved(update)
        assert again(update) == ("duplicate", None)
        checked = partial(memory.items.update, item.id, "Ana sings.", expected_version=2)
        approved(checked)
        assert again(checked) == ("rejected", None)
        delete = partial(memory.items.delete, item.id)
        approved(delete)
        assert again(delete) == ("unknown_id", None)
        core = partial(memory.items.insert, "Ana is a baker.", "core")
        approved(core)
        assert again(core) == ("rejected", None)
        assert memory.admin.proposals() == []


def test_the_core_may_be_proposed_and_an_update_of_it_before_the_yes(folder: Path) -> None:
    with Memory.open(folder, item_options=ItemOptions(mode="propose")) as memory:
        memory.items.insert("Ana is a baker.", "core")
        update = ("memory_update", {"kind": "core", "content": "Ana is a baker in Porto."})
        assert memory._runtime.editor.call(*update).status == "proposed"
        for one in memory.admin.proposals():
            assert memory.admin.approve(one.number).status == "applied"
        assert contents(memory.items.list()) == ["Ana is a baker in Porto."]


def test_a_proposal_that_cannot_be_applied_any_more_is_rejected(folder: Path) -> None:
    with Memory.open(folder) as memory:
        item = made(memory.items.insert("Ana bakes."))
    with Memory.open(folder, item_options=ItemOptions(mode="propose")) as memory:
        number = memory.items.update(item.id, "Ana sleeps.").proposal
    with Memory.open(folder) as memory:
        memory.items.delete(item.id)
        assert number is not None
        first = memory.admin.approve(number)
        assert first.status == "unknown_id"
        assert memory.admin.approve(number) == first
        assert [one.decision for one in memory.admin.proposals(waiting=False)] == ["rejected"]


def test_a_guard_sees_every_edit_before_it_is_written(folder: Path) -> None:
    seen: list[Edit] = []

    def guard(edit: Edit) -> Any:
        seen.append(edit)
        word = (edit.content or "").split()[0]
        return {"Reject": ("reject", "Not this."), "Doubt": "quarantine"}.get(word, "allow")

    with Memory.open(folder, item_options=ItemOptions(before_write=guard)) as memory:
        assert memory.items.insert("Allow this.").status == "applied"
        refused = memory.items.insert("Reject this.")
        assert (refused.status, refused.reason) == ("rejected", "Not this.")
        assert memory.items.insert("Doubt this.").status == "proposed"
        assert contents(memory.items.list()) == ["Allow this."]
        assert [one.edit.content for one in memory.admin.proposals()] == ["Doubt this."]
    assert [(edit.op, edit.content) for edit in seen] == [
        ("insert", "Allow this."),
        ("insert", "Reject this."),
        ("insert", "Doubt this."),
    ]


def test_a_guard_that_fails_writes_nothing(folder: Path) -> None:
    def guard(edit: Edit) -> Any:
        raise RuntimeError("The guard is asleep.")

    with Memory.open(folder, item_options=ItemOptions(before_write=guard)) as memory:
        with pytest.raises(RuntimeError):
            memory.items.insert("Ana bakes.")
        assert memory.items.list() == []


@pytest.mark.parametrize("wrong", [{"kinds": ["secret"]}, {"mode": "secret"}])
def test_a_kind_or_mode_that_does_not_exist_is_refused_and_no_memory_is_made(folder: Path, wrong: Any) -> None:
    with pytest.raises(BadInput, match="'secret'"):
        Memory.open(folder, item_options=ItemOptions(**wrong))
    assert not folder.exists()


# -- at once -------------------------------------------------------------------------------------------------

_WRITER = """
import sys
from jitmem import Memory
folder, me, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
with Memory.open(folder) as memory:
    shared = next(item for item in memory.items.list() if item.content.startswith("Counter"))
    for n in range(count):
        memory.items.insert(f"Everybody says fact number {n}.")
        memory.items.insert(f"Writer {me} says fact number {n}.")
        while True:
            now = memory.items.get(shared.id)
            said = f"Counter at {int(now.content.split()[-1]) + 1}"
            if memory.items.update(shared.id, said, expected_version=now.version).status == "applied":
                break
print("done")
"""


def test_sixteen_processes_lose_no_update_and_make_no_duplicate(folder: Path, start: Callable[..., Any]) -> None:
    writers, facts = 16, 6
    with Memory.open(folder) as memory:
        counter = made(memory.items.insert("Counter at 0"))
    children = [start(_WRITER, folder, me, facts) for me in range(writers)]
    for child in children:
        out, err = child.communicate(timeout=180)
        assert (out.strip(), child.returncode) == ("done", 0), err
    with Memory.open(folder) as memory:
        assert memory.items.get(counter.id).content == f"Counter at {writers * facts}"
        assert len(memory.items.list()) == 1 + facts + writers * facts
        replayed = {}
        for item_id in [row[0] for row in rows(folder, "SELECT id FROM item ORDER BY seq")]:
            replayed[item_id] = memory.items.history(item_id)[-1]
        assert list(replayed.values()) == memory.items.list()
        assert [version.version for version in memory.items.history(counter.id)] == list(range(1, writers * facts + 2))


def rows(folder: Path, query: str) -> list[Any]:
    with sqlite3.connect(folder / "truth.sqlite3") as db:
        return db.execute(query).fetchall()


def test_threads_that_insert_the_same_get_one_item(memory: Memory) -> None:
    outcomes: list[Outcome] = []
    threads = [threading.Thread(target=lambda: outcomes.append(memory.items.insert("Ana bakes."))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcome.status for outcome in outcomes) == ["applied"] + ["duplicate"] * 15
    assert len(memory.items.list()) == 1


# -- whatever is done ----------------------------------------------------------------------------------------

_WORDS = st.sampled_from("Ana Ben bakes sleeps in Porto Lisbon not 2 bread".split())
_CONTENT = st.lists(_WORDS, min_size=1, max_size=4).map(" ".join)
_ACTION = st.tuples(st.sampled_from(["insert", "update", "delete", "undo"]), st.integers(0, 5), _CONTENT)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(actions=st.lists(_ACTION, max_size=25), number=st.integers(0, 10**9))
def test_whatever_is_done_no_two_items_say_the_same_and_the_log_replays_to_the_state(
    tmp_path: Path, actions: list[tuple[str, int, str]], number: int
) -> None:
    with Memory.open(tmp_path / "memory", namespace=f"{number}-{time.monotonic_ns()}") as memory:
        changes: list[int] = []
        ids: list[str] = []
        for op, at, content in actions:
            outcome = None
            if op == "insert":
                outcome = memory.items.insert(content)
            elif op == "update" and ids:
                outcome = memory.items.update(ids[at % len(ids)], content)
            elif op == "delete" and ids:
                outcome = memory.items.delete(ids[at % len(ids)])
            elif op == "undo" and changes:
                outcome = memory.items.undo(changes[at % len(changes)])
            if outcome and outcome.change:
                changes.append(outcome.change)
                ids += [outcome.item.id] if outcome.item and outcome.item.id not in ids else []
        items = memory.items.list()
        assert len({dedup_key("semantic", item.content, None) for item in items}) == len(items)
        standing = [memory.items.history(item_id)[-1] for item_id in ids]
        assert sorted(contents([one for one in standing if not one.deleted])) == sorted(contents(items))
        for item_id in ids:
            versions = memory.items.history(item_id)
            assert [version.version for version in versions] == list(range(1, len(versions) + 1))


def test_a_memory_of_the_first_schema_gains_items_when_it_is_opened(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    released = Path(__file__).parent / "released" / "schema-1.sqlite3.gz"
    (folder / "truth.sqlite3").write_bytes(gzip.decompress(released.read_bytes()))
    script = "import sys; from jitmem import Memory; print(Memory.open(sys.argv[1]).items.insert('Ana bakes.').status)"
    ran = subprocess.run([sys.executable, "-c", script, folder], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "applied"


def test_a_person_approves_a_models_proposal_at_an_interrupt(folder: Path) -> None:
    from typing import TypedDict

    from langgraph.checkpoint.memory import InMemorySaver
    from langgraph.graph import END, START, StateGraph
    from langgraph.types import Command, interrupt

    class State(TypedDict, total=False):
        proposal: int
        said: str

    with Memory.open(folder) as memory:
        [insert] = memory.tools(["memory_insert"], mode="propose")

        def propose(state: State) -> State:
            call = {"name": insert.name, "args": {"kind": "semantic", "content": "Ana bakes."}, "id": "1"}
            return {"proposal": insert.invoke({**call, "type": "tool_call"}).artifact.proposal}

        def decide(state: State) -> State:
            [waiting] = memory.admin.proposals()
            if interrupt({"content": waiting.edit.content}) == "yes":
                return {"said": memory.admin.approve(state["proposal"]).status}
            return {"said": str(memory.admin.reject(state["proposal"]).decision)}

        graph = StateGraph(State)
        graph.add_node("propose", propose)
        graph.add_node("decide", decide)
        graph.add_edge(START, "propose")
        graph.add_edge("propose", "decide")
        graph.add_edge("decide", END)
        agent = graph.compile(checkpointer=InMemorySaver())
        config: Any = {"configurable": {"thread_id": "1"}}
        stopped = agent.invoke({}, config)
        assert [one.value for one in stopped["__interrupt__"]] == [{"content": "Ana bakes."}]
        assert memory.items.list() == []
        assert agent.invoke(Command(resume="yes"), config)["said"] == "applied"
        assert contents(memory.items.list()) == ["Ana bakes."]
