"""A snapshot answers as of one moment, whatever is filed, edited or forgotten beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from jitmem import Memory
from jitmem.stores.errors import RecordGone


def test_one_question_weighs_all_its_words_by_one_count(memory: Memory, folder: Path) -> None:
    memory.memorize("Ana: The mill is old.\nBen: The river is high.")
    archive = memory._runtime.archive
    with Memory.open(folder) as other:
        snapshot = archive.snapshot()
        mill = snapshot.frequencies(["mill"])["mill"]
        other.memorize("Ana: Another mill by another river.\nBen: So it is.")
        archive.snapshot()  # the index of this very object reads further
        assert (mill, snapshot.frequencies(["river"])["river"]) == ((1, 2), (1, 2))
        assert (
            archive.snapshot().frequencies(["mill"])["mill"],
            archive.snapshot().frequencies(["river"])["river"],
        ) == ((2, 4), (2, 4))


def test_what_is_filed_later_changes_nothing_of_it(memory: Memory) -> None:
    memory.memorize("Ana: The mill is old.\nBen: The river is high.")
    archive = memory._runtime.archive
    snapshot = archive.snapshot()
    vector = memory._runtime.embedder.embed_query("mill river")

    def seen() -> tuple[object, ...]:
        found = snapshot.find_pages()
        passages = [hit for page in found for hit in snapshot.passages(page, "page_id", 1.0)]
        return (
            snapshot.keyword("old mill", 9),
            snapshot.vector(vector, 9),
            snapshot.pages_like("mill", 9),
            snapshot.unknown_share("mill Carla"),
            snapshot.speakers,
            passages,
        )

    before = seen()
    for n in range(40):
        memory.memorize(f"Carla: The mill number {n} is old.\nBen: The river is high.")
        archive.snapshot()
    assert seen() == before
    later = archive.snapshot()
    assert "Carla" in later.speakers
    assert later.extent.heads > snapshot.extent.heads


def test_a_record_that_is_forgotten_is_gone_when_it_is_first_read(memory: Memory) -> None:
    page = memory.memorize("Ana: The code is Xylophon.\nBen: Good.").page_ids[0]
    item = memory.items.insert("Ana has a code.").item
    assert item is not None
    snapshot = memory._runtime.archive.snapshot()
    memory.forget(page_id=page)
    memory.items.delete(item.id)
    for record_id in (page, item.id):
        with pytest.raises(RecordGone):
            snapshot.record(record_id)
    assert snapshot.records([page, item.id]) == {}
    assert memory._runtime.archive.snapshot().keyword("code", 5) == []


def test_items_are_seen_as_of_one_view(memory: Memory) -> None:
    memory.items.insert("Ana lives in Porto.")
    view = memory._runtime.item_index.view()
    first = view.keyword("Ana Porto", 9)
    memory.items.insert("Ana sold the boat in Porto.")
    assert memory._runtime.item_index.view().count() == 2
    assert (view.count(), view.keyword("Ana Porto", 9)) == (1, first)
