"""A damaged file is named, never written, and gives back all that can still be read."""

from __future__ import annotations

import os
import random
import sqlite3
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from subprocess import Popen
from typing import Any

import numpy as np
import pytest
from damaged import NAMESPACES, copy, fill, flips, page_texts, tables, without_vectors

from jitmem import BadInput, JitmemError, Memory, MemoryNotFound, NotOurStore, Session, StoreDamaged, StoreFull
from jitmem.doctor import examine, salvage
from jitmem.stores.integrity.raw_file import RawFile
from jitmem.stores.truth.database import FILE_NAME

FLIPS = int(os.environ.get("JITMEM_FLIPS", "30"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "memory"
    fill(folder)
    return folder


@pytest.fixture(scope="module")
def dense(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return without_vectors(whole, tmp_path_factory.mktemp("dense") / "memory")


# The raw file


def test_the_file_read_without_sqlite_has_the_rows_that_sqlite_reads(whole: Path) -> None:
    assert raw(whole) == ordered(whole)


def test_so_has_a_file_whose_last_transactions_are_in_its_log(folder: Path) -> None:
    with Memory.open(folder) as memory:
        memory.memorize_many([f"Session {n} of the log. " * 60 for n in range(20)])
        assert (folder / f"{FILE_NAME}-wal").stat().st_size > 100_000
        assert raw(folder) == ordered(folder)


def test_a_log_that_was_cut_counts_up_to_its_last_whole_transaction(folder: Path, tmp_path: Path) -> None:
    with Memory.open(folder) as memory:
        memory.memorize_many([f"Session {n} of the log. " * 60 for n in range(20)])
        log = (folder / f"{FILE_NAME}-wal").read_bytes()
        for part in (0.9, 0.5, 0.1):
            cut = copy(folder, tmp_path / f"cut-{part}")
            (cut / f"{FILE_NAME}-wal").write_bytes(log[: int(len(log) * part)])
            found = raw(cut)
            assert found == ordered(cut)  # which opens the log, as SQLite itself recovers it


# What is found


def test_flipped_bytes_are_found_or_are_in_nothing_that_is_kept(whole: Path, tmp_path: Path) -> None:
    """A vector may change in a place behind the comma: it is of the same direction then."""
    kept, known = tables(whole), {finding.what for finding in examine(copy(whole, tmp_path / "same")).findings}
    became: Counter[str] = Counter()
    for seed in range(FLIPS):
        damaged = copy(whole, tmp_path / "damaged", flips(seed))
        before = (damaged / FILE_NAME).read_bytes()
        found = [finding for finding in examine(damaged).findings if finding.what not in known]
        assert [file.name for file in damaged.iterdir()] == [FILE_NAME]
        assert (damaged / FILE_NAME).read_bytes() == before
        if found:
            became["found"] += 1
        else:
            differ = {name: rows for name, rows in tables(damaged).items() if rows != kept[name]}
            assert differ.keys() <= {"embedding", "item_embedding", "entry_embedding"}, f"seed {seed}"
            assert not differ or least_cosine(whole, damaged) > 0.999, f"seed {seed}"
            became["of the same direction" if differ else "in nothing kept"] += 1
    assert became["found"] > FLIPS // 3
    print(dict(became))


def test_flipped_bytes_of_what_is_kept_are_found(dense: Path, tmp_path: Path) -> None:
    """Headers, memos and titles have no hash; they are derived, and a flip that leaves them text is not found."""
    kept = tables(dense)
    missed = []
    for seed in range(FLIPS):
        damaged = copy(dense, tmp_path / "damaged", flips(seed))
        report = examine(damaged)
        if report.healthy and tables(damaged) != kept:
            texts = page_texts(damaged)
            assert texts == page_texts(dense), f"seed {seed}"
            missed.append(seed)
    assert len(missed) <= FLIPS // 10


WRECKS: dict[str, Callable[[bytearray], object]] = {
    "the header": lambda data: data.__setitem__(slice(0, 100), bytes(100)),
    "a header of chance": lambda data: data.__setitem__(slice(0, 100), random.Random(3).randbytes(100)),
    "the first page": lambda data: data.__setitem__(slice(0, 4096), bytes(4096)),
    "the second half": lambda data: data.__delitem__(slice(len(data) // 2, None)),
    "a page in the middle": lambda data: data.__setitem__(slice(40 * 4096, 41 * 4096), bytes(4096)),
    "a third of a page": lambda data: data.__delitem__(slice(len(data) - 1300, None)),
    "a hundred places": flips(3, 100),
}


@pytest.mark.parametrize("what", WRECKS)
def test_a_wreck_is_damaged_and_what_it_still_has_is_told_and_saved(dense: Path, tmp_path: Path, what: str) -> None:
    wreck = copy(dense, tmp_path / "wreck", WRECKS[what])
    before = (wreck / FILE_NAME).read_bytes()
    report = examine(wreck)
    assert not report.healthy
    assert report.verdict.startswith("Damaged")
    assert report.salvageable is not None
    saved = salvage(wreck, tmp_path / "saved")
    assert (saved.pages, saved.items) == (report.salvageable.pages, report.salvageable.items)
    assert saved.pages + saved.items > 0
    assert (wreck / FILE_NAME).read_bytes() == before
    assert examine(tmp_path / "saved").healthy


@pytest.mark.parametrize(
    "content", [b"", b"Dear diary,\n" * 900, b"\0" * 8192, None], ids=["0 bytes", "text", "zeros", "foreign"]
)
def test_what_is_no_memory_is_refused_by_name_and_not_written(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "other" / FILE_NAME
    file.parent.mkdir(mode=0o700)
    if content is None:
        with closing(sqlite3.connect(file)) as db:
            db.executescript("CREATE TABLE page (seq INTEGER PRIMARY KEY, text TEXT); INSERT INTO page VALUES (1, 'x')")
    else:
        file.write_bytes(content)
    file.chmod(0o600)
    before = file.read_bytes()
    if content == b"":
        assert [finding.severity for finding in examine(file.parent).findings] == ["damage"]
    else:
        with pytest.raises(NotOurStore):
            examine(file.parent)
    with pytest.raises(NotOurStore):
        salvage(file.parent, tmp_path / "new")
    with pytest.raises(NotOurStore):
        Memory.open(file.parent)
    assert file.read_bytes() == before
    assert [one.name for one in file.parent.iterdir()] == [FILE_NAME]
    assert not (tmp_path / "new").exists()


def test_a_memory_whose_log_is_lost_is_what_was_in_the_file_and_nothing_is_made_up(
    folder: Path, tmp_path: Path
) -> None:
    with Memory.open(folder) as memory:
        memory.memorize("Filed before.")
    with Memory.open(folder) as memory:
        memory.memorize("Only in the log.")
        lost = copy(folder, tmp_path / "lost")  # without its log
    assert set(page_texts(lost).values()) == {"Filed before."}
    assert examine(lost).healthy
    assert salvage(lost, tmp_path / "saved").pages == 1


# What is saved


def test_a_whole_memory_is_saved_row_for_row(whole: Path, tmp_path: Path) -> None:
    saved = salvage(whole, tmp_path / "saved")
    assert saved.whole
    derived = {"mark"}
    before, after = tables(whole), tables(tmp_path / "saved")
    assert {name for name in before if before[name] != after[name]} <= derived


def test_a_page_is_saved_as_it_was_filed_or_named_as_lost(dense: Path, tmp_path: Path) -> None:
    filed, shares = page_texts(dense), []
    for seed in range(FLIPS // 2):
        damaged = copy(dense, tmp_path / f"damaged-{seed}", flips(seed, 12))
        saved = salvage(damaged, tmp_path / f"saved-{seed}")
        texts = page_texts(tmp_path / f"saved-{seed}")
        assert {page_id: filed[page_id] for page_id in texts} == texts
        assert filed.keys() - texts.keys() <= set(saved.lost_pages)
        assert examine(tmp_path / f"saved-{seed}").healthy, f"seed {seed}"
        shares.append(len(texts) / len(filed))
    assert np.mean(shares) > 0.8
    print(f"{np.mean(shares):.3f} of the pages saved, {min(shares):.3f} at least")


def test_a_saved_memory_answers_and_goes_on(dense: Path, tmp_path: Path) -> None:
    damaged = copy(dense, tmp_path / "damaged", flips(1, 12))
    salvage(damaged, tmp_path / "saved")
    with Memory.open(tmp_path / "saved") as memory:
        assert memory.recall("river mill")
        assert memory.memorize("A new day at the mill.").page_ids
        assert memory.resume() == [] or memory.stats()["waiting"] == 0


def test_a_session_that_lost_a_page_is_named_and_can_be_memorized_again(folder: Path, tmp_path: Path) -> None:
    text = "".join(f"Sentence {n} of the long letter from the harbour. " for n in range(900))
    with Memory.open(folder) as memory:
        ids = memory.memorize(Session(text=text, id="letter")).page_ids
    assert len(ids) > 3
    damaged = copy(folder, tmp_path / "damaged", spoil(b"Sentence 300 of"))
    saved = salvage(damaged, tmp_path / "saved")
    assert saved.incomplete_sessions == ["letter"]
    assert len(saved.lost_pages) == 1
    with Memory.open(tmp_path / "saved") as memory:
        left = memory.pages()
        assert [page.id for page in left] == [one for one in ids if one not in saved.lost_pages]
        assert {page.session_id for page in left} == {f"letter (salvaged: {len(ids) - 1} of {len(ids)} pages)"}
        again = memory.memorize(Session(text=text, id="letter"))
        assert not again.duplicate
        assert "".join(page.text for page in memory.pages(session_id="letter")) == text


def test_what_was_forgotten_is_not_brought_back(folder: Path, tmp_path: Path) -> None:
    with Memory.open(folder) as memory:
        secret = memory.memorize("The secret is under the stone.").page_ids[0]
        memory.memorize("Nothing to hide.")
        memory.forget(page_id=secret)
    damaged = copy(folder, tmp_path / "damaged", lambda data: data.__setitem__(slice(0, 100), bytes(100)))
    salvage(damaged, tmp_path / "saved")
    assert set(page_texts(tmp_path / "saved").values()) == {"Nothing to hide."}
    assert b"under the stone" not in (tmp_path / "saved" / FILE_NAME).read_bytes()


WITHOUT_EXTRA = """
import sys
sys.modules["dissect"] = None
from jitmem import MissingPackage
from jitmem.doctor import examine, salvage
print(examine(sys.argv[1]).healthy)
for verb in (lambda: examine(sys.argv[2]), lambda: salvage(sys.argv[2], sys.argv[2] + "-saved")):
    try:
        verb()
    except MissingPackage as error:
        print(error)
"""


def test_without_its_extra_a_healthy_memory_is_examined_and_a_damaged_one_names_the_extra(
    whole: Path, tmp_path: Path, start: Callable[..., Popen[str]]
) -> None:
    healthy = copy(whole, tmp_path / "healthy")
    damaged = copy(whole, tmp_path / "damaged", lambda data: data.__setitem__(slice(0, 100), bytes(100)))
    output, errors = start(WITHOUT_EXTRA, healthy, damaged).communicate()
    message = 'Reading a damaged file needs dissect.database; install it with: pip install "jitmem[doctor]"'
    assert (output.splitlines(), errors) == (["True", message, message], "")


def test_an_overflow_chain_that_runs_in_a_circle_ends(folder: Path, tmp_path: Path) -> None:
    with Memory.open(folder) as memory:
        memory.memorize("A long day at the river and the mill. " * 900)
        memory.memorize("A short day.")
    data = (folder / FILE_NAME).read_bytes()
    (first, second, *_) = [
        at // 4096 + 1 for at in range(0, len(data), 4096) if data[at + 4 : at + 4096].count(b"river") > 90
    ]
    damaged = copy(
        folder,
        tmp_path / "damaged",
        lambda content: content.__setitem__(
            slice((second - 1) * 4096, (second - 1) * 4096 + 4), first.to_bytes(4, "big")
        ),
    )
    saved = salvage(damaged, tmp_path / "saved")
    assert "A short day." in page_texts(tmp_path / "saved").values()
    assert saved.lost_pages


def test_a_broken_header_loses_no_page(dense: Path, tmp_path: Path) -> None:
    for name in ("the header", "a header of chance"):
        salvage(copy(dense, tmp_path / "wreck", WRECKS[name]), tmp_path / name)
        assert page_texts(tmp_path / name) == page_texts(dense)


def test_salvage_writes_into_nothing_that_is_there(whole: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(BadInput, match="not empty"):
        salvage(whole, tmp_path)
    with pytest.raises(BadInput, match="lies in the damaged memory"):
        salvage(whole, whole / "new")
    with pytest.raises(MemoryNotFound):
        salvage(tmp_path / "nowhere", tmp_path / "new")
    assert [one.name for one in tmp_path.iterdir()] == ["mine"]


# Work over damage


def test_a_page_that_is_not_what_was_filed_is_not_handed_out(folder: Path) -> None:
    with Memory.open(folder) as memory:
        page_id = memory.memorize("Ana works in Porto.").page_ids[0]
    with closing(sqlite3.connect(folder / FILE_NAME)) as db:
        db.execute("UPDATE page SET text = 'Ana works in Braga.'")
        db.commit()
    with Memory.open(folder) as memory:
        for work in (lambda: memory.page(page_id), memory.pages, lambda: memory.research("Where does Ana work?")):
            with pytest.raises(StoreDamaged, match=f"page {page_id}.*jitmem doctor"):
                work()


def test_an_error_of_a_damaged_text_does_not_show_the_text(folder: Path) -> None:
    with Memory.open(folder) as memory:
        memory.memorize("The secret is full of wonders.")
    with closing(sqlite3.connect(folder / FILE_NAME)) as db:
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE page SET text = CAST(CAST(text AS BLOB) || x'ff' AS TEXT)")
        db.commit()
    with Memory.open(folder) as memory, pytest.raises(StoreDamaged, match="jitmem doctor") as raised:
        memory.pages()
    assert "secret" not in str(raised.value)
    assert not isinstance(raised.value, StoreFull)  # "full" stands in the text, and SQLite puts that into its message


def test_an_item_that_can_be_read_by_nobody_and_stands_in_the_way_is_named_as_damage(folder: Path) -> None:
    with Memory.open(folder) as memory:
        memory.items.insert("Ana lives in Porto.")
    with closing(sqlite3.connect(folder / FILE_NAME)) as db:
        db.execute("DELETE FROM item_version")
        db.commit()
    with Memory.open(folder) as memory, pytest.raises(StoreDamaged, match="jitmem doctor"):
        memory.items.insert("Ana lives in Porto.")


def test_every_verb_over_flipped_bytes_raises_only_errors_by_name(dense: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(dense / FILE_NAME)) as db:
        pages = [one for (one,) in db.execute("SELECT id FROM page LIMIT 2")]
        items = [one for (one,) in db.execute("SELECT id FROM item WHERE sketch IS NOT NULL LIMIT 2")]
    met: Counter[str] = Counter()
    unnamed: list[str] = []
    for seed in range(6):
        damaged = copy(dense, tmp_path / f"damaged-{seed}", flips(seed, 8))
        try:
            memory = Memory.open(damaged)
        except JitmemError as error:
            met[type(error).__name__] += 1
            continue
        with memory, warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            for verb in verbs(memory, pages, items):
                try:
                    verb()
                except StoreDamaged as error:
                    met["StoreDamaged"] += 1
                    unnamed += [str(error)] if "jitmem doctor" not in str(error) else []
                except JitmemError as error:
                    met[type(error).__name__] += 1
    assert met["StoreDamaged"] > 0
    assert unnamed == []


def verbs(memory: Memory, pages: list[str], items: list[str]) -> Iterator[Callable[[], Any]]:
    store = memory.as_store()
    other = memory.for_namespace(NAMESPACES[1])
    yield memory.stats
    yield memory.pages
    yield from (lambda one=one: memory.page(one) for one in pages)  # type: ignore[misc]
    yield memory.items.list
    yield from (lambda one=one: memory.items.history(one) for one in items)  # type: ignore[misc]
    yield lambda: memory.items.as_of("2030-01-01")
    yield lambda: memory.admin.proposals(waiting=False)
    yield lambda: memory.recall("river mill")
    yield lambda: memory.research("Where is the river?", depth=2)
    yield lambda: list(memory.stream("When did the mill burn down?", depth=1))
    yield lambda: memory.estimate("Who?")
    yield lambda: memory.items.insert("A new thing.")
    yield lambda: memory.items.update("core", "Ana sold the mill.")
    yield lambda: memory.items.delete(items[0])
    yield lambda: memory.items.undo(5)
    yield lambda: memory.admin.approve(1)
    yield memory.resume
    yield lambda: memory.memorize("A new day at the harbour.")
    yield from (
        lambda tool=tool: tool.invoke({"query": "river"}) for tool in memory.tools(["search_pages", "memory_search"])
    )  # type: ignore[misc]
    yield lambda: memory.as_retriever().invoke("river")
    yield lambda: store.get(("prefs", "x"), "colour")
    yield lambda: store.search(("prefs",), query="blue")
    yield lambda: store.put(("prefs", "x"), "size", {"text": "large"})
    yield store.list_namespaces
    yield lambda: other.recall("flour")
    yield other.pages
    yield memory.flush


def raw(folder: Path) -> dict[str, list[str]]:
    """Every row of every table, read without SQLite."""
    with closing(RawFile(folder / FILE_NAME)) as file:
        master = [values for page in file.pages_with_rows(1) for _, values in file.records(page)]
        return {
            str(name): sorted(
                row_text(values) for page in file.pages_with_rows(int(str(root))) for _, values in file.records(page)
            )
            for kind, name, _, root, _ in master
            if kind == "table"
        }


def ordered(folder: Path) -> dict[str, list[str]]:
    """The same by SQLite, with NULL for the column that is the rowid, as the file has it."""
    with closing(sqlite3.connect(folder / FILE_NAME)) as db:
        found = {}
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            columns = db.execute(f"PRAGMA table_info({name})").fetchall()
            keys = [row[1] for row in columns if row[5]]
            alias = [row[1] for row in columns if keys == [row[1]] and row[2] == "INTEGER"]
            shown = ", ".join("NULL" if row[1] in alias else f'"{row[1]}"' for row in columns)
            found[name] = sorted(row_text(row) for row in db.execute(f"SELECT {shown} FROM {name} NOT INDEXED"))
        return found


def row_text(values: Sequence[object]) -> str:
    """A whole number in a REAL column lies in the file as an integer."""
    return repr([int(one) if isinstance(one, float) and one.is_integer() else one for one in values])


def least_cosine(one: Path, other: Path) -> float:
    """Of the vectors of two files that should have the same."""
    least = 1.0
    with closing(sqlite3.connect(one / FILE_NAME)) as db, closing(sqlite3.connect(other / FILE_NAME)) as changed:
        for table in ("embedding", "item_embedding", "entry_embedding"):
            query = f"SELECT vector FROM {table} ORDER BY rowid"
            for (a,), (b,) in zip(db.execute(query), changed.execute(query), strict=True):
                if a != b and any(a):
                    left, right = (np.frombuffer(vector, "<f4").astype(np.float64) for vector in (a, b))
                    least = min(least, float(left @ right / np.linalg.norm(left) / np.linalg.norm(right)))
    return least


def spoil(words: bytes) -> Callable[[bytearray], None]:
    """8 random bytes in the middle of some words."""

    def change(data: bytearray) -> None:
        at = data.find(words)
        assert at > 0
        data[at : at + 8] = random.Random(1).randbytes(8)

    return change
