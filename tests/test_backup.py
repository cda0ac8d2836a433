"""A backup is one committed state of the memory, private, checked, and a memory of its own."""

from __future__ import annotations

import json
import sqlite3
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from jitmem import Memory, NotOurStore, Session, StoreDamaged, StoreFull
from jitmem.cli.app import app
from jitmem.stores.truth.database import FILE_NAME

Start = Callable[..., "subprocess.Popen[str]"]

WRITERS = """
import os, sys
from itertools import count
from jitmem import Memory, Session
from jitmem.nodes.options import MemorizeOptions
import chromadb, langgraph.graph  # once for all writers

def write(name, parent):
    with Memory.open(sys.argv[1], memorize_options=MemorizeOptions(page_tokens=32)) as memory:
        for n in count():
            session = f"{name}-{n}"
            text = "".join(f"Line {line} of session {session}.\\n" for line in range(1 + n % 23))
            memory.memorize(Session(id=session, text=text))
            os.write(1, f"{name}\\n".encode())
            if os.getppid() != parent:
                os._exit(0)

for name in sys.argv[2]:
    parent = os.getpid()
    if not os.fork():
        try:
            write(name, parent)
        finally:
            os._exit(1)
pid, status = os.wait()
print("ended", pid, status, flush=True)
"""


def text_of(name: str) -> str:
    return "".join(f"Line {line} of session {name}.\n" for line in range(1 + int(name.split("-")[1]) % 23))


def test_a_backup_taken_while_four_processes_write_is_one_whole_state(
    folder: Path, tmp_path: Path, start: Start
) -> None:
    writers = start(WRITERS, folder, "abcd")
    assert writers.stdout is not None
    heard: set[str] = set()
    while heard != set("abcd"):
        line = writers.stdout.readline().strip()
        assert line in "abcd", writers.communicate()[1]
        heard.add(line)
    with Memory.open(folder) as memory:
        done = []
        for number in range(3):
            known = {page.session_id for page in memory.pages()}
            done.append((known, memory.transfer.backup(tmp_path / f"backup-{number}")))
            while memory.stats()["sessions"] <= len(known) + 4:
                time.sleep(0.01)
    assert writers.poll() is None, "a writer stopped"
    writers.kill()
    counts = []
    for known, backup in done:
        with Memory.open(backup.path) as copy:
            by_session: dict[str, str] = {}
            for page in copy.pages():
                by_session[page.session_id] = by_session.get(page.session_id, "") + page.text
            assert by_session == {name: text_of(name) for name in by_session}
            assert known <= by_session.keys()
            assert (backup.sessions, backup.pages) == (copy.stats()["sessions"], copy.stats()["pages"])
            counts.append(len(by_session))
            last = copy.pages()[-1]
            assert last.id in {hit.page_id for hit in copy.recall(last.text, k=50)}
    assert counts == sorted(set(counts)), "each later one holds more: they wrote all the time"


@pytest.fixture
def filled(memory: Memory) -> Memory:
    memory.memorize(Session(id="mill", turns=[("Ana", "I bought the mill."), ("Rui", "For how much?")]))
    memory.for_namespace("bob").memorize("Bob keeps bees.")
    memory.items.insert("Ana drinks tea.")
    memory.as_store().put(("prefs",), "theme", {"text": "dark"})
    memory.accept(Session(id="waits", text="The oven arrives on Monday."))
    return memory


def test_a_backup_opens_as_a_memory_with_every_namespace_at_once(filled: Memory, tmp_path: Path) -> None:
    backup = filled.transfer.backup(tmp_path / "copies" / "backup")
    assert (backup.sessions, backup.pages, backup.items, backup.entries) == (3, 2, 1, 1)
    with Memory.open(backup.path) as copy:
        assert copy.pages() == filled.pages()
        assert copy.items.list() == filled.items.list()
        assert copy.for_namespace("bob").recall("bees")[0].text == "Bob keeps bees."
        assert [one.session_id for one in copy.resume()] == ["waits"]
        assert copy.recall("mill")[0].text == "Ana: I bought the mill."


def test_a_backup_is_private_and_holds_the_truth_alone(filled: Memory, tmp_path: Path) -> None:
    filled.recall("mill")
    backup = filled.transfer.backup(tmp_path / "backup")
    assert stat.S_IMODE(backup.path.stat().st_mode) == 0o700
    assert [(file.name, stat.S_IMODE(file.stat().st_mode)) for file in backup.path.iterdir()] == [(FILE_NAME, 0o600)]
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.startswith(".backup")] == []


async def test_a_backup_may_be_awaited(filled: Memory, tmp_path: Path) -> None:
    assert (await filled.transfer.abackup(tmp_path / "backup")).pages == 2


def test_a_backup_never_goes_over_a_memory_a_file_or_other_files(filled: Memory, folder: Path, tmp_path: Path) -> None:
    Memory.open(tmp_path / "other").close()
    (tmp_path / "file").write_text("mine")
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "novel.txt").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    before = (tmp_path / "other" / FILE_NAME).read_bytes()
    for name in (folder.name, "other", "file", "papers", "link"):
        with pytest.raises(NotOurStore):
            filled.transfer.backup(tmp_path / name)
    assert (tmp_path / "other" / FILE_NAME).read_bytes() == before
    assert (tmp_path / "file").read_text() == "mine"
    assert [entry.name for entry in (tmp_path / "papers").iterdir()] == ["novel.txt"]


def test_an_empty_folder_becomes_the_backup(filled: Memory, tmp_path: Path) -> None:
    (tmp_path / "backup").mkdir(mode=0o755)
    filled.transfer.backup(tmp_path / "backup")
    assert stat.S_IMODE((tmp_path / "backup").stat().st_mode) == 0o700


def test_a_damaged_memory_gives_no_backup(folder: Path, tmp_path: Path) -> None:
    with Memory.open(folder) as memory:
        memory.memorize_many([f"Session {n} of many, with some words." for n in range(40)])
    with closing(sqlite3.connect(folder / FILE_NAME)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        [root] = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'page_namespace'").fetchone()
        [size] = db.execute("PRAGMA page_size").fetchone()
    with open(folder / FILE_NAME, "r+b") as file:
        file.seek((root - 1) * size + size - 20)
        file.write(b"\xff" * 20)
    with Memory.open(folder) as memory, pytest.raises(StoreDamaged, match="no backup was made"):
        memory.transfer.backup(tmp_path / "backup")
    assert not (tmp_path / "backup").exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 128 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(place)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_a_full_disk_gives_no_backup_and_leaves_nothing_there(filled: Memory, small_disk: Path) -> None:
    with pytest.raises(StoreFull, match="no backup was made"):
        filled.transfer.backup(small_disk / "backup")
    assert list(small_disk.iterdir()) == []
    assert len(filled.pages()) == 1


def test_the_command_tells_what_it_copied_and_refuses_a_second_time(
    filled: Memory, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["backup", "copy", "--memory", str(folder), "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["path"], told["sessions"], told["pages"]) == ("copy", 3, 2)
    again = CliRunner().invoke(app, ["backup", "copy", "--memory", str(folder)])
    assert again.exit_code == 1
    assert "is a memory already" in again.stderr
    other = CliRunner().invoke(app, ["backup", "another", "--memory", str(folder)])
    assert "Backed up 3 sessions, 2 pages, 1 item and 1 entry" in other.stdout
