"""Forgotten is forgotten: what memos and items of other pages repeat of a page goes with it, or is named; a query looks
everywhere."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from jitmem import ItemOptions, Memory, Session
from jitmem.testing import ScriptedModel

SAFE = "Ana: The word for the safe is xylophon, and the key lies under the third flowerpot."
TRIP = "Ben: On Monday we sail to the island."


def curated(*calls: dict[str, Any]) -> dict[str, Any]:
    return {"calls": list(calls)}


def insert(content: str, kind: str = "semantic") -> dict[str, Any]:
    return {"name": "memory_insert", "args": {"kind": kind, "content": content}}


def memory_with(folder: Path, memo: str, *calls: dict[str, Any], first: tuple[dict[str, Any], ...] = ()) -> Memory:
    """A model has filed the page about the safe, and then, with that in view, the one about the trip."""
    model = ScriptedModel(
        lines={
            "memorize": [{"memo": "Ana tells the word for the safe."}, {"memo": memo}],
            "curate": [curated(*first), curated(*calls)],
        }
    )
    memory = Memory.open(folder, model=model)
    memory.memorize(Session(id="safe", text=SAFE))
    memory.memorize(Session(id="trip", text=TRIP))
    return memory


def in_files(folder: Path, word: str) -> list[str]:
    return sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and word.encode() in path.read_bytes().lower()
    )


def test_a_memo_of_another_page_loses_the_sentences_that_repeat_it(folder: Path) -> None:
    with memory_with(folder, "Ben plans a sail on Monday. The word for the safe is xylophon.") as memory:
        trip = memory.pages(session_id="trip")[0]
        assert "xylophon" in trip.memo
        preview = memory.forget(session_id="safe", preview=True)
        assert preview.memo_page_ids == (trip.id,)
        assert "xylophon" in memory.page(trip.id).memo
        receipt = memory.forget(session_id="safe")
        assert (receipt.status, receipt.memo_page_ids, receipt.counts["memos"]) == ("erased", (trip.id,), 1)
        assert memory.page(trip.id).memo == "Ben plans a sail on Monday."
        memory.flush()
        assert in_files(folder, "xylophon") == []


def test_a_memo_of_nothing_else_becomes_the_beginning_of_its_page(folder: Path) -> None:
    with memory_with(folder, "the word for the safe is xylophon") as memory:
        memory.forget(session_id="safe")
        assert [page.memo for page in memory.pages()] == [TRIP]


def test_an_item_that_a_model_wrote_of_another_page_goes_if_it_repeats_it(folder: Path) -> None:
    repeated = insert("The sail is on Monday, and the key lies under the third flowerpot.")
    with memory_with(folder, "Ben plans a sail.", repeated, insert("Ben sails to the island on Monday.")) as memory:
        assert len(memory.items.list(kind="semantic")) == 2
        receipt = memory.forget(session_id="safe")
        assert [item.content for item in memory.items.list()] == ["Ben sails to the island on Monday."]
        assert (len(receipt.item_ids), receipt.kept) == (1, ())
        memory.flush()
        assert in_files(folder, "flowerpot") == []


def test_of_an_item_over_several_pages_the_versions_that_repeat_it_go(memory: Memory) -> None:
    trip = memory.memorize(TRIP).page_ids[0]
    safe = memory.memorize(SAFE).page_ids[0]
    island = memory.memorize("Ben: The island has a harbour.").page_ids[0]
    editor = memory._runtime.editor
    item = editor.insert("semantic", "Ben sails to the island.", page_ids=(trip,), cause="memorizer").item
    editor.update(
        "semantic", "Ben sails to the island; the word is xylophon.", item.id, page_ids=(safe,), cause="memorizer"
    )
    editor.update(
        "semantic",
        "Ben sails to the island with a harbour; the word is xylophon.",
        item.id,
        page_ids=(island,),
        cause="memorizer",
    )
    receipt = memory.forget(page_id=safe)
    assert [version.content for version in memory.items.history(item.id)] == ["Ben sails to the island."]
    assert item.id in [one.item_id for one in receipt.kept]
    assert memory.items.get(item.id).page_ids == (trip,)


def test_what_a_person_wrote_and_what_names_no_page_stays_and_is_named(memory: Memory) -> None:
    safe = memory.memorize(SAFE).page_ids[0]
    own = memory.items.insert("The key lies under a flowerpot in the garden.").item
    by_agent = memory._runtime.editor.insert("semantic", "The word is xylophon.").item
    other = memory.items.insert("Ben keeps bees.").item
    receipt = memory.forget(page_id=safe)
    left = {item.id for item in memory.items.list()}
    assert left == {own.id, by_agent.id, other.id}
    assert {one.item_id for one in receipt.kept} == {own.id, by_agent.id}
    assert all("words of what was forgotten" in one.reason for one in receipt.kept)


def test_common_words_of_other_pages_are_no_repetition(folder: Path) -> None:
    with memory_with(
        folder, "Ben says the sail on Monday goes to the island.", insert("Ben sails on Monday.")
    ) as memory:
        memo = memory.pages(session_id="trip")[0].memo
        receipt = memory.forget(session_id="safe")
        assert (receipt.memo_page_ids, receipt.kept, [page.memo for page in memory.pages()]) == ((), (), [memo])
        assert len(memory.items.list()) == 1


def test_a_proposal_of_another_page_goes_if_it_repeats_it(folder: Path) -> None:
    with Memory.open(folder, item_options=ItemOptions(mode="propose")) as memory:
        trip = memory.memorize(TRIP).page_ids[0]
        safe = memory.memorize(SAFE).page_ids[0]
        editor = memory._runtime.editor
        editor.insert("semantic", "The word is xylophon.", page_ids=(trip,), cause="memorizer")
        before = {one.id for one in memory.admin.proposals() if "island" in (one.edit.content or "")}
        memory.forget(page_id=safe)
        assert not [one for one in memory.admin.proposals() if "xylophon" in (one.edit.content or "")]
        assert before <= {one.id for one in memory.admin.proposals()}


# -- a query ----------------------------------------------------------------------------------------------------------


PLACES: dict[str, Session] = {
    "session id": Session(id="notes/zanzibar.md", text="Ana: Nothing here."),
    "key of the metadata": Session(id="1", text="Ana: Nothing here.", metadata={"zanzibar": True}),
    "value of the metadata": Session(id="1", text="Ana: Nothing here.", metadata={"to": [{"place": "Zanzibar"}]}),
    "speaker": Session(id="1", turns=[("Zanzibar", "Nothing here.")]),
    "text": Session(id="1", text="Ana: I was in Zanzibar."),
}


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("place", PLACES)
def test_a_query_looks_at_every_place_of_a_session(place: str, waits: bool, memory: Memory) -> None:
    memory.accept(PLACES[place]) if waits else memory.memorize(PLACES[place])
    memory.memorize("Ben: The van is green.")
    session_id = PLACES[place].id
    assert session_id is not None
    preview = memory.forget(query="Zanzibar", preview=True)
    assert preview.session_ids == (session_id,)
    assert len(preview.beginnings) >= 1
    receipt = memory.forget(query="zanzibar")
    assert (receipt.status, receipt.session_ids) == ("erased", (session_id,))
    assert memory.stats()["sessions"] + memory.stats()["waiting"] == 1


def test_a_query_looks_at_entries_of_the_store(memory: Memory, folder: Path) -> None:
    store = memory.as_store()
    store.put(("zanzibar", "a"), "k", {"text": "label"})
    store.put(("a",), "zanzibar", {"text": "key"})
    store.put(("a",), "value", {"list": [{"place": "Zanzibar"}]})
    store.put(("a",), "name", {"Zanzibar": 1})
    store.put(("a",), "other", {"text": "Porto"})
    preview = memory.forget(query="zanzibar", preview=True)
    assert preview.counts["entries"] == 4
    assert set(preview.beginnings) == {"entry zanzibar/a/k", "entry a/zanzibar", "entry a/value", "entry a/name"}
    receipt = memory.forget(query="zanzibar")
    assert (receipt.status, receipt.counts["entries"]) == ("erased", 4)
    assert [item.key for item in store.search(())] == ["other"]
    assert store.search((), query="Zanzibar place")[0].key == "other"
    with closing(sqlite3.connect(folder / "truth.sqlite3")) as db:
        assert db.execute("SELECT labels FROM entry_path").fetchall() == [('["a"]',)]
    assert in_files(folder, "zanzibar") == []


def test_a_query_looks_at_items_and_proposals_and_shows_them(folder: Path) -> None:
    with Memory.open(folder, item_options=ItemOptions(mode="propose")) as memory:
        memory._runtime.editor.insert("semantic", "Ana moved to Zanzibar.")
        preview = memory.forget(query="zanzibar", preview=True)
        assert list(preview.beginnings.values()) == ["Ana moved to Zanzibar."]
        assert memory.forget(query="zanzibar").counts == {"proposals": 1}


def test_a_query_that_matches_nothing_says_so(memory: Memory) -> None:
    memory.memorize(TRIP)
    receipt = memory.forget(query="zanzibar")
    assert (receipt.status, receipt.counts) == ("nothing found", {})
    assert receipt.note == "Nothing matched, and nothing was changed."
    assert memory.forget(before="1990-01-01").status == "nothing found"
    assert memory.forget(query="zanzibar", preview=True).status == "preview"
    assert memory.admin.purge().status == "nothing found"
