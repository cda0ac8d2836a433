"""The truth keeps its contract, survives kill -9 and forks, is private, and refuses what is not ours."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from contracts.truth_contract import Truth, TruthContract, accept, draft, file, texts

from jitmem import (
    BadInput,
    JitmemError,
    Memory,
    MemoryNotFound,
    NotOurStore,
    Session,
    StoreClosed,
    StoreFull,
    StoreIsNewer,
)
from jitmem.stores.truth.database import FILE_NAME, Database, SqliteDatabase
from jitmem.stores.truth.journal import Journal
from jitmem.stores.truth.namespace import Namespace
from jitmem.stores.truth.pages import Pages

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def database(folder: Path) -> Iterator[Database]:
    opened = SqliteDatabase(folder, create=True)
    yield opened
    opened.close()


def truth_of(database: Database, name: str = "default") -> Truth:
    namespace = Namespace(database, name)
    return Truth(Journal(namespace), Pages(namespace))


class TestSQLite(TruthContract):
    @pytest.fixture
    def namespaces(self, database: Database) -> Callable[[str], Truth]:
        return lambda name: truth_of(database, name)


# Transactions


def test_a_full_disk_undoes_the_filing_whole_and_reading_goes_on(database: Database) -> None:
    truth = truth_of(database)
    filed = file(truth, "small")
    waiting = accept(truth, "large")
    with database.read() as db:  # the one connection of the pool, which file() borrows next
        pages = db.execute("PRAGMA page_count").fetchone()[0]
        db.execute(f"PRAGMA max_page_count = {pages + 8}")
    with pytest.raises(StoreFull, match="nothing was changed"):
        truth.journal.file(waiting, [draft("x" * 10), draft("y" * 1_000_000)])
    assert texts(truth.pages.pages()) == ["small"]
    assert truth.pages.page(filed.page_ids[0]).text == "small"
    assert [entry.text for entry in truth.journal.waiting()] == ["large"]
    with database.read() as db:
        db.execute("PRAGMA max_page_count = 1000000")
    assert len(truth.journal.file(waiting, [draft("large")]).page_ids) == 1


def test_a_truth_that_was_closed_says_so(database: Database) -> None:
    truth = truth_of(database)
    database.close()
    with pytest.raises(StoreClosed, match="open it again"):
        truth.pages.pages()


@pytest.mark.parametrize("name", ["", "  ", "x" * 513, "a\0b", "a\ud800"])
def test_a_name_that_is_none_is_no_namespace(database: Database, name: str) -> None:
    with pytest.raises(BadInput, match="A namespace is any name"):
        Namespace(database, name)


# kill -9

SESSIONS = """
def session(n):
    from jitmem import Session
    return Session(id=f"session-{n}", text="".join(f"Line {line} of session {n}.\\n" for line in range(1 + n % 23)))
"""
WRITERS = (
    SESSIONS
    + """
import os, sys
from itertools import count
import chromadb, langgraph.graph  # once for all writers
from jitmem import Memory
from jitmem.nodes.options import MemorizeOptions

def write(first):
    with Memory.open(sys.argv[1], memorize_options=MemorizeOptions(page_tokens=32)) as memory:
        for n in count(first):
            print(n, *memory.memorize(session(n)).page_ids, flush=True)

for line in sys.stdin:
    writer = os.fork()
    if not writer:
        try:
            print(os.getpid(), flush=True)
            write(int(line))
        finally:
            os._exit(1)
    _, status = os.waitpid(writer, 0)
    print("ended", os.waitstatus_to_exitcode(status), flush=True)
"""
)
scope: dict[str, Callable[[int], Session]] = {}
exec(SESSIONS, scope)
session = scope["session"]
ROUNDS = 10


@pytest.mark.parametrize("seed", [7])
def test_ten_kills_lose_nothing_acknowledged_tear_nothing_and_a_retry_files_once(
    folder: Path, start: Start, seed: int
) -> None:
    moments = random.Random(seed)
    acknowledged: dict[int, tuple[str, ...]] = {}
    writers = start(WRITERS, folder)
    for _ in range(ROUNDS):
        acknowledged |= told_before_a_kill(writers, max(acknowledged, default=-1) + 1, moments.uniform(0, 0.3))
        with Memory.open(folder) as memory:
            nothing_is_lost_or_torn(memory, acknowledged)
    with Memory.open(folder) as memory:
        memory.resume()
        again = memory.memorize_many([session(n) for n in range(max(acknowledged) + 2)])
        assert {n: again[n].page_ids for n in acknowledged} == acknowledged
        assert memory.stats()["waiting"] == 0
        assert memory.stats()["sessions"] == max(acknowledged) + 2
        assert "".join(texts(memory.pages())) == "".join(str(session(n).text) for n in range(max(acknowledged) + 2))
    with sqlite3.connect(folder / FILE_NAME) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    db.close()


def told_before_a_kill(writers: subprocess.Popen[str], first: int, moment_s: float) -> dict[int, tuple[str, ...]]:
    """The sessions that a writer filed from `first` on before it was killed, some time after its first."""
    assert writers.stdin is not None
    assert writers.stdout is not None
    print(first, file=writers.stdin, flush=True)
    pid = int(writers.stdout.readline())
    told = [writers.stdout.readline()]
    time.sleep(moment_s)
    os.kill(pid, signal.SIGKILL)
    while not (line := writers.stdout.readline()).startswith("ended"):
        told.append(line)
    assert line == f"ended {-signal.SIGKILL}\n"
    return {int(number): tuple(page_ids) for number, *page_ids in map(str.split, told)}


def nothing_is_lost_or_torn(memory: Memory, acknowledged: dict[int, tuple[str, ...]]) -> None:
    pages = memory.pages()
    by_session: dict[str, list[str]] = {}
    for page in pages:
        by_session.setdefault(page.session_id, []).append(page.text)
    ids = {page.id for page in pages}
    assert [n for n, page_ids in acknowledged.items() if not set(page_ids) <= ids] == []
    torn = [one for one, parts in by_session.items() if "".join(parts) != session(int(one.split("-")[1])).text]
    assert torn == []
    assert len(by_session) - len(acknowledged) in range(ROUNDS + 1)  # filed, and killed before it was told
    assert memory.stats()["sessions"] - len(by_session) == memory.stats()["waiting"]


# Processes side by side

TOGETHER = (
    SESSIONS
    + """
import json, sys
from jitmem import Memory
from jitmem.nodes.options import MemorizeOptions
with Memory.open(sys.argv[1], memorize_options=MemorizeOptions(page_tokens=32)) as memory:
    memory.memorize("warm")
    print("ready", flush=True)
    sys.stdin.readline()
    filed = [memory.memorize(session(n)) for n in range(40)]
    print(json.dumps([[one.page_ids, one.duplicate] for one in filed]), flush=True)
"""
)


def test_two_processes_with_the_same_sessions_at_once_file_each_once(folder: Path, start: Start) -> None:
    told = at_once([start(TOGETHER, folder), start(TOGETHER, folder)])
    assert [page_ids for page_ids, _ in told[0]] == [page_ids for page_ids, _ in told[1]]
    with Memory.open(folder) as memory:
        pages = [page for page in memory.pages() if page.session_id.startswith("session-")]
    assert sorted(page.id for page in pages) == sorted(page_id for page_ids, _ in told[0] for page_id in page_ids)
    for n in range(40):
        assert "".join(page.text for page in pages if page.session_id == f"session-{n}") == session(n).text


def test_of_two_processes_only_the_one_that_filed_a_session_says_it_was_new(folder: Path, start: Start) -> None:
    told = at_once([start(TOGETHER, folder), start(TOGETHER, folder)])
    new = [[not duplicate for _, duplicate in process] for process in told]
    assert [sum(pair) for pair in zip(*new, strict=True)] == [1] * 40


def at_once(children: list[subprocess.Popen[str]]) -> list[list[tuple[list[str], bool]]]:
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n", child.communicate()[1]
    for child in children:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()
    told = []
    for child in children:
        out, errors = child.communicate(timeout=300)
        assert child.returncode == 0, errors
        told.append(json.loads(out))
    return told


FILES_OWN = """
import sys
from jitmem.stores.truth.database import Database, SqliteDatabase
from jitmem.stores.truth.journal import Journal, PageDraft
from jitmem.stores.truth.namespace import Namespace
from pathlib import Path
journal = Journal(Namespace(SqliteDatabase(Path(sys.argv[1]), create=True), "default"))
print("ready", flush=True)
sys.stdin.readline()
for n in range(60):
    text = f"{sys.argv[2]} {n}"
    accepted = journal.accept(session_id=None, text=text, turns=[], time=None, metadata={})
    journal.file(accepted, [PageDraft(text, "", "", "", [])])
print("[]", flush=True)
"""


def test_ids_of_several_processes_are_unique_and_rise_with_the_order_of_filing(folder: Path, start: Start) -> None:
    at_once([start(FILES_OWN, folder, name) for name in ("a", "b", "c")])
    with sqlite3.connect(folder / FILE_NAME) as db:
        ids = [page_id for (page_id,) in db.execute("SELECT id FROM page ORDER BY seq")]
    db.close()
    assert len(set(ids)) == 180
    hundredths = [page_id[:8] for page_id in ids]  # within one hundredth of a second only one process's ids rise
    assert hundredths == sorted(hundredths)


# Forks

# A fork in a process with threads is warned about from Python 3.12 on; it is what is tested here.
FORK = """
import os, sys
from jitmem import Memory
memory = Memory.open(sys.argv[1])
memory.memorize("Ana bought the mill.")
if sys.argv[2] == "searched":
    assert sum(hit.score > 0 for hit in memory.recall("mill")) == 1
child = os.fork()
if not child:
    try:
        assert [page.text for page in memory.pages()] == ["Ana bought the mill."]
        assert sum(hit.score > 0 for hit in memory.recall("mill")) == 1, "recall"
        memory.memorize("Ben works at the bank.")
        assert sum(hit.score > 0 for hit in memory.recall("bank")) == 1, "recall after filing"
        memory.close()
    except BaseException:
        import traceback
        traceback.print_exc()
        os._exit(1)
    os._exit(0)
_, status = os.waitpid(child, 0)
assert status == 0, "the child failed"
assert sum(hit.score > 0 for hit in memory.recall("bank")) == 1, "the parent"
memory.memorize("Cleo left.")
assert memory._runtime.archive.vectors.owner == (sys.argv[3] == "owner")
memory.close()
"""


@pytest.mark.parametrize("before", ["filed", "searched"])
def test_a_child_of_a_fork_reads_searches_and_files_and_the_parent_goes_on(
    folder: Path, start: Start, before: str
) -> None:
    process = start(FORK, folder, before, "owner")
    try:
        _, errors = process.communicate(timeout=300)
    except subprocess.TimeoutExpired:
        # The grandchild holds the pipes: kill it by its parent.
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        for pid in children.read_text().split() if children.exists() else ():
            os.kill(int(pid), signal.SIGKILL)
        pytest.fail("the child of the fork hangs")
    assert process.returncode == 0, errors


def test_a_fork_reads_and_writes_the_truth_on_a_connection_of_its_own(database: Database) -> None:
    truth = truth_of(database)
    file(truth, "of the parent")
    child = os.fork()
    if not child:
        try:
            file(truth, "of the child")
            os._exit(0 if texts(truth.pages.pages()) == ["of the parent", "of the child"] else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    file(truth, "of the parent again")
    assert texts(truth.pages.pages()) == ["of the parent", "of the child", "of the parent again"]


# Files

OPEN = """
import os, sys
os.umask(int(sys.argv[2], 8))
from jitmem import Memory
memory = Memory.open(sys.argv[1])
memory.memorize("Ana bought the mill.")
memory.recall("mill")
print("ready", flush=True)
sys.stdin.readline()
"""


@pytest.mark.parametrize("umask", ["000", "022", "077"])
def test_files_are_private_whatever_the_umask(folder: Path, start: Start, umask: str) -> None:
    child = start(OPEN, folder, umask)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    modes = {entry.name: oct(stat.S_IMODE(entry.stat().st_mode)) for entry in folder.iterdir()}
    truth = {FILE_NAME: "0o600", f"{FILE_NAME}-wal": "0o600", f"{FILE_NAME}-shm": "0o600"}
    assert modes == {**truth, ".vectors.lock": "0o600", "vectors": "0o700"}


def test_an_empty_file_is_refused_and_stays(folder: Path) -> None:
    folder.mkdir()
    (folder / FILE_NAME).touch()
    with pytest.raises(NotOurStore, match=r"is empty \(0 bytes\)"):
        Memory.open(folder)
    assert contents(folder) == {FILE_NAME: b""}


def test_a_database_of_another_program_is_refused_and_stays(folder: Path) -> None:
    folder.mkdir()
    with sqlite3.connect(folder / FILE_NAME) as db:
        db.execute("CREATE TABLE theirs (a)")
    db.close()
    before = contents(folder)
    with pytest.raises(NotOurStore, match="SQLite file of another program"):
        Memory.open(folder)
    assert contents(folder) == before


def test_a_file_that_is_no_database_is_refused_and_stays(folder: Path) -> None:
    folder.mkdir()
    (folder / FILE_NAME).write_bytes(b"Dear diary, " * 1000)
    before = contents(folder)
    with pytest.raises(NotOurStore, match="is not a jitmem memory"):
        Memory.open(folder)
    assert contents(folder) == before


def test_a_newer_truth_is_refused_and_stays(folder: Path) -> None:
    Memory.open(folder).close()
    with sqlite3.connect(folder / FILE_NAME) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(StoreIsNewer, match=r"newer jitmem \(schema 99, this one knows 4\)"):
        Memory.open(folder)
    with sqlite3.connect(folder / FILE_NAME) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (99,)
    db.close()


def test_a_path_that_is_a_file_is_refused_and_stays(folder: Path) -> None:
    folder.write_text("mine")
    with pytest.raises(NotOurStore, match="is a file; a memory is a folder"):
        Memory.open(folder)
    assert folder.read_text() == "mine"


def test_a_folder_of_other_files_is_refused_and_untouched(folder: Path) -> None:
    folder.mkdir()
    (folder / "novel.txt").write_text("It was a dark and stormy night.")
    with pytest.raises(NotOurStore, match="holds other files and no memory"):
        Memory.open(folder)
    assert contents(folder) == {"novel.txt": b"It was a dark and stormy night."}


def test_an_empty_folder_becomes_a_memory(folder: Path) -> None:
    folder.mkdir()
    with Memory.open(folder) as memory:
        assert memory.pages() == []


def test_no_memory_is_made_where_that_was_not_allowed(folder: Path) -> None:
    with pytest.raises(MemoryNotFound, match="There is no memory at"):
        Memory.open(folder, create=False)
    assert not folder.exists()


def test_a_parent_that_is_a_file_is_an_error_of_ours(folder: Path) -> None:
    folder.write_text("mine")
    with pytest.raises(JitmemError):
        Memory.open(folder / "inside")
    assert folder.read_text() == "mine"


@pytest.mark.parametrize("name", ["a b", "ä", "50%", "a?b#c", "a&mode=ro", "日本"])
def test_a_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    with Memory.open(tmp_path / name) as memory:
        memory.memorize("Ana bought the mill.")
    with Memory.open(tmp_path / name) as memory:
        assert texts(memory.pages()) == ["Ana bought the mill."]
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


# Reading only

READ_ONLY = """
import os, stat, sys
from pathlib import Path
from jitmem import JitmemError, Memory, StoreReadOnly
folder = Path(sys.argv[1])
with Memory.open(folder) as memory:
    memory.memorize("Ana bought the mill in Porto.")
    assert memory.recall("mill") and memory.research("What did Ana buy?").citations
for file in [folder, *folder.rglob("*")]:
    file.chmod(0o555 if file.is_dir() else 0o444)
if os.getuid() == 0:
    os.setgid(65534), os.setuid(65534)
with Memory.open(folder) as memory:
    assert [page.text for page in memory.pages()] == ["Ana bought the mill in Porto."]
    assert memory.recall("mill")[0].text == "Ana bought the mill in Porto."
    assert memory.research("What did Ana buy?").citations[0].quote == "Ana bought the mill in Porto."
    try:
        memory.memorize("Ben left.")
    except StoreReadOnly:
        pass
    else:
        raise AssertionError("it was written")
try:
    Memory.open(folder / "new")
except StoreReadOnly:
    pass
else:
    raise AssertionError("it was made")
"""


def test_a_memory_that_may_not_be_written_is_read_and_says_so_when_it_is_to_be_written(start: Start) -> None:
    place = Path(tempfile.mkdtemp())  # not tmp_path: another user must get there
    try:
        place.chmod(0o755)
        child = start(READ_ONLY, place / "memory")
        _, errors = child.communicate(timeout=300)
        assert child.returncode == 0, errors
    finally:
        for entry in [place / "memory", *(place / "memory").rglob("*")]:
            entry.chmod(0o700)
        shutil.rmtree(place)
