"""Memories of every earlier schema open, are upgraded whole or not at all, and say what became of them."""

from __future__ import annotations

import gzip
import io
import logging
import re
import signal
import sqlite3
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from jitmem import Memory, StoreFull, StoreIsNewer
from jitmem.stores.truth.database import FILE_NAME, SCHEMA_MARK, SCHEMA_VERSION
from jitmem.stores.truth.migrations import CHANGES, copies

RELEASED = sorted((Path(__file__).parent / "released").glob("schema-*.sqlite3.gz"))
OLD = [file for file in RELEASED if f"-{SCHEMA_VERSION}." not in file.name]
Start = Callable[..., "subprocess.Popen[str]"]


def version_of(file: Path) -> int:
    return int(re.findall(r"-(\d+)\.", file.name)[0])


def laid(released: Path, folder: Path) -> Path:
    """A memory as the jitmem of that time left it; its Chroma folder is derived, and not kept."""
    folder.mkdir(mode=0o700)
    (folder / FILE_NAME).write_bytes(gzip.decompress(released.read_bytes()))
    (folder / FILE_NAME).chmod(0o600)
    return folder


def asked(folder: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(folder / FILE_NAME)) as db:
        return db.execute(query).fetchall()


def schema_of(folder: Path) -> dict[str, str]:
    """Each table, index and view, without white space and comments."""
    rows = asked(folder, "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name")
    plain = re.compile(r"--[^\n]*|\bIF NOT EXISTS\b|\s+")
    return {str(name): plain.sub("", str(sql)) for name, sql in rows}


def test_every_schema_there_was_has_a_memory_here() -> None:
    assert [version_of(file) for file in RELEASED] == list(range(1, SCHEMA_VERSION + 1))
    assert all(file.stat().st_size < 200_000 for file in RELEASED)


@pytest.mark.parametrize("released", RELEASED, ids=lambda file: file.name)
def test_a_memory_of_each_schema_is_opened_researched_finished_and_exported(released: Path, tmp_path: Path) -> None:
    with Memory.open(laid(released, tmp_path / "memory"), namespace="alice") as memory:
        assert [page.session_id for page in memory.pages()] == ["walk", "diary"]
        assert "I bought the mill in Viana for 84,000 euros." in memory.research("What did Ana buy?").context
        assert memory.recall("miller")[0].text.startswith("Ana works as a miller now.")
        assert [filed.session_id for filed in memory.resume()] == ["waits"]
        assert memory.for_namespace("bob").recall("bees")[0].text == "Bob keeps bees above the village."
        if version_of(released) > 1:
            assert {item.content for item in memory.items.list()} >= {
                "Ana drinks her coffee with milk.",
                "Ana moved to Viana.",
            }
            assert [one.edit.content for one in memory.admin.proposals()] == ["Ana is allergic to nuts."]
            assert memory.as_store().get(("prefs", "ui"), "theme").value == {"text": "dark", "size": 2}  # type: ignore[union-attr]
        assert memory.items.insert("Ana bakes.").status == "applied"
        file = io.BytesIO()
        lines = memory.transfer.export(file).lines
    assert (lines["session"], lines["page"]) == (3, 3)
    with Memory.open(tmp_path / "other", namespace="alice") as other:
        file.seek(0)
        assert other.transfer.import_(file).notes == []


def test_the_memory_of_the_newest_schema_has_it_as_it_is_now(tmp_path: Path) -> None:
    """Else the schema was changed: write it anew with `python tests/released/make.py`."""
    laid(RELEASED[-1], tmp_path / "memory")
    Memory.open(tmp_path / "new").close()
    assert schema_of(tmp_path / "memory") == schema_of(tmp_path / "new")


@pytest.mark.parametrize("released", OLD, ids=lambda file: file.name)
def test_an_upgraded_memory_has_the_schema_of_a_new_one(released: Path, tmp_path: Path) -> None:
    Memory.open(laid(released, tmp_path / "memory")).close()
    Memory.open(tmp_path / "new").close()
    assert schema_of(tmp_path / "memory") == schema_of(tmp_path / "new")
    assert asked(tmp_path / "memory", "PRAGMA user_version") == [(SCHEMA_VERSION,)]
    assert asked(tmp_path / "memory", "PRAGMA integrity_check") == [("ok",)]


@pytest.mark.parametrize("released", OLD, ids=lambda file: file.name)
def test_a_private_copy_of_before_is_kept_and_told(
    released: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder, version = laid(released, tmp_path / "memory"), version_of(released)
    with caplog.at_level(logging.WARNING, "jitmem"):
        Memory.open(folder).close()
    [copy] = copies(folder)
    assert copy.name == f"truth.sqlite3.v{version}-copy"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    [told] = caplog.messages
    assert f"upgraded from schema {version} to {SCHEMA_VERSION}" in told
    assert f"{copy.name}; remove it" in told
    (tmp_path / "before").mkdir()
    copy.rename(tmp_path / "before" / FILE_NAME)
    before, original = tmp_path / "before", laid(released, tmp_path / "original")
    for query in ("SELECT * FROM page ORDER BY seq", "SELECT * FROM session ORDER BY n", "PRAGMA user_version"):
        assert asked(before, query) == asked(original, query)


def test_a_memory_of_today_is_not_copied(tmp_path: Path) -> None:
    Memory.open(laid(RELEASED[-1], tmp_path / "memory")).close()
    assert copies(tmp_path / "memory") == []


# What goes wrong


@pytest.fixture
def broken() -> Iterator[Callable[[Callable[[sqlite3.Connection], object]], None]]:
    """Puts a change in the place of the newest schema's, and takes it away again."""
    own = CHANGES[SCHEMA_VERSION]
    yield lambda change: CHANGES.update({SCHEMA_VERSION: change})
    CHANGES[SCHEMA_VERSION] = own


def test_an_upgrade_that_fails_leaves_the_old_memory_and_no_copy(
    tmp_path: Path, broken: Callable[[Callable[[sqlite3.Connection], object]], None]
) -> None:
    folder = laid(OLD[0], tmp_path / "memory")

    def fails(db: sqlite3.Connection) -> None:
        db.execute("UPDATE page SET text = ''")
        raise RuntimeError("a step that is wrong")

    own = CHANGES[SCHEMA_VERSION]
    broken(fails)
    with pytest.raises(RuntimeError, match="a step that is wrong"):
        Memory.open(folder)
    assert asked(folder, "PRAGMA user_version") == [(version_of(OLD[0]),)]
    assert asked(folder, "SELECT count(*) FROM page WHERE text != ''") == [(3,)]
    assert copies(folder) == []
    broken(own)
    with Memory.open(folder, namespace="alice") as memory:
        assert len(memory.pages()) == 2


KILLED = """
import os, signal, sys
from pathlib import Path
from jitmem.stores.truth.database import SqliteDatabase
from jitmem.stores.truth.migrations import CHANGES
def dies(db):
    db.execute("CREATE TABLE half (a)")
    db.execute("INSERT INTO half WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 200000) SELECT i FROM n")
    db.execute("UPDATE page SET text = ''")
    os.kill(os.getpid(), signal.SIGKILL)
CHANGES[int(sys.argv[2])] = dies
SqliteDatabase(Path(sys.argv[1]), create=False)
"""


@pytest.mark.parametrize("step", range(2, SCHEMA_VERSION + 1))
def test_an_upgrade_that_is_killed_leaves_the_old_memory_and_the_next_one_finishes(
    tmp_path: Path, start: Start, step: int
) -> None:
    folder = laid(OLD[0], tmp_path / "memory")
    child = start(KILLED, folder, step)
    _, errors = child.communicate(timeout=300)
    assert child.returncode == -signal.SIGKILL, errors
    assert asked(folder, "PRAGMA user_version") == [(version_of(OLD[0]),)]
    assert asked(folder, "SELECT count(*) FROM page WHERE text != ''") == [(3,)]
    assert asked(folder, "SELECT count(*) FROM sqlite_master WHERE name = 'half'") == [(0,)]
    with Memory.open(folder, namespace="alice") as memory:
        assert len(memory.pages()) == 2
    assert [copy.name for copy in copies(folder)] == [f"truth.sqlite3.v{version_of(OLD[0])}-copy"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a small disk of so many bytes."""
    mounted = []

    def mount(size: str) -> Path:
        place = tmp_path / f"disk-{size}"
        place.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place], capture_output=True, check=False
        )
        if done.returncode:
            pytest.skip("mounting a small disk needs root")
        mounted.append(place)
        return place

    yield mount
    for place in mounted:
        subprocess.run(["umount", "-l", place], check=True)


@pytest.mark.parametrize(("size", "where"), [("160k", "the copy"), ("420k", "the steps")])
def test_a_full_disk_leaves_the_old_memory_and_it_is_upgraded_once_there_is_room(
    small_disk: Callable[[str], Path], size: str, where: str
) -> None:
    disk = small_disk(size)
    folder = laid(OLD[0], disk / "memory")

    def grows(db: sqlite3.Connection) -> None:
        db.execute(
            "CREATE TABLE big AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 60000) SELECT i FROM n"
        )

    if where == "the steps":
        CHANGES[2] = grows
    try:
        with pytest.raises(StoreFull):
            Memory.open(folder)
    finally:
        CHANGES.pop(2, None)
    assert [entry.name for entry in folder.iterdir() if "copy" in entry.name] == []
    subprocess.run(["mount", "-o", "remount,size=16m", disk], check=True)
    assert asked(folder, "PRAGMA user_version") == [(version_of(OLD[0]),)]
    with Memory.open(folder, namespace="alice") as memory:
        assert len(memory.pages()) == 2


OPENS = """
import sys
from pathlib import Path
from jitmem.stores.truth.database import SqliteDatabase
print("ready", flush=True)
sys.stdin.readline()
with SqliteDatabase(Path(sys.argv[1]), create=False).read() as db:
    print(db.execute("SELECT count(*) FROM item").fetchone()[0], flush=True)
"""


def test_of_processes_that_open_it_at_once_one_upgrades(tmp_path: Path, start: Start) -> None:
    folder = laid(OLD[0], tmp_path / "memory")
    children = [start(OPENS, folder) for _ in range(3)]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    told = []
    for child in children:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()
    for child in children:
        out, errors = child.communicate(timeout=300)
        assert (child.returncode, out) == (0, "0\n"), errors
        told.append("upgraded from" in errors)
    assert sorted(told) == [False, False, True]


# Who has it open meanwhile


def test_a_process_that_has_it_open_goes_on_and_sees_what_the_new_one_writes(tmp_path: Path) -> None:
    folder = laid(OLD[-1], tmp_path / "memory")
    with closing(sqlite3.connect(folder / FILE_NAME, isolation_level=None)) as old:
        assert old.execute("SELECT count(*) FROM page").fetchone() == (3,)
        with Memory.open(folder, namespace="alice") as memory:
            memory.memorize("Filed after the upgrade.")  # and what had waited
            assert old.execute("SELECT count(*) FROM page").fetchone() == (5,)
            old.execute("UPDATE page SET memo = 'by the old process' WHERE seq = 1")
            assert memory.pages()[0].memo == "by the old process"


def test_a_memory_that_a_newer_jitmem_upgrades_meanwhile_is_read_and_not_written(tmp_path: Path) -> None:
    with Memory.open(tmp_path / "memory") as memory:
        memory.memorize("Ana bought the mill.")
        with closing(sqlite3.connect(tmp_path / "memory" / FILE_NAME)) as newer:
            newer.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
            newer.execute("INSERT OR REPLACE INTO mark VALUES (?, ?)", (SCHEMA_MARK, SCHEMA_VERSION + 1))
            newer.commit()
        with pytest.raises(StoreIsNewer, match="upgrade jitmem"):
            memory.memorize("Ben left.")
        assert [page.text for page in memory.pages()] == ["Ana bought the mill."]
    with pytest.raises(StoreIsNewer):
        Memory.open(tmp_path / "memory")


def test_the_copy_replaces_one_that_a_killed_upgrade_has_left(tmp_path: Path) -> None:
    folder = laid(OLD[0], tmp_path / "memory")
    for name in ("truth.sqlite3.v1-copy", ".truth.sqlite3.v1-copy.part"):
        (folder / name).write_text("half")
    Memory.open(folder).close()
    assert [copy.name for copy in copies(folder)] == ["truth.sqlite3.v1-copy"]
    with closing(sqlite3.connect(copies(folder)[0])) as db:
        assert db.execute("SELECT count(*) FROM page").fetchone() == (3,)
