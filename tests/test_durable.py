"""What was acknowledged is there: after kill -9 at any moment, after a power cut; and the comparison that says so would notice."""

from __future__ import annotations

import os
import random
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from torture import plan, power
from torture.calls import decide, item_step, propose, put_batch
from torture.index_check import check_indexes
from torture.kills import Tally, rounds
from torture.ledger import Ledger
from torture.settle import finish_sessions, repeat_edits
from torture.truth_check import check_truth
from torture.writer import OPTIONS

from jitmem import Memory
from jitmem.stores.truth.database import FILE_NAME

ROUNDS = 100
CUTS = 12


@pytest.fixture
def seed() -> int:
    """Another one each time; `JITMEM_SEED` plays a run again."""
    chosen = int(os.environ.get("JITMEM_SEED") or random.SystemRandom().randrange(1 << 30))
    print(f"JITMEM_SEED={chosen}")
    return chosen


def last(tallies: Iterator[Tally]) -> Tally:
    *_, tally = tallies
    print(tally, dict(tally.moments))
    return tally


def test_a_hundred_kills_lose_tear_and_double_nothing_and_indexes_equal_the_truth(folder: Path, seed: int) -> None:
    tally = last(rounds(folder, ROUNDS, seed))
    assert tally.faults == []
    assert tally.rounds == ROUNDS
    assert tally.acknowledged > 2 * ROUNDS
    assert len(tally.moments) > 5


@pytest.fixture
def device_folder(tmp_path: Path) -> Iterator[Path]:
    """In memory where that is possible: a device of 48 MB is read many times."""
    if reason := power.missing():
        pytest.skip(f"a power cut {reason}")
    with tempfile.TemporaryDirectory(dir=Path("/dev/shm") if os.access("/dev/shm", os.W_OK) else tmp_path) as made:
        yield Path(made)


def test_a_power_cut_loses_nothing_that_was_acknowledged(device_folder: Path, seed: int) -> None:
    tally = last(power.cuts(device_folder, CUTS, seed))
    assert tally.faults == []
    assert (tally.rounds, tally.acknowledged > 10 * CUTS) == (CUTS, True)


def test_a_power_cut_loses_what_was_committed_and_not_synchronised(device_folder: Path, seed: int) -> None:
    tally = last(power.cuts(device_folder, 3, seed, synchronous="OFF"))
    assert len(tally.faults) == 3
    assert tally.counts["lost"] > 3


# The comparison notices what it is for

SABOTAGE = {
    "a page is gone": ("DELETE FROM page WHERE session = 2 AND part = 1", "torn"),
    "a session is gone": ("DELETE FROM session WHERE n = 2", "lost"),
    "a session waits and has pages": ("UPDATE session SET filed_at = NULL WHERE n = 2", "torn"),
    "a word of a page is another": ("UPDATE page SET text = replace(text, 'book', 'bread') WHERE seq = 2", "torn"),
    "a page has no passages": ("DELETE FROM passage WHERE page = 2", "torn"),
    "a page is not in the change log": ("DELETE FROM change WHERE kind = 'page' AND ref = 2", "torn"),
    "an edit is gone": ("DELETE FROM item_version WHERE n = (SELECT max(n) FROM item_version)", "lost"),
    "an item is there twice": (
        "UPDATE item_version SET content = 'Person 1 keeps bees on roof 7.' WHERE content LIKE 'Person 0 %'",
        "duplicates",
    ),
    "a decision is gone": ("UPDATE proposal SET decision = NULL WHERE n = 1", "lost"),
    "a batch is half there": ("UPDATE entry SET value = '{}' WHERE key = 'left'", "torn"),
    "a batch is gone": ("DELETE FROM entry", "lost"),
}


def fill(memory: Memory) -> Ledger:
    """Write to a memory as the writers do; what they would have acknowledged."""
    ledger = Ledger(sessions_begun=[0, 1, 2, 3])
    finish_sessions(memory, ledger)
    for n in range(2):
        ledger.begin_item(n, 0)
        outcome = item_step(memory, n, 0, "", 0)
        assert outcome.item is not None
        ledger.done_item(n, 0, outcome.item.id, outcome.change or 0)
        ledger.begin_proposal(n, 1)
        number = propose(memory, n).proposal
        assert number is not None
        decide(memory, n, number)
        ledger.done_proposal(n, 1, number)
        ledger.begin_entry(n)
        put_batch(memory, n)
        ledger.done_entry(n)
    return ledger


@pytest.fixture
def written(folder: Path) -> Iterator[tuple[Memory, Ledger]]:
    """A memory that was written to as the writers do, and what they would have acknowledged."""
    with Memory.open(folder, memorize_options=OPTIONS) as memory:
        yield memory, fill(memory)


def check_whole(memory: Memory, ledger: Ledger, place: Path | str) -> None:
    """The memory in this folder or database has no faults, and repeating every call changes nothing."""
    before = memory.stats(), memory.items.list(), memory.admin.proposals(waiting=False)
    assert not check_truth(place, ledger)
    finish_sessions(memory, ledger)
    repeat_edits(memory, ledger)
    assert (memory.stats(), memory.items.list(), memory.admin.proposals(waiting=False)) == before
    with Memory.open(place) as fresh:
        assert check_indexes(memory, fresh) == []


def test_a_whole_memory_has_no_faults_and_repeating_every_call_changes_nothing(
    written: tuple[Memory, Ledger], folder: Path
) -> None:
    check_whole(*written, folder)


@pytest.mark.parametrize("what", SABOTAGE)
def test_the_comparison_notices_that(what: str, written: tuple[Memory, Ledger], folder: Path) -> None:
    _, ledger = written
    statement, kind = SABOTAGE[what]
    with closing(sqlite3.connect(folder / FILE_NAME)) as db, db:
        assert db.execute(statement).rowcount
    assert getattr(check_truth(folder, ledger), kind)


def test_the_comparison_notices_a_vector_that_chroma_lacks(written: tuple[Memory, Ledger], folder: Path) -> None:
    memory, _ = written
    with Memory.open(folder) as fresh:
        assert check_indexes(memory, fresh) == []
        vectors = memory._runtime.archive.vectors  # type: ignore[attr-defined]
        vectors._chroma.folder.vectors(vectors._embeddings)._collection.delete(ids=["3"])
        told = check_indexes(memory, fresh)
    assert told[0] == "passages: Chroma does not hold [3]"


def test_the_comparison_notices_words_that_the_truth_does_not_have(
    written: tuple[Memory, Ledger], folder: Path
) -> None:
    memory, _ = written
    memory.recall(plan.fact(1))
    with closing(sqlite3.connect(folder / FILE_NAME)) as db, db:
        db.execute("DELETE FROM posting WHERE page = (SELECT page FROM passage WHERE seq = 2)")
    with Memory.open(folder) as fresh:
        assert any(told.startswith("keyword 'harbour almanac'") for told in check_indexes(memory, fresh))
