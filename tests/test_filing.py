"""What filing a session does at once, and what it leaves alone."""

from __future__ import annotations

from pathlib import Path

from jitmem import Memory, Session


def test_hashed_vectors_are_filed_with_their_pages(folder: Path) -> None:
    with Memory.open(folder) as memory:
        memory.memorize(
            "Ana: The ferry is late today."
        )  # the first batch of a process looks whether the model has changed
        store, journal = memory._runtime.archive.embeddings, memory._runtime.archive.journal
        filed = []

        def file(*args: object, **more: object) -> object:
            entry = type(journal).file(journal, *args, **more)  # type: ignore[arg-type]
            filed.append((entry.embedded, store.waiting("default"), store.state().last))
            return entry

        journal.file = file  # type: ignore[assignment, method-assign]
        memory.memorize("Ben: The harbour is closed for the storm.")
        assert filed == [(True, False, 2)]
        assert memory.recall("harbour storm", 1)[0].text == "Ben: The harbour is closed for the storm."


def test_a_page_before_them_without_vectors_gets_them_too(folder: Path) -> None:
    with Memory.open(folder) as memory:
        memory.memorize("Ana: The ferry is late today.")
        with memory._runtime.database.write() as db:
            db.execute("DELETE FROM embedding")
            db.execute("DELETE FROM mark WHERE name LIKE 'embedded:%'")
        memory.memorize("Ben: The harbour is closed for the storm.")
        assert memory._runtime.database.fetch("SELECT count(*) FROM embedding") == [(2,)]


def test_a_page_without_memories_leaves_the_core_paragraph_as_it_is(folder: Path) -> None:
    core = "Ana runs the mill.\n\nBen helps.\n\nThe mill is old."
    with Memory.open(folder) as memory:
        memory.items.insert(core, kind="core")
        filed = memory.memorize(Session(turns=[("Ana", "The ferry was late again."), ("Ben", "That is a pity.")]))
        assert (filed.edits, memory._runtime.database.fetch("SELECT count(*) FROM uncurated")) == ((), [(0,)])
        assert [item.content for item in memory.items.list(kind="core")] == [core]
