"""The vector indexes keep their contract, and Chroma's folder has one owner at a time."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from contracts.vector_contract import Kept, VectorContract, agree, clustered, spread

from jitmem import MemorizeOptions, Memory
from jitmem.stores.index import chroma_index, vector_index
from jitmem.stores.index.chroma_folder import FOLDER
from jitmem.stores.index.chroma_index import OwnedChroma
from jitmem.stores.index.chroma_vectors import NEWEST
from jitmem.stores.index.vector_index import ExactVectors, VectorIndex

Start = Callable[..., "subprocess.Popen[str]"]


class TestExactVectors(VectorContract):
    @pytest.fixture
    def open_index(self) -> Callable[[Kept], VectorIndex]:
        return lambda kept: ExactVectors(kept.store)


def owned(kept: Kept) -> OwnedChroma:
    return OwnedChroma(kept.store, kept.folder)


class TestOwnedChroma(VectorContract):
    missed = 0.1

    @pytest.fixture
    def open_index(self) -> Callable[[Kept], VectorIndex]:
        return owned

    def test_with_few_vectors_the_exact_scan_answers_and_chroma_is_not_opened(
        self, kept: Kept, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(chroma_index, "MIN_VECTORS", 301)
        kept.keep(clustered(300, 1))
        index, query = owned(kept), clustered(1, 1)[0]
        index.catch_up()
        agree(index.search(query, 10, [kept.number()]), kept.exact(query, 10))
        assert not (kept.folder / FOLDER).exists()
        kept.keep(clustered(300, 2))
        agree(index.search(query, 10, [kept.number()]), kept.exact(query, 10))
        agree(index.search(query, 10, [kept.number()]), kept.exact(query, 10))
        assert (kept.folder / FOLDER).exists()
        assert index.owner
        index.close()

    def test_a_process_that_only_files_feeds_chroma_once_there_are_many_vectors(
        self, kept: Kept, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(chroma_index, "MIN_VECTORS", 500)
        index = owned(kept)
        for seed in (1, 2):
            kept.keep(clustered(300, seed))
            index.catch_up()
            assert (kept.folder / FOLDER).exists() == (seed == 2)
        index.close()

    def test_who_comes_second_searches_exactly_and_finds_the_same(self, kept: Kept) -> None:
        kept.keep(clustered(300, 1))
        first, second = owned(kept), owned(kept)
        query = clustered(1, 1)[0]
        agree(first.search(query, 10, [kept.number()]), kept.exact(query, 10))
        agree(second.search(query, 10, [kept.number()]), kept.exact(query, 10))
        assert (first.owner, second.owner) == (True, False)
        kept.keep(clustered(300, 2))
        agree(second.search(query, 10, [kept.number()]), kept.exact(query, 10))
        agree(first.search(query, 10, [kept.number()]), kept.exact(query, 10))
        first.close()
        second.close()

    def test_when_the_owner_closes_the_next_search_makes_an_owner(self, kept: Kept) -> None:
        kept.keep(clustered(300, 1))
        first, second = owned(kept), owned(kept)
        query = clustered(1, 1)[0]
        first.search(query, 10, [kept.number()])
        second.search(query, 10, [kept.number()])
        first.close()
        kept.keep(clustered(300, 2))
        agree(second.search(query, 10, [kept.number()]), kept.exact(query, 10))
        assert (first.owner, second.owner) == (False, True)
        second.close()

    def test_a_folder_that_was_deleted_is_fed_again(self, kept: Kept) -> None:
        kept.keep(clustered(300, 1))
        query = clustered(1, 1)[0]
        first = owned(kept)
        first.search(query, 10, [kept.number()])
        first.close()
        shutil.rmtree(kept.folder / FOLDER)
        again = owned(kept)
        agree(again.search(query, 10, [kept.number()]), kept.exact(query, 10))
        assert again.owner
        again.close()

    def test_a_folder_that_cannot_be_opened_is_made_anew(self, kept: Kept) -> None:
        kept.keep(clustered(300, 1))
        query = clustered(1, 1)[0]
        (kept.folder / FOLDER).mkdir()
        (kept.folder / FOLDER / "chroma.sqlite3").write_bytes(b"not a database " * 100)
        index = owned(kept)
        agree(index.search(query, 10, [kept.number()]), kept.exact(query, 10))
        assert index.owner
        index.close()

    def test_an_older_folder_that_was_restored_is_fed_what_it_lacks(self, kept: Kept, tmp_path: Path) -> None:
        kept.keep(clustered(300, 1))
        first = owned(kept)
        first.catch_up()
        first.close()
        shutil.copytree(kept.folder / FOLDER, tmp_path / "backup")
        newest = spread(1, 2)
        kept.keep(newest)
        second = owned(kept)
        second.catch_up()
        second.close()
        shutil.rmtree(kept.folder / FOLDER)
        shutil.copytree(tmp_path / "backup", kept.folder / FOLDER)
        third = owned(kept)
        agree(third.search(newest[0], 10, [kept.number()]), kept.exact(newest[0], 10))
        third.close()

    def test_of_the_newest_vectors_none_is_missed_though_chroma_has_lost_it(self, kept: Kept) -> None:
        kept.keep(clustered(300, 1))
        index = owned(kept)
        query = clustered(1, 1)[0]
        (nearest, _), *_ = index.search(query, 10, [kept.number()])
        index._chroma.folder.vectors(kept.store)._collection.delete(ids=[str(nearest)])  # type: ignore[union-attr]
        agree(index.search(query, 10, [kept.number()]), kept.exact(query, 10))
        index.close()

    def test_what_is_older_than_the_newest_is_found_by_chroma(self, kept: Kept) -> None:
        first = clustered(40, 1)
        kept.keep(first)
        index = owned(kept)
        for part in range(5):
            kept.keep(spread(NEWEST // 2, part))
            index.catch_up()
            agree(index.search(first[0], 1, [kept.number()]), kept.exact(first[0], 1))
        number = index.search(first[0], 1, [kept.number()])[0][0]
        index._chroma.folder.vectors(kept.store)._collection.delete(ids=[str(number)])  # type: ignore[union-attr]
        assert index.search(first[0], 1, [kept.number()])[0][0] != number
        index.close()

    def test_no_text_and_no_page_id_is_in_its_folder(self, kept: Kept) -> None:
        folder = kept.folder / "whole"
        with Memory.open(folder) as memory:
            filed = memory.memorize("The zanzibar secret is under the mill.")
            assert memory.recall("zanzibar")
        stored = b"".join(file.read_bytes() for file in (folder / FOLDER).rglob("*") if file.is_file())
        assert b"zanzibar" not in stored
        assert filed.page_ids[0].encode() not in stored


def test_a_fed_batch_waits_until_it_is_large_enough(folder: Path) -> None:
    kept = Kept(folder)
    kept.keep(spread(5, 1))
    index = owned(kept)
    index.catch_up(at_least=6)
    marks = "SELECT n FROM mark WHERE name LIKE 'chroma:%'"
    with kept.database.read() as db:
        assert db.execute(marks).fetchall() == []
    index.catch_up(at_least=5)
    with kept.database.read() as db:
        assert db.execute(marks).fetchall() == [(5,)]
    index.close()
    kept.database.close()


SECOND = """
import sys
from jitmem import Memory
with Memory.open(sys.argv[1]) as memory:
    for line in sys.stdin:
        best = memory.recall(line.strip(), k=1)
        print(memory._runtime.archive.vectors.owner, *(hit.text for hit in best), sep="|", flush=True)
"""


def test_a_second_process_searches_exactly_until_the_first_is_gone(folder: Path, start: Start) -> None:
    def asked(word: str) -> str:
        assert second.stdin is not None
        assert second.stdout is not None
        print(word, file=second.stdin, flush=True)
        return second.stdout.readline().strip() or second.communicate()[1]

    first = Memory.open(folder)
    first.memorize("Ana bought the mill.")
    assert [hit.text for hit in first.recall("mill")] == ["Ana bought the mill."]
    second = start(SECOND, folder)
    assert asked("mill") == "False|Ana bought the mill."
    first.memorize("Ben works at the bank.")
    assert asked("bank") == "False|Ben works at the bank."
    first.close()
    assert asked("bank") == "True|Ben works at the bank."
    with Memory.open(folder) as third:
        assert third.recall("mill")[0].text == "Ana bought the mill."
        assert not third._runtime.archive.vectors.owner  # type: ignore[attr-defined]


def test_an_index_that_is_damaged_so_that_chroma_ends_the_process_ends_no_second_one(
    folder: Path, start: Start
) -> None:
    with Memory.open(folder, memorize_options=MemorizeOptions(curate=False)) as memory:
        memory.memorize("\n".join(f"Ana: Boat {n}." for n in range(1100)))  # with so many, Chroma has written its graph
        assert memory.recall("boat 7")
    (links,) = (folder / FOLDER).glob("*/link_lists.bin")
    links.write_bytes(bytes(links.stat().st_size))
    start(SECOND, folder).communicate("boat 7\n")  # Chroma 1.5.9 ends this one
    answer, error = start(SECOND, folder).communicate("boat 7\n")
    assert answer.startswith("True|Ana: Boat "), error


@pytest.mark.parametrize("first_kept", [0, 700, 10_000])
def test_many_vectors_of_a_namespace_are_read_in_several_batches(
    folder: Path, monkeypatch: pytest.MonkeyPatch, first_kept: int
) -> None:
    monkeypatch.setattr(vector_index, "FIRST_KEPT", first_kept)
    kept = Kept(folder)
    for part in range(5):
        kept.keep(spread(500, part))
    query = spread(1, 9)[0]
    exact = ExactVectors(kept.store)
    first = exact.search(query, 50, [kept.number()])
    agree(first, kept.exact(query, 50))
    assert exact.search(query, 50, [kept.number()]) == first
    kept.keep(query[None])
    assert round(exact.search(query, 1, [kept.number()])[0][1], 5) == 1.0
    exact.close()
    assert np.isclose(exact.search(query, 1, [kept.number()])[0][1], 1.0)
    kept.database.close()
