"""What a process has accepted and not filed when it dies is filed by another one, once, without anybody asking for it."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from jitmem import MemorizeOptions, Memory
from jitmem.session_worker import AT_ONCE, file_waiting
from jitmem.stores.truth import journal
from jitmem.stores.truth.database import FILE_NAME
from jitmem.stores.truth.session_queue import lease_sessions, release_sessions, take_sessions

Start = Callable[..., "subprocess.Popen[str]"]
NO_CURATE = MemorizeOptions(curate=False)

DIES = """
import os, signal, sys
from jitmem import Memory
memory = Memory.open(sys.argv[1])
memory.memorize("Ana: The mill is old.")
memory._runtime.archive.journal.file = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
memory.memorize("Ana: The oven is new.")
"""
MEMORIZES = """
import sys
from jitmem import Memory
with Memory.open(sys.argv[1]) as memory:
    memory.memorize("Ben: The river is high.")
"""


@pytest.fixture
def short_leases(monkeypatch: pytest.MonkeyPatch) -> float:
    monkeypatch.setenv("JITMEM_LEASE_S", "1")
    monkeypatch.setattr(journal, "LEASE_S", 1.0)
    return 1.0


@pytest.fixture
def left_behind(folder: Path, start: Start, short_leases: float) -> Path:
    """A folder with a session that was accepted by a process which was killed before it filed it."""
    child = start(DIES, folder)
    _, errors = child.communicate(timeout=120)
    assert child.returncode == -signal.SIGKILL, errors
    assert waiting(folder) == 1
    return folder


def waiting(folder: Path) -> int:
    with closing(sqlite3.connect(folder / FILE_NAME)) as db:
        return int(db.execute("SELECT count(*) FROM session WHERE filed_at IS NULL").fetchone()[0])


def texts(folder: Path) -> list[str]:
    with Memory.open(folder) as memory:
        return [page.text for page in memory.pages()]


def run_worker(folder: Path) -> dict[str, object]:
    command = [
        sys.executable,
        "-c",
        "from jitmem.cli import main; main()",
        "work",
        "--once",
        "--json",
        "--memory",
        str(folder),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=dict(os.environ))
    report: dict[str, object] = json.loads(done.stdout)
    return report


def test_a_worker_files_what_a_killed_process_left_once(left_behind: Path) -> None:
    time.sleep(1.1)
    assert run_worker(left_behind) == {"sessions": 1, "pages": 1, "failed": None}
    assert run_worker(left_behind) == {"sessions": 0, "pages": 0, "failed": None}
    assert texts(left_behind) == ["Ana: The mill is old.", "Ana: The oven is new."]


def test_the_next_memorize_of_another_process_files_it_once(left_behind: Path, start: Start) -> None:
    time.sleep(1.1)
    for _ in range(2):
        child = start(MEMORIZES, left_behind)
        _, errors = child.communicate(timeout=120)
        assert child.returncode == 0, errors
    assert waiting(left_behind) == 0
    assert texts(left_behind) == ["Ana: The mill is old.", "Ana: The oven is new.", "Ben: The river is high."]


def test_what_another_process_files_is_left_to_it_until_its_lease_ends(folder: Path) -> None:
    with Memory.open(folder, memorize_options=NO_CURATE) as memory:
        namespace = memory._runtime.namespace
        for n in range(3):
            memory.accept(f"Ana: Boat {n}.")
        taken = take_sessions(namespace, 2, curate=False)
        assert len(taken) == 2
        [other] = take_sessions(namespace, 9, curate=False)
        assert take_sessions(namespace, 9, curate=False) == []
        release_sessions(namespace, taken[:1])
        assert take_sessions(namespace, 9, curate=False) == taken[:1]
        assert [one.session_id for one in memory.resume()] == [
            memory._runtime.archive.journal.entry(n).session_id for n in (*taken, other)
        ]
        assert take_sessions(namespace, 9, curate=False) == []


def test_only_what_waits_for_as_long_as_a_lease_is_abandoned(folder: Path, short_leases: float) -> None:
    with Memory.open(folder, memorize_options=NO_CURATE) as memory:
        namespace = memory._runtime.namespace
        memory.accept("Ana: Boat 1.")
        assert take_sessions(namespace, 9, curate=False, abandoned=True) == []
        time.sleep(1.1)
        [one] = take_sessions(namespace, 9, curate=False, abandoned=True)
        assert take_sessions(namespace, 9, curate=False, abandoned=True) == []
        lease_sessions(namespace, [one])
        time.sleep(1.1)
        assert take_sessions(namespace, 9, curate=False, abandoned=True) == [one]


def test_pages_that_were_not_curated_are_taken_too(folder: Path) -> None:
    with Memory.open(folder) as memory:
        filed = memory._runtime.archive.journal
        memory.memorize("Ana: I live in Porto.")
        with memory._runtime.database.write() as db:
            db.execute("INSERT INTO uncurated SELECT seq FROM page")
            db.execute("UPDATE session SET leased_until = NULL")
        assert take_sessions(memory._runtime.namespace, 9, curate=False) == []
        [n] = take_sessions(memory._runtime.namespace, 9, curate=True)
        assert filed.entry(n).page_ids


def test_a_worker_files_every_namespace_in_batches(folder: Path) -> None:
    with Memory.open(folder) as memory:
        ben = memory.for_namespace("ben")
        for n in range(AT_ONCE + 2):
            memory.accept(f"Ana: Boat {n}.")
        ben.accept("Ben: Bees.")
        told: list[tuple[str, int]] = []
        assert file_waiting(memory._runtime, lambda name, filed: told.append((name, len(filed)))) is None
        assert told == [("ben", 1), ("default", AT_ONCE), ("default", 2)]
        assert (len(memory.pages()), len(ben.pages())) == (AT_ONCE + 2, 1)
