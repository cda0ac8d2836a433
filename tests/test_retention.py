"""What is older than its rule is hidden from every verb at once, erased by a sweep, and no ghost in anybody's way."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from test_erasure import holding

from jitmem import BadInput, Memory, Session, UnknownRecord

OLD = "Ana: The code of the safe is Xylophon-Quartz-7788."
NEW = "Ana: Bread is sold at the mill in Viana."


def age(folder: Path, days: float, *, session: str | None = None, item: str | None = None) -> None:
    """Make a session, or the newest version of an item, so much older."""
    at = (datetime.now(UTC) - timedelta(days=days)).isoformat()
    with closing(sqlite3.connect(folder / "truth.sqlite3")) as db, db:
        if session is not None:
            assert db.execute("UPDATE session SET accepted_at = ? WHERE id = ?", (at, session)).rowcount
        else:
            query = "SELECT item_version.n FROM item_version JOIN item ON item.seq = item AND item.version = item_version.version WHERE id = ?"
            n = db.execute(query, (item,)).fetchone()[0]
            db.execute("UPDATE change SET at = ? WHERE n = ?", (at, n))


@pytest.fixture
def aged(folder: Path) -> Memory:
    """A session of 100 days ago with its items, one of today, and an old item by a person."""
    with Memory.open(folder, namespace="team") as memory:
        memory.memorize(Session(id="old", text=OLD))
        memory.memorize(Session(id="new", text=NEW))
        memory.items.insert("The old safe is grey.")
        item = next(one for one in memory.items.list() if one.content == "The old safe is grey.")
        memory.items.insert("The new safe is red.")
        memory.flush()
        age(folder, 100, session="old")
        age(folder, 100, item=item.id)
        yield memory


def test_every_verb_stops_to_see_what_is_older_at_once(aged: Memory, folder: Path) -> None:
    reader = aged.for_namespace("team/ana")
    aged.admin.share("team/*")
    page = aged.pages(session_id="old")[0].id
    item = next(one for one in aged.items.list() if "grey" in one.content).id
    assert any("Xylophon" in hit.text for hit in reader.recall("safe"))
    aged.admin.set_retention(pages="90 days", semantic=timedelta(days=90))
    for memory in (aged, reader):
        assert not any("Xylophon" in hit.text for hit in memory.recall("code of the safe", k=50))
        assert not any("Xylophon" in doc.page_content for doc in memory.as_retriever().invoke("code of the safe"))
        result = memory.research("What is the code of the safe?", output="pages")
        assert "Xylophon" not in result.context
        assert page not in result.page_ids
        told = {tool.name: tool for tool in memory.tools()}
        assert "grey" not in told["memory_search"].invoke({"query": "old safe grey"})
        assert "Xylophon" not in str(told["search_pages"].invoke({"query": "code of the safe"}))
        assert "No page" in told["read_page"].invoke({"page_id": page})
        assert memory._runtime.searches[2].search(memory._runtime.archive.snapshot(), page, 10) == []
        for look in (
            lambda memory=memory: memory.page(page),
            lambda memory=memory: memory.items.get(item),
            lambda memory=memory: memory.items.history(item),
        ):
            with pytest.raises(UnknownRecord):
                look()
    assert [one.session_id for one in aged.pages()] == ["new"]
    assert not any("grey" in one.content for one in [*aged.items.list(), *aged.items.as_of(datetime.now(UTC))])
    assert (aged.stats()["pages"], aged.stats()["sessions"]) == (1, 1)
    assert aged.items.delete(item).status == "unknown_id"
    exported = folder.parent / "export.jsonl"
    aged.transfer.export(exported)
    assert "The old safe is grey." not in exported.read_text(encoding="utf-8")
    assert '"text": "' + OLD not in exported.read_text(encoding="utf-8")


def test_a_rule_that_is_taken_away_shows_again_what_nobody_has_erased(aged: Memory) -> None:
    aged.admin.set_retention(pages="90 days")
    assert len(aged.pages()) == 1
    assert aged.admin.set_retention(pages=None) == {}
    assert len(aged.pages()) == 2
    assert any("Xylophon" in hit.text for hit in aged.recall("safe"))


def test_a_sweep_erases_what_is_hidden_and_nothing_else(aged: Memory, folder: Path) -> None:
    derived = [one.id for one in aged.items.list() if "Xylophon" in one.content]
    aged.admin.set_retention(pages="90 days", semantic="90 days", core="1 hour")
    receipt = aged.admin.purge()
    assert receipt.status == "erased"
    assert receipt.session_ids == ("old",)
    assert not set(derived) & set(receipt.item_ids), "items have a rule of their own"
    assert [page.text for page in aged.pages()] == [NEW]
    assert "The new safe is red." in {one.content for one in aged.items.list()}
    assert holding(folder, "The old safe is grey.") == set()
    assert aged.admin.purge().counts == {}


def test_items_outlive_their_page_and_lose_its_id_when_it_is_erased(aged: Memory) -> None:
    page = aged.pages(session_id="old")[0].id
    item = aged._runtime.editor.insert("semantic", "The safe has a code of Xylophon make.", page_ids=(page,)).item
    aged.admin.set_retention(pages="90 days")
    result = aged.research("What make is the code of the safe?")
    assert "Xylophon make" in result.context
    assert page not in result.page_ids
    aged.admin.purge()
    assert aged.items.get(item.id).page_ids == ()
    assert "Xylophon make" in aged.research("What make is the code of the safe?").context


def test_time_itself_hides_without_any_write(folder: Path) -> None:
    with Memory.open(folder) as root:
        for seconds in (2, 10, 60):  # until the machine is fast enough to look before it is too late
            memory = root.for_namespace(f"{seconds} seconds")
            began = datetime.now(UTC)
            memory.memorize(Session(id="old", text=OLD))
            memory.items.insert("The old safe is grey.")
            memory.admin.set_retention(pages=f"{seconds} seconds", semantic=f"{seconds} seconds")
            memory.flush()
            search = memory.tools(["memory_search"])[0]
            seen = bool(memory.recall("safe")), "grey" in search.invoke({"query": "safe grey"})
            if datetime.now(UTC) < began + timedelta(seconds=seconds):
                break
        assert seen == (True, True)
        end = datetime.now(UTC) + timedelta(seconds=seconds + 0.1)
        while datetime.now(UTC) < end:
            time.sleep(0.05)
        assert (memory.recall("safe"), memory.pages(), memory.items.list(kind="semantic")) == ([], [], [])
        assert "grey" not in search.invoke({"query": "safe grey"})


def test_rankings_are_those_of_a_memory_that_never_had_what_is_hidden(aged: Memory, tmp_path: Path) -> None:
    aged.admin.set_retention(pages="90 days", semantic="90 days", core="90 days")
    with Memory.open(tmp_path / "never") as never:
        never.memorize(Session(id="new", text=NEW))
        for query in ("bread at the mill", "safe", "Viana"):
            hidden = [(hit.text, round(hit.score, 9)) for hit in aged.recall(query)]
            assert hidden == [(hit.text, round(hit.score, 9)) for hit in never.recall(query)]


def test_hidden_vectors_take_no_place_of_those_that_stand(folder: Path) -> None:
    with Memory.open(folder) as memory:
        for n in range(30):
            memory.memorize(Session(id=f"old-{n}", text=f"Ana: the mill stone number {n} turns in Viana."))
        memory.memorize(Session(id="new", text="Ana: a mill wheel stands still in Porto."))
        memory.flush()
        for n in range(30):
            age(folder, 100, session=f"old-{n}")
        memory.admin.set_retention(pages="90 days")
        found = memory._runtime.archive.snapshot().vector(
            memory._runtime.embedder.embed_query("mill stone turns in Viana"), 5
        )
        assert [hit.text for hit in found] == ["Ana: a mill wheel stands still in Porto."]


def test_what_comes_again_after_it_was_hidden_is_new(aged: Memory, folder: Path) -> None:
    item = next(one for one in aged.items.list() if "grey" in one.content)
    aged.admin.set_retention(pages="90 days", semantic="90 days")
    filed = aged.memorize(Session(id="old", text=OLD))
    assert filed.duplicate is False
    assert [page.session_id for page in aged.pages()] == ["new", "old"]
    other = aged.memorize(Session(id="old", text=OLD))
    assert (other.duplicate, other.page_ids) == (True, filed.page_ids)
    again = aged.items.insert("The old safe is grey.")
    assert (again.status, again.item and again.item.id != item.id) == ("applied", True)
    assert aged.admin.purge().status == "erased"
    assert len(aged.pages()) == 2


@pytest.mark.parametrize("same", ["id", "content"])
def test_a_hidden_session_stands_in_the_way_of_neither_its_id_nor_its_content(aged: Memory, same: str) -> None:
    aged.admin.set_retention(pages="90 days")
    session = Session(id="old", text="Ana: another text.") if same == "id" else Session(id="another", text=OLD)
    assert aged.memorize(session).duplicate is False
    assert len(aged.pages()) == 2


def test_the_core_paragraph_can_be_written_anew_when_the_old_one_is_hidden(memory: Memory, folder: Path) -> None:
    core = memory.items.update("core", "Ana is a miller.").item
    age(folder, 10, item=core.id)
    memory.admin.set_retention(core="1 week")
    assert memory.items.list(kind="core") == []
    assert memory.items.update("core", "Ana is a baker.").status == "applied"
    assert [one.content for one in memory.items.list(kind="core")] == ["Ana is a baker."]


def test_a_session_that_waits_is_hidden_and_swept_like_its_pages_would_be(memory: Memory, folder: Path) -> None:
    memory.accept(Session(id="waits", text=OLD))
    age(folder, 100, session="waits")
    memory.admin.set_retention(pages="90 days")
    assert (memory.stats()["waiting"], memory.resume()) == (0, [])
    assert memory.admin.purge().session_ids == ("waits",)
    assert holding(folder, OLD) == set()


def test_a_sweep_of_all_namespaces_keeps_to_the_rules_of_each(aged: Memory, folder: Path) -> None:
    aged.admin.set_retention(pages="90 days")
    other = aged.for_namespace("other")
    other.memorize(Session(id="old", text=OLD))
    age(folder, 100, session="old")
    third = aged.for_namespace("third")
    third.memorize(Session(id="third", text=OLD))
    third.admin.set_retention(pages="90 days")
    age(folder, 100, session="third")
    assert third.admin.purge().session_ids == ("third",)
    assert aged.for_namespace("third").admin.purge(all_namespaces=True).session_ids == ("old",)
    assert (len(other.pages()), len(aged.pages())) == (1, 1)


def test_rules_are_read_back_and_what_is_not_named_stays(memory: Memory) -> None:
    assert memory.admin.retention() == {}
    assert memory.admin.set_retention(pages="90 days", episodic=timedelta(weeks=52)) == {
        "pages": timedelta(days=90),
        "episodic": timedelta(weeks=52),
    }
    assert memory.admin.set_retention(episodic=None, core="36.5 hours") == {
        "pages": timedelta(days=90),
        "core": timedelta(hours=36.5),
    }


@pytest.mark.parametrize(
    "wrong", ["", "90", "soon", "-1 days", "0 days", "3 months", "9e9 days", timedelta(0), timedelta.max, 90, "9" * 99]
)
def test_an_age_that_is_none_is_refused_and_no_rule_is_changed(memory: Memory, wrong: Any) -> None:
    with pytest.raises(BadInput):
        memory.admin.set_retention(pages="9 days", core=wrong)
    assert memory.admin.retention() == {}


def test_sixty_pages_hidden_one_after_the_other_never_come_up_again(folder: Path) -> None:
    """A session that was accepted later may be older: an import keeps the time it was known before."""
    with Memory.open(folder) as memory:
        for n in range(6):
            memory.memorize(Session(id=f"s{n}", text=f"Ana: bread number {n} of the mill."))
        for n, days in enumerate((5, 80, 20, 95, 60, 1)):
            age(folder, days, session=f"s{n}")
        seen: Callable[[], set[str]] = lambda: {hit.text.split()[3] for hit in memory.recall("bread mill", k=50)}  # noqa: E731
        for limit, left in ((90, "01245"), (70, "0245"), (30, "025"), (10, "05"), (2, "5")):
            memory.admin.set_retention(pages=f"{limit} days")
            assert seen() == set(left)
            assert memory.stats()["pages"] == len(left)


def test_a_proposal_from_a_page_that_is_hidden_is_neither_shown_nor_approved(aged: Memory) -> None:
    old, new = (aged.pages(session_id=name)[0].id for name in ("old", "new"))
    editor = aged._runtime.editor_for(mode="propose")
    from_old, from_new = (
        editor.insert("semantic", f"{page} says so.", page_ids=(page,)).proposal for page in (old, new)
    )
    aged.admin.set_retention(pages="90 days")
    assert [proposal.number for proposal in aged.admin.proposals()] == [from_new]
    with pytest.raises(UnknownRecord):
        aged.admin.approve(from_old)
    with pytest.raises(UnknownRecord):
        aged.admin.reject(from_old)
    assert aged.admin.approve(from_new).status == "applied"
