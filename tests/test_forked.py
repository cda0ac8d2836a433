"""A process may fork with a memory open, at any moment: parent and child go on, and nothing of either is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jitmem import Memory

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")

Run = Callable[..., list[Any]]

# A fork in a process with threads is warned about from Python 3.12 on; it is what is tested here.
PRELUDE = """
import json, multiprocessing, os, sys, threading, time, traceback, warnings
warnings.simplefilter("ignore", DeprecationWarning)
from jitmem import Memory
folder = sys.argv[1]

def say(*words):
    os.write(1, (json.dumps(words) + "\\n").encode())

def forked(work):
    child = os.fork()
    if not child:
        try:
            work()
            os._exit(0)
        except BaseException:
            say("failed", traceback.format_exc())
        finally:
            os._exit(1)
    return child

def ended(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

"""


@pytest.fixture
def run(folder: Path) -> Iterator[Run]:
    """Runs a script in a process of its own, gives what it said; it and its children are killed when they hang."""
    running: list[subprocess.Popen[str]] = []

    def ran(script: str, timeout_s: float = 300) -> list[Any]:
        command = [sys.executable, "-c", PRELUDE + script, str(folder)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
        running.append(process)
        try:
            out, _ = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            pytest.fail(f"it hangs; said so far: {stop(process)}")
        assert process.returncode == 0, out
        return [json.loads(line) for line in out.splitlines()]

    def stop(process: subprocess.Popen[str]) -> str:
        os.killpg(process.pid, signal.SIGKILL)
        return process.communicate()[0]

    yield ran
    for process in running:
        if process.returncode is None:
            stop(process)


def texts(folder: Path) -> list[str]:
    with Memory.open(folder, create=False) as memory:
        return [page.text for page in memory.pages()]


OUTLIVES = """
memory = Memory.open(folder)
memory.memorize("Of the parent.")
memory.recall("parent")
closed, close = os.pipe()

def work():
    memory.memorize("Of the child, first.")
    os.write(told, b"x")
    os.read(closed, 1)
    memory.memorize("Of the child, when its parent had closed.")
    say(sum(hit.score > 0 for hit in memory.recall("child")), memory._runtime.archive.vectors.owner)
    memory.close()

tells, told = os.pipe()
child = forked(work)
os.read(tells, 1)
memory.close()
os.write(close, b"x")
assert ended(child) == 0
"""


def test_a_child_keeps_what_it_writes_when_its_parent_has_closed_and_searches_without_chroma(
    run: Run, folder: Path
) -> None:
    assert run(OUTLIVES) == [[2, False]]
    assert texts(folder) == ["Of the parent.", "Of the child, first.", "Of the child, when its parent had closed."]


ORPHANED = """
memory = Memory.open(folder)
memory.memorize("Of the parent.")
memory.recall("parent")
assert memory._runtime.archive.vectors.owner
child = forked(lambda: time.sleep(600))
say(child)
os._exit(0)
"""


def test_a_child_that_does_nothing_keeps_nobody_from_the_vectors(run: Run, folder: Path) -> None:
    # communicate() waits for the end of the pipe, which the child holds: it says its pid, and is killed at the end
    command = [sys.executable, "-c", PRELUDE + ORPHANED, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        (child,) = json.loads(process.stdout.readline())
        assert process.wait(300) == 0
        with Memory.open(folder) as memory:
            assert len(memory.recall("parent")) == 1
            assert memory._runtime.archive.vectors.owner  # type: ignore[attr-defined]
        os.kill(child, signal.SIGKILL)


ENDS = """
memory = Memory.open(folder)
memory.memorize("Of the parent.")
memory.recall("parent")
child = os.fork()
if not child:
    say(len(memory.recall("parent")))
    sys.exit(7)
say(ended(child), memory._runtime.archive.vectors.owner)
memory.close()
"""


def test_a_child_ends_as_any_process_does_though_it_has_its_parents_chroma(run: Run) -> None:
    assert run(ENDS) == [[1], [7, True]]


BUSY = """
memory = Memory.open(folder)
stop = threading.Event()
filed = []

def busy(name):
    try:
        n = 0
        while not stop.is_set():
            filed.append(memory.memorize(f"Of thread {name}, number {n}.").session_id)
            memory.recall(f"thread {name}")
            memory.items.insert(f"Thread {name} has come to {n}.")
            n += 1
    except BaseException:
        say("failed", traceback.format_exc())

threads = [threading.Thread(target=busy, args=(name,)) for name in ("one", "two", "three")]
for thread in threads:
    thread.start()
time.sleep(0.5)

def work():
    me = f"child {n}"
    memory.memorize(f"Of {me}.")
    assert any(hit.text == f"Of {me}." for hit in memory.recall(f"Of {me}.")), me
    assert memory.items.insert(f"There was a {me}.").ok
    if n % 2:
        memory.close()

for n in range(10):
    child = forked(work)
    assert ended(child) == 0
    time.sleep(0.01)
stop.set()
for thread in threads:
    thread.join()
say(*filed)
memory.close()
"""


def test_a_process_may_fork_while_its_threads_are_at_work(run: Run, folder: Path) -> None:
    (filed,) = run(BUSY)
    with Memory.open(folder, create=False) as memory:
        there = {page.session_id for page in memory.pages()}
        assert set(filed) <= there
        said = [page.text for page in memory.pages()]
        items = [item.content for item in memory.items.list()]
    assert [n for n in range(10) if f"Of child {n}." not in said or f"There was a child {n}." not in items] == []


LATER = """
from jitmem.integrations.background_filing import file_in_background
from jitmem import ItemOptions, Session
memory = Memory.open(folder, item_options=ItemOptions(before_write=lambda edit: time.sleep(0.01) or "allow"))
memory.memorize("Of the parent.")
for n in range(30):
    session = Session(id=f"s{n}", text=f"Ana: I live in Town{n}. My favourite book is Volume {n}.")
    memory.accept(session)
    file_in_background(memory, session)

def work():
    file_in_background(memory, Session(id="of the child", text="Ana: I love rain."))
    memory.flush()
    assert memory.pages(session_id="of the child")
    memory.close()

child = forked(work)
assert ended(child) == 0
memory.close()
"""


def test_a_child_waits_for_its_own_background_work_only(run: Run, folder: Path) -> None:
    run(LATER)
    assert len(texts(folder)) == 32


POOL = """
memory = Memory.open(folder)
memory.memorize("Of the parent.")
memory.recall("parent")

def work(n):
    memory.memorize(f"Of worker {n}.")
    outcome = memory.items.update("core", f"Worker {n} was here.") if n == 3 else memory.items.insert(f"Worker {n} has done its part.")
    return [hit.text for hit in memory.recall(f"worker {n}", k=1)], outcome.ok, os.getpid()

with multiprocessing.get_context("fork").Pool(3) as pool:
    answers = pool.map(work, range(12), chunksize=1)
    memory.memorize("Of the parent, meanwhile.")
assert os.getpid() not in {pid for _, _, pid in answers}
say(*[[found, ok] for found, ok, _ in answers])
say(sorted(page.text for page in memory.pages()), memory._runtime.archive.vectors.owner)
memory.close()
"""


def test_workers_of_a_pool_share_the_memory_that_the_parent_has_open(run: Run, folder: Path) -> None:
    answers, (said, owner) = run(POOL)
    assert answers == [[[f"Of worker {n}."], True] for n in range(12)]
    assert said == sorted(["Of the parent.", "Of the parent, meanwhile.", *(f"Of worker {n}." for n in range(12))])
    assert owner
