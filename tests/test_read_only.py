"""A memory that cannot be written is read: in a folder or file without permission, on a read-only mount, beside a writer."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from torture import plan

from jitmem import Memory
from jitmem.stores.truth.database import FILE_NAME

pytestmark = pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
Child = subprocess.Popen[str]
WRITES = ("memorize", "memorize_many", "accept", "remember", "edit", "delete", "put")
OPEN_INDEX = 128  # the byte of the log's index that SQLite locks as long as it has it open

# Root may write whatever its modes are: it becomes somebody else, when all that it needs is imported.
LOOK = """
import json, os, sys, tempfile
from jitmem import Memory, Session, StoreReadOnly
from langgraph.store.base import PutOp
with tempfile.TemporaryDirectory() as folder, Memory.open(folder) as warm:
    warm.memorize("Ana: I live in Porto.")
    warm.recall("Porto")
    warm.research("Where does Ana live?")
    warm.as_store().search(("a",), query="b")
folder, become = sys.argv[1:]
if become == "nobody" and os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)

def refused(write):
    try:
        write()
    except StoreReadOnly as error:
        return str(error)
    return "it was written"

with Memory.open(folder) as memory:
    for line in sys.stdin:
        print(json.dumps({
            "pages": [page.text for page in memory.pages()],
            "items": sorted(item.content for item in memory.items.list()),
            "recall": [hit.text for hit in memory.recall("Who repaired boat number 1?")],
            "research": memory.research("When did Ben repair boat number 1?").context,
            "store": [found.key for found in memory.as_store().search(("notes",), query="bees")],
            "item search": memory.tools(["memory_search"])[0].invoke("harbour almanac"),
            "stats": memory.stats(),
            "writes": {
                "memorize": refused(lambda: memory.memorize("Ben: I live in Braga.")),
                "memorize_many": refused(lambda: memory.memorize_many(["Ben: I live in Braga."])),
                "accept": refused(lambda: memory.accept("Ben: I live in Braga.")),
                "remember": refused(lambda: memory.items.insert("Ben lives in Braga.")),
                "edit": refused(lambda: memory.items.update("core", "Ben.")),
                "delete": refused(lambda: memory.items.delete("core")),
                "put": refused(lambda: memory.as_store().put(("a",), "b", {})),
            },
        }), flush=True)
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that everybody may enter: pytest's own are closed to others."""
    made = Path(tempfile.mkdtemp(prefix="jitmem-read-only-"))
    made.chmod(0o755)
    yield made
    for folder, folders, _ in os.walk(made):
        for name in folders:
            (Path(folder) / name).chmod(0o700)
    shutil.rmtree(made)


@pytest.fixture
def kept(place: Path) -> Path:
    """The folder of a memory that was closed, which everybody may read."""
    folder = place / "memory"
    with Memory.open(folder) as memory:
        memory.memorize_many(map(plan.session, range(3)))
        memory.as_store().put(("notes",), "one", {"text": "A note on bees."})
        memory.flush()
        memory.as_store().search(("notes",), query="bees")
    readable(folder)
    return folder


def readable(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)


def look(reader: Child) -> dict[str, Any]:
    ask(reader)
    return answer(reader)


def ask(reader: Child) -> None:
    assert reader.stdin is not None
    print(file=reader.stdin, flush=True)


def answer(reader: Child) -> dict[str, Any]:
    assert reader.stdout is not None
    line = reader.stdout.readline()
    assert line, reader.communicate()[1]
    seen: dict[str, Any] = json.loads(line)
    return seen


def all_is_read_and_nothing_written(seen: dict[str, Any], sessions: int = 3) -> None:
    assert seen["pages"] == [plan.session(n).text for n in range(sessions)]
    assert plan.fact(1) in seen["items"]
    assert "Ben: On 2 May 1901 I repaired boat number 1." in seen["recall"]
    assert "2 May 1901" in seen["research"]
    assert seen["store"] == ["one"]
    assert plan.fact(1) in seen["item search"]
    assert seen["stats"]["sessions"] == sessions
    assert set(seen["writes"]) == set(WRITES)
    for told in seen["writes"].values():
        assert "cannot be written by this user; reading works" in told


@pytest.mark.parametrize(("folder_mode", "file_mode"), [(0o555, 0o644), (0o777, 0o444)])
def test_without_permission_to_write_everything_is_read_and_writes_say_so(
    kept: Path, start: Callable[..., Child], folder_mode: int, file_mode: int
) -> None:
    kept.chmod(folder_mode)
    (kept / FILE_NAME).chmod(file_mode)
    before = (kept / FILE_NAME).read_bytes()
    all_is_read_and_nothing_written(look(start(LOOK, kept, "nobody")))
    assert (kept / FILE_NAME).read_bytes() == before


KILLED = """
import os, signal, sys
from jitmem import Memory
from torture import plan
memory = Memory.open(sys.argv[1])
memory.memorize(plan.session(3))
os.kill(os.getpid(), signal.SIGKILL)
"""


def killed_writer(folder: Path) -> None:
    """Leaves its last session in the log that it did not get to close."""
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run([sys.executable, "-c", KILLED, str(folder)], env=env, check=False)
    assert done.returncode == -signal.SIGKILL
    assert (folder / f"{FILE_NAME}-wal").stat().st_size
    readable(folder)


def test_what_a_killed_writer_has_left_in_its_log_is_read_without_permission_to_write(
    kept: Path, start: Callable[..., Child]
) -> None:
    killed_writer(kept)
    kept.chmod(0o555)
    all_is_read_and_nothing_written(look(start(LOOK, kept, "nobody")), sessions=4)


@pytest.mark.parametrize("left", ["closed", "killed"])
def test_on_a_read_only_mount_everything_is_read_and_writes_say_so(
    kept: Path, place: Path, start: Callable[..., Child], left: str
) -> None:
    if os.geteuid():
        pytest.skip("a read-only mount needs root")
    point = place / "mounted"
    point.mkdir()
    command = ["mount", "-t", "tmpfs", "tmpfs", str(point)]
    if (done := subprocess.run(command, capture_output=True, text=True, check=False)).returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
    try:
        if left == "killed":
            killed_writer(kept)
        shutil.copytree(kept, point / "memory")
        subprocess.run(["mount", "-o", "remount,ro", str(point)], check=True)
        reader = start(LOOK, point / "memory", "root")
        all_is_read_and_nothing_written(look(reader), sessions=4 if left == "killed" else 3)
        reader.communicate()
    finally:
        subprocess.run(["umount", "--lazy", str(point)], check=True)


def test_a_reader_without_permission_sees_what_a_writer_files_meanwhile(
    kept: Path, start: Callable[..., Child]
) -> None:
    kept.chmod(0o755)
    reader = start(LOOK, kept, "nobody")
    all_is_read_and_nothing_written(look(reader))
    with Memory.open(kept) as writer:
        writer.memorize(plan.session(3))
        readable(kept)
        all_is_read_and_nothing_written(look(reader), sessions=4)
        writer.memorize(plan.session(4))
        all_is_read_and_nothing_written(look(reader), sessions=5)
    all_is_read_and_nothing_written(look(reader), sessions=5)
    with Memory.open(kept) as writer:
        writer.memorize(plan.session(5))
    all_is_read_and_nothing_written(look(reader), sessions=6)


def test_a_reader_waits_while_a_writer_makes_the_index_of_the_log_anew(kept: Path, start: Callable[..., Child]) -> None:
    killed_writer(kept)
    reader = start(LOOK, kept, "nobody")
    all_is_read_and_nothing_written(look(reader), sessions=4)
    with (kept / f"{FILE_NAME}-shm").open("r+b") as index:  # as a writer begins, for longer than one ever takes
        fcntl.lockf(index, fcntl.LOCK_SH, 1, OPEN_INDEX)
        index.write(bytes(136))
        index.flush()
        ask(reader)
        time.sleep(0.3)
        with Memory.open(kept):
            all_is_read_and_nothing_written(answer(reader), sessions=4)


HALFWAY = """
import os, sys
from pathlib import Path
from jitmem.stores.truth.database import SqliteDatabase
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
database = SqliteDatabase(Path(sys.argv[1]), create=False)
for _ in range(2):
    with database.read() as db:
        first = db.execute("SELECT count(*) FROM page").fetchone()
        print("halfway", flush=True)
        sys.stdin.readline()
        print(db.execute("SELECT count(*) FROM page").fetchone() == first, flush=True)
"""


def test_a_log_without_its_index_is_never_passed_over(kept: Path, start: Callable[..., Child]) -> None:
    killed_writer(kept)
    (kept / f"{FILE_NAME}-shm").unlink()
    kept.chmod(0o555)
    _, told = start(HALFWAY, kept).communicate()
    error = told.strip().splitlines()[-1]
    assert error.startswith("jitmem.stores.errors.StoreReadOnly")
    assert "is in truth.sqlite3-wal, which this user cannot read without truth.sqlite3-shm" in error


def test_an_empty_log_without_its_index_is_no_log(kept: Path, start: Callable[..., Child]) -> None:
    (kept / f"{FILE_NAME}-wal").touch()
    kept.chmod(0o555)
    reader = start(HALFWAY, kept)
    assert reader.communicate("\n\n") == ("halfway\nTrue\n" * 2, "")


def test_what_a_reader_without_a_lock_read_of_two_states_is_an_error(kept: Path, start: Callable[..., Child]) -> None:
    reader = start(HALFWAY, kept)
    assert reader.stdout is not None
    assert reader.stdout.readline() == "halfway\n"
    with Memory.open(kept) as writer:
        writer.memorize(plan.session(3))
    ask(reader)
    assert "was written while it was read by this user" in reader.communicate()[1].splitlines()[-1]


def test_a_writer_that_only_adds_to_its_log_does_not_disturb_a_reader(kept: Path, start: Callable[..., Child]) -> None:
    reader = start(HALFWAY, kept)
    assert reader.stdout is not None
    assert reader.stdout.readline() == "halfway\n"
    with Memory.open(kept) as writer:
        writer.memorize(plan.session(3))
        readable(kept)
        ask(reader)
        assert [reader.stdout.readline() for _ in range(2)] == ["True\n", "halfway\n"]
    ask(reader)
    assert reader.communicate() == ("True\n", "")
