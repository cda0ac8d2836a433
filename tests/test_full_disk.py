"""A full disk undoes what does not fit, says so by name, and ends no reading; when there is room again, all goes on."""

from __future__ import annotations

import gzip
import logging
import os
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from torture import plan
from torture.index_check import check_indexes
from torture.ledger import Ledger
from torture.truth_check import check_truth
from torture.writer import OPTIONS

import jitmem.stores.index.chroma_folder
from jitmem import Memory, StoreFull
from jitmem.nodes.options import Effort
from jitmem.stores.index.chroma_folder import FOLDER, REST_S, ChromaFolder
from jitmem.stores.truth.database import FILE_NAME

OLD = Path(__file__).parent / "released" / "schema-1.sqlite3.gz"
KEPT = range(5)


class Disk:
    """A file system of a few MB."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._filler = root / "filler"

    def fill(self, *, but: int = 0) -> None:
        """Leave so many bytes free."""
        with self._filler.open("ab", buffering=0) as file:
            for size in (4096, 1):
                try:
                    while self.free() > but:
                        file.write(b"x" * size)
                except OSError:
                    continue

    def free(self) -> int:
        """In bytes."""
        told = os.statvfs(self.root)
        return told.f_bavail * told.f_frsize

    def clear(self) -> None:
        """Take the filler away."""
        self._filler.unlink(missing_ok=True)


@contextmanager
def mounted(root: Path, size_kb: int) -> Iterator[Disk]:
    root.mkdir(mode=0o700, exist_ok=True)
    if os.name != "posix" or os.geteuid():
        pytest.skip("a small file system needs root, to be mounted")
    command = ["mount", "-t", "tmpfs", "-o", f"size={size_kb}k,mode=700", "tmpfs", str(root)]
    if (done := subprocess.run(command, capture_output=True, text=True, check=False)).returncode:
        pytest.skip(f"a small file system cannot be mounted here: {done.stderr.strip()}")
    try:
        yield Disk(root)
    finally:
        subprocess.run(["umount", "--lazy", str(root)], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with mounted(tmp_path / "disk", 3072) as made:
        yield made


@pytest.fixture
def kept(disk: Disk) -> Iterator[Memory]:
    """A memory on the small disk, with a few sessions that have vectors, and items that have none yet."""
    with Memory.open(disk.root / "memory", memorize_options=OPTIONS) as memory:
        memory.memorize_many(map(plan.session, KEPT))
        memory.recall("harbour")
        memory.items.insert("Cleo keeps bees.")
        memory.items.update("core", "Cleo is who we talk about.")
        memory.as_store().put(("notes",), "one", {"text": "A note on bees."})
        yield memory


def nothing_is_torn(memory: Memory, sessions: range | list[int] = KEPT) -> None:
    assert not check_truth(memory._runtime.database.path.parent, Ledger(sessions_begun=list(sessions)))  # type: ignore[attr-defined]


WRITES: dict[str, Callable[[Memory], object]] = {
    "memorize": lambda memory: memory.memorize(plan.session(7)),
    "a session larger than the disk": lambda memory: memory.memorize("word " * 600_000),
    "memorize_many": lambda memory: memory.memorize_many([plan.session(8), plan.session(9)]),
    "accept": lambda memory: memory.accept(plan.session(10)),
    "remember": lambda memory: memory.items.insert("Ben keeps goats."),
    "edit": lambda memory: memory.items.update("core", "Cleo and Ben. " * 20),
    "delete": lambda memory: memory.items.delete("core"),
    "put": lambda memory: memory.as_store().put(("notes",), "two", {"text": "x" * 8000}),
}


@pytest.mark.parametrize("what", WRITES)
def test_what_does_not_fit_is_undone_whole_and_named_and_works_when_there_is_room(
    what: str, kept: Memory, disk: Disk
) -> None:
    before = kept.stats(), kept.items.list(), kept.pages()
    disk.fill()
    with pytest.raises(StoreFull, match=r"The disk of .* is full; nothing was changed\. Free some space"):
        WRITES[what](kept)
    assert (kept.stats(), kept.items.list(), kept.pages()) == before
    nothing_is_torn(kept)
    disk.clear()
    if "larger" in what:
        with pytest.raises(StoreFull):
            WRITES[what](kept)
        kept.memorize(plan.session(7))
        assert kept.stats()["sessions"] == len(KEPT) + 1
    else:
        WRITES[what](kept)
        assert (kept.stats(), kept.items.list()) != before[:2] or what == "put"


READS: dict[str, Callable[[Memory], object]] = {
    "recall": lambda memory: [hit.text for hit in memory.recall("boat number 3")],
    "research": lambda memory: memory.research("Which boat did Ben repair on 4 May 1903?").context,
    "pages": lambda memory: memory.pages(),
    "items": lambda memory: memory.items.list(),
    "history": lambda memory: [memory.items.history(item.id) for item in memory.items.list()],
    "item search": lambda memory: tool(memory, "memory_search").invoke("Who keeps bees?"),
    "store": lambda memory: memory.as_store().get(("notes",), "one"),
    "store search": lambda memory: [found.key for found in memory.as_store().search(("notes",), query="bees")],
}


def tool(memory: Memory, name: str):  # type: ignore[no-untyped-def]
    return memory.tools([name])[0]


@pytest.mark.parametrize("what", READS)
def test_reading_goes_on_with_what_has_no_vector_yet_too(
    what: str, kept: Memory, disk: Disk, caplog: pytest.LogCaptureFixture
) -> None:
    disk.fill()
    while_full = READS[what](kept)
    assert while_full
    disk.clear()
    with Memory.open(disk.root / "memory") as other:
        assert what == "item search" or READS[what](other) == while_full


@pytest.mark.parametrize("effort", ["recall", "fast", "deep"])
def test_a_question_whose_sessions_lack_vectors_is_answered_and_the_failure_named_once(
    effort: Effort, kept: Memory, disk: Disk
) -> None:
    with kept._runtime.database.write() as db:  # type: ignore[attr-defined]
        db.execute("DELETE FROM embedding")
        db.execute("DELETE FROM mark WHERE name LIKE 'embedded%'")
    disk.fill()
    for _ in range(2):  # at first it tries to embed, then it knows that there is no room
        result = kept.research("Which boat did Ben repair on 4 May 1903?", effort=effort)
        assert "boat number 3" in result.context
        failures = [failure for failure in result.failures if "passages" in failure["message"]]
        assert [(one["step"], one["error"]) for one in failures] == [("embed", "StoreFull")]
        assert "have no vector yet are searched by their words alone: The disk of" in failures[0]["message"]
        assert kept.recall("boat number 3")
    disk.clear()
    with Memory.open(disk.root / "memory") as other:
        assert other.research("Which boat did Ben repair on 4 May 1903?", effort=effort).failures == ()


STANDS = ("nothing was changed", "The session waits in the journal", "The session is filed")


def test_a_session_that_fits_without_its_vectors_is_filed_and_the_error_says_so(kept: Memory, disk: Disk) -> None:
    text = "\n".join(f"Ana: Rope {n} is {n * 7} feet long, and rope {n + 1} is longer." for n in range(120))
    needed = len(text)
    told: list[str] = []
    for room in range(0, 40 * needed, needed // 2):
        disk.clear()
        disk.fill(but=room)
        with pytest.raises(StoreFull) as caught:
            kept.memorize(text)
        stats = kept.stats()
        accepted = stats["sessions"] - len(KEPT)
        stands = STANDS[accepted + accepted * (1 - stats["waiting"])]
        assert stands in str(caught.value)
        told.append(stands)
        if stands == "The session is filed":
            break
    assert len(set(told)) == 3
    filed = [page for page in kept.pages() if "Rope 7 " in page.text]
    assert filed
    assert kept.recall("rope 7 feet long")
    disk.clear()
    assert kept.memorize(text).duplicate
    assert "".join(page.text for page in kept.pages(session_id=filed[0].session_id)) == text
    with Memory.open(disk.root / "memory") as fresh:
        assert [fault for fault in check_indexes(kept, fresh) if "its fact" not in fault] == []


# Opening


def test_a_memory_that_cannot_be_made_leaves_nothing_behind(disk: Disk) -> None:
    disk.fill()
    with pytest.raises(StoreFull, match="is full"):
        Memory.open(disk.root / "memory")
    assert not list(disk.root.rglob("*truth*"))
    disk.clear()
    with Memory.open(disk.root / "memory") as memory:
        memory.memorize(plan.session(1))


def test_a_memory_that_is_opened_while_the_disk_is_full_says_so_and_stays_as_it_was(disk: Disk) -> None:
    with Memory.open(disk.root / "memory") as memory:
        memory.memorize(plan.session(1))
    before = (disk.root / "memory" / FILE_NAME).read_bytes()
    disk.fill()
    with pytest.raises(StoreFull, match="is full"):
        Memory.open(disk.root / "memory")
    assert (disk.root / "memory" / FILE_NAME).read_bytes() == before
    disk.clear()
    with Memory.open(disk.root / "memory") as memory:
        assert [page.text for page in memory.pages()] == [plan.session(1).text]


def test_a_memory_that_somebody_has_open_is_opened_and_read_on_a_full_disk(kept: Memory, disk: Disk) -> None:
    disk.fill()
    with Memory.open(disk.root / "memory") as memory:
        assert memory.pages() == kept.pages()
        assert memory.recall("boat number 1")
        with pytest.raises(StoreFull):
            memory.memorize(plan.session(7))
        disk.clear()
        memory.memorize(plan.session(7))
        assert memory.pages() == kept.pages()


def test_an_upgrade_that_does_not_fit_leaves_the_memory_as_it_was(disk: Disk) -> None:
    folder = disk.root / "memory"
    folder.mkdir(mode=0o700)
    old = gzip.decompress(OLD.read_bytes())
    (folder / FILE_NAME).write_bytes(old)
    for room in (0, 4096, len(old) // 2, len(old) + 8192):
        disk.fill(but=room)
        with pytest.raises(StoreFull, match="full"):
            Memory.open(folder)
        disk.clear()
        assert [path for path in folder.iterdir() if "copy" in path.name] == []
        with closing(sqlite3.connect(folder / FILE_NAME)) as db:
            assert db.execute("PRAGMA user_version").fetchone() == (1,)
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    with Memory.open(folder, namespace="alice") as memory:
        assert memory.pages()
        memory.memorize(plan.session(1))


# Chroma's own files


@contextmanager
def chroma_on_a_disk(folder: Path, size_kb: int) -> Iterator[Disk]:
    """Chroma's folder alone is on a small disk, on which there are other files, too."""
    with mounted(folder.with_name("disk"), size_kb) as disk:
        for point in (disk.root / FOLDER, folder / FOLDER):
            point.mkdir(mode=0o700)
        subprocess.run(["mount", "--bind", str(disk.root / FOLDER), str(folder / FOLDER)], check=True)
        try:
            yield disk
        finally:
            subprocess.run(["umount", "--lazy", str(folder / FOLDER)], check=True)


@pytest.mark.parametrize("before", ["fed", "begun"])
def test_where_chromas_files_cannot_grow_vectors_are_compared_one_by_one_and_the_log_says_so(
    before: str, folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.WARNING, logger="jitmem")  # whatever another test has left at the root
    Memory.open(folder).close()
    with chroma_on_a_disk(folder, 1024) as disk, Memory.open(folder, memorize_options=OPTIONS) as memory:
        if before == "fed":
            memory.memorize(plan.session(0))
            memory.recall("harbour")
            assert vectors(memory).owner
        disk.fill()
        monkeypatch.setattr(jitmem.stores.index.chroma_folder, "REST_S", 0.0)  # so that it fails often
        for n in range(1, 5):
            memory.memorize(plan.session(n))
            assert f"boat number {n}." in " ".join(hit.text for hit in memory.recall(f"boat number {n}"))
        memory.flush()
        assert "On 4 May 1903 I repaired boat number 3" in memory.research("Who repaired boat number 3?").context
        warned = [record for record in caplog.records if "Chroma cannot work" in record.message]
        assert {record.levelno for record in warned} == {logging.WARNING}, (vectors(memory).owner, caplog.records)
        disk.clear()
        assert memory.recall("boat number 3")
        memory.flush()
        with Memory.open(folder) as fresh:
            assert check_indexes(memory, fresh) == []


def test_a_chroma_that_has_failed_is_left_behind_since_stopping_it_may_never_end(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chromadb.api.rust import RustBindingsAPI

    stopped: list[RustBindingsAPI] = []
    stop = RustBindingsAPI.stop
    monkeypatch.setattr(RustBindingsAPI, "stop", lambda chroma: (stopped.append(chroma), stop(chroma)))
    Memory.open(folder).close()
    with chroma_on_a_disk(folder, 1024) as disk:
        with Memory.open(folder, memorize_options=OPTIONS) as memory:
            memory.memorize(plan.session(0))
            memory.recall("harbour")
            assert vectors(memory).owner
            disk.fill()
            memory.memorize(plan.session(1))
            memory.recall("harbour")
            assert not vectors(memory).owner
        assert stopped == []
        disk.clear()
        with Memory.open(folder) as memory:
            assert memory.recall("harbour")
            assert vectors(memory).owner
        assert len(stopped) == 1


def test_after_each_failure_chroma_is_left_alone_for_twice_as_long(folder: Path) -> None:
    chroma = ChromaFolder(folder)
    rested = []
    for _ in range(4):
        chroma.back_off()
        rested.append(round((chroma._rests_until - time.monotonic()) / REST_S))
    assert rested == [1, 2, 4, 8]


def vectors(memory: Memory):  # type: ignore[no-untyped-def]
    return memory._runtime.archive.vectors  # type: ignore[attr-defined]
