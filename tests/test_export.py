"""An export holds everything and comes back as it was; nothing that is wrong comes in, and nothing by half."""

from __future__ import annotations

import hashlib
import io
import json
import re
import signal
import sqlite3
import stat
import subprocess
import time
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.embeddings import Embeddings
from typer.testing import CliRunner

from jitmem import BadInput, ImportConflict, ItemOptions, JitmemError, Memory, Session, StoreFull
from jitmem.cli.app import app
from jitmem.stores.analyzer import Analyzer, HashedEmbeddings
from jitmem.stores.truth import database
from jitmem.stores.truth.database import FILE_NAME
from jitmem.stores.truth.journal import PageDraft, PassageDraft
from jitmem.transfer import export_schema, merge_export
from jitmem.transfer.export_staging import staging_tables
from jitmem.transfer.read_export import read_export
from jitmem.transfer.transfer_report import ImportReport

Start = Callable[..., "subprocess.Popen[str]"]

MILL = [("Ana", "I bought the mill in Viana."), ("Rui", "The river is high \u2028 again."), ("Ana", "日本 🎉 \r\n ok")]


def exported(memory: Memory, **options: Any) -> bytes:
    file = io.BytesIO()
    memory.transfer.export(file, **options)
    return file.getvalue()


def imported(memory: Memory, data: bytes, **options: Any) -> ImportReport:
    return memory.transfer.import_(io.BytesIO(data), **{"rules": True} | options)


def body(data: bytes) -> bytes:
    """Without the first line, in which the time stands."""
    return data.partition(b"\n")[2]


def lines(data: bytes) -> list[dict[str, Any]]:
    return (
        [json.loads(line) for line in data.splitlines()]
        if b"\xe2\x80\xa8" not in data
        else [json.loads(line) for line in data.split(b"\n") if line]
    )


def sealed(rows: list[dict[str, Any]]) -> bytes:
    """Lines as a file whose last line is right, whatever the others say."""
    middle = b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows[1:-1])
    counts: dict[str, int] = {}
    for row in rows[1:-1]:
        counts[str(row.get("type"))] = counts.get(str(row.get("type")), 0) + 1
    end = {"type": "end", "lines": counts, "sha256": hashlib.sha256(middle).hexdigest()}
    return json.dumps(rows[0]).encode() + b"\n" + middle + json.dumps(end).encode() + b"\n"


def fill(memory: Memory) -> None:
    memory.memorize(
        Session(id="walk/one", time="8 May 2023 13:56", metadata={"place": ["Viana", {"n": 1.5}]}, turns=MILL)
    )
    memory.memorize(Session(text="# A title\n\nAna left the bank. " + "The mill turns slowly. " * 500, time=None))
    memory.accept(Session(id="waits", turns=[("Ana", "The oven arrives on Monday.")], time="2023-07-01T10:00:00+02:00"))
    one = memory.items.insert("Ana drinks her coffee black.").item
    gone = memory.items.insert("Ana has a dog.").item
    assert one is not None
    assert gone is not None
    memory.items.insert("Ana moved to Viana.", "episodic", "2023-05-08")
    memory.items.update(one.id, "Ana drinks her coffee with milk.")
    memory.items.delete(gone.id)
    undone = memory.items.delete(one.id)
    memory.items.undo(undone.change or 0)
    memory.items.update("core", "Ana, a miller in Viana.")
    page = memory.pages()[0].id
    memory._runtime.editor.insert("semantic", "The mill is in Viana.", page_ids=(page,), cause="tool")
    with Memory.open(
        memory._runtime.database.path.parent, namespace=memory.namespace, item_options=ItemOptions(mode="propose")
    ) as careful:
        careful.items.insert("Ana is allergic to nuts.")
        careful.items.update(one.id, "Ana drinks tea.")
        careful.items.insert("Ana is tall.")
    memory.admin.reject(memory.admin.proposals()[-1].number)
    store = memory.as_store()
    store.put(("prefs", "ui"), "theme", {"text": "dark", "size": 2})
    store.put(("prefs",), "../../etc/passwd", {"text": "x"}, ttl=60000.0)
    memory.admin.share("team/*")


@pytest.fixture
def filled(memory: Memory) -> Memory:
    """A memory with some of everything."""
    fill(memory)
    return memory


@pytest.fixture
def other(tmp_path: Path) -> Any:
    """An empty memory in another folder."""
    with Memory.open(tmp_path / "other") as opened:
        yield opened


# Out and in


def test_a_month_and_a_year_stay_what_they_are(memory: Memory, other: Memory) -> None:
    memory.memorize(Session(id="diary", text="The oven was cold.", time="March 2021"))
    memory.items.insert("Ana learned to bake.", "episodic", "2019")
    imported(other, exported(memory))
    assert [str(page.time) for page in other.pages()] == ["2021-03"]
    assert [str(item.time) for item in other.items.list()] == ["2019"]
    assert body(exported(other)) == body(exported(memory))
    assert other.admin.doctor().healthy


def test_export_import_export_gives_the_same_bytes_but_for_the_time_of_the_first_line(
    filled: Memory, other: Memory
) -> None:
    first = exported(filled)
    done = imported(other, first)
    assert (done.known, done.notes) == ({}, [])
    assert body(exported(other)) == body(first)
    assert body(exported(filled)) == body(first)


def test_what_comes_back_is_what_was_there(filled: Memory, other: Memory) -> None:
    imported(other, exported(filled))
    assert other.pages() == filled.pages()
    assert [one.content for one in other.items.list()] == [one.content for one in filled.items.list()]
    for item in filled.items.list():
        ours = [
            (v.version, v.content, v.time, v.page_ids, v.cause, v.changed_at, v.deleted)
            for v in filled.items.history(item.id)
        ]
        theirs = [
            (v.version, v.content, v.time, v.page_ids, v.cause, v.changed_at, v.deleted)
            for v in other.items.history(item.id)
        ]
        assert ours == theirs
    asked = filled.research("Where is the mill?")
    again = other.research("Where is the mill?")
    assert (again.context, again.citations) == (asked.context, asked.citations)
    assert other.recall("mill", k=20) == filled.recall("mill", k=20)
    assert [one.edit for one in other.admin.proposals()] == [one.edit for one in filled.admin.proposals()]
    assert [one.decision for one in other.admin.proposals(waiting=False)] == [None, None, "rejected"]
    found = other.as_store().search(("prefs",), limit=10)
    assert [(one.key, one.value) for one in found] == [
        (one.key, one.value) for one in filled.as_store().search(("prefs",), limit=10)
    ]
    assert other.admin.shares() == ["team/*"]
    assert [one.session_id for one in other.resume()] == ["waits"]
    assert "".join(p.text for p in other.pages(session_id="walk/one")) == "\n".join(
        f"{who}: {said}" for who, said in MILL
    )


def test_every_namespace_goes_and_comes_under_its_own_name(filled: Memory, other: Memory) -> None:
    filled.for_namespace("bob/../x").memorize("Bob keeps bees.")
    data = exported(filled, all_namespaces=True)
    assert json.loads(data.partition(b"\n")[0])["namespaces"] == ["default", "bob/../x"]
    with pytest.raises(BadInput, match="holds 2 namespaces"):
        imported(other, data)
    imported(other, data, all_namespaces=True)
    assert other.for_namespace("bob/../x").recall("bees")[0].text == "Bob keeps bees."
    assert body(exported(other, all_namespaces=True)) == body(data)


def test_one_namespace_comes_in_under_another_name(filled: Memory, other: Memory) -> None:
    imported(other.for_namespace("zoe"), exported(filled))
    assert other.pages() == []
    assert [page.text for page in other.for_namespace("zoe").pages()] == [page.text for page in filled.pages()]


def test_a_file_imported_twice_is_imported_once(filled: Memory, other: Memory) -> None:
    data = exported(filled)
    imported(other, data)
    before = exported(other)
    again = imported(other, data)
    assert (again.new, again.notes) == ({}, [])
    assert imported(filled, data).new == {}
    assert body(exported(other)) == body(before)


def test_what_was_added_since_is_all_that_a_later_export_brings(filled: Memory, other: Memory) -> None:
    imported(other, exported(filled))
    filled.memorize(Session(id="later", text="Rui painted the door green."))
    coffee = filled.items.list(kind="semantic")[0]
    filled.items.update(coffee.id, "Ana drinks no coffee any more.")
    filled.as_store().put(("prefs", "ui"), "colour", {"text": "light"})
    done = imported(other, exported(filled))
    assert (done.new, done.notes) == ({"session": 1, "page": 1, "version": 1, "entry": 1}, [])
    assert other.items.get(coffee.id).content == "Ana drinks no coffee any more."
    assert len(other.items.history(coffee.id)) == len(filled.items.history(coffee.id))
    assert other.as_store().get(("prefs", "ui"), "colour").value == {"text": "light"}  # type: ignore[union-attr]


def test_a_session_that_waits_here_and_was_filed_there_gets_its_pages(filled: Memory, other: Memory) -> None:
    imported(other, exported(filled))
    filled.resume()
    assert imported(other, exported(filled)).new["page"] == 1
    assert other.pages(session_id="waits") == filled.pages(session_id="waits")
    assert other.resume() == []


def test_an_index_that_was_open_before_the_import_finds_what_came(filled: Memory, other: Memory) -> None:
    other.memorize("Something else.")
    assert not any(hit.score for hit in other.recall("mill"))
    imported(other, exported(filled))
    assert "mill" in other.recall("mill")[0].text


# Into a memory that holds something


def whole(memory: Memory) -> tuple[Any, ...]:
    """Everything that can be seen of a memory."""
    return (
        memory.pages(),
        memory.items.list(),
        memory.admin.proposals(waiting=False),
        memory.admin.shares(),
        body(exported(memory)),
    )


def conflicts(memory: Memory, data: bytes) -> str:
    """What a refused import says; it changes nothing."""
    before = whole(memory) if memory.stats()["sessions"] else None
    with pytest.raises(ImportConflict, match="Nothing was imported") as refused:
        imported(memory, data)
    assert (whole(memory) if before else None) == before
    return str(refused.value)


def test_what_is_here_with_other_content_is_named_and_nothing_is_imported(filled: Memory, other: Memory) -> None:
    other.memorize(Session(id="walk/one", text="Another session under that id."))
    other.memorize(
        Session(id="own", text="".join(page.text for page in filled.pages() if page.session_id != "walk/one"))
    )
    other.items.update("core", "Ben, a beekeeper.")
    mine = other.items.insert("ana drinks her coffee, with milk!").item
    other.as_store().put(("prefs", "ui"), "theme", {"text": "mine"})
    assert mine is not None
    core, coffee = filled.items.list(kind="core")[0], filled.items.list(kind="semantic")[0]
    own = other.items.list(kind="core")[0]
    theirs = next(page.session_id for page in filled.pages() if page.session_id != "walk/one")
    assert conflicts(other, exported(filled)).splitlines() == [
        "the file: 5 of its records are in conflict with what is here, which an import never changes:",
        "  session 'walk/one' has another text or time here",
        f"  session {theirs!r} is here as the session own",
        f"  item {coffee.id!r} says the same as {mine.id}",
        f"  item {core.id!r} would be a second core paragraph beside {own.id}",
        "  entry 'theme' has another value here",
        "Import the file into another namespace (--namespace). Nothing was imported.",
    ]
    fresh = other.for_namespace("fresh")
    assert imported(fresh, exported(filled)).known == {}
    assert fresh.pages() != other.pages()


def test_ten_conflicts_are_named_and_the_others_counted(memory: Memory, other: Memory) -> None:
    for n in range(14):
        memory.memorize(Session(id=f"s{n}", text=f"Ana has {n} sacks."))
        other.memorize(Session(id=f"s{n}", text=f"Ana had {n} sacks."))
    refused = conflicts(other, exported(memory)).splitlines()
    assert refused[1:-1] == [*(f"  session 's{n}' has another text or time here" for n in range(10)), "  and 4 more"]


def test_ids_of_another_namespace_of_the_folder_are_in_conflict(filled: Memory) -> None:
    refused = conflicts(filled.for_namespace("copy"), exported(filled))
    assert f"page {filled.pages()[0].id!r} is the id of another record in this folder" in refused
    assert "into a memory in another folder (--memory)" in refused
    assert filled.for_namespace("copy").pages() == []


def test_an_item_that_both_sides_changed_is_in_conflict(filled: Memory, other: Memory) -> None:
    imported(other, exported(filled))
    item = filled.items.list(kind="semantic")[0]
    filled.items.update(item.id, "Ana drinks tea.")
    other.items.update(item.id, "Ana drinks wine.")
    assert f"  item {item.id!r} has other versions here" in conflicts(other, exported(filled)).splitlines()
    assert other.items.get(item.id).content == "Ana drinks wine."


def test_an_item_that_is_newer_here_stays_as_it_is(filled: Memory, other: Memory) -> None:
    data = exported(filled)
    imported(other, data)
    item = other.items.list(kind="semantic")[0]
    other.items.update(item.id, "Ana drinks wine.")
    before = whole(other)
    assert imported(other, data).new == {}
    assert whole(other) == before


def test_two_items_may_have_exchanged_their_contents_since(memory: Memory, other: Memory) -> None:
    one, two = memory.items.insert("Ana bakes.").item, memory.items.insert("Rui paints.").item
    assert one is not None
    assert two is not None
    imported(other, exported(memory))
    memory.items.update(two.id, "Somebody sings.")
    memory.items.update(one.id, "Rui paints.")
    memory.items.update(two.id, "Ana bakes.")
    assert imported(other, exported(memory)).new == {"version": 3}
    assert {item.id: item.content for item in other.items.list()} == {one.id: "Rui paints.", two.id: "Ana bakes."}


def test_a_session_that_was_cut_into_other_pages_here_is_in_conflict(filled: Memory, tmp_path: Path) -> None:
    from jitmem.nodes.options import MemorizeOptions

    with Memory.open(tmp_path / "small", memorize_options=MemorizeOptions(page_tokens=64)) as small:
        long = next(page for page in filled.pages() if page.session_id != "walk/one")
        small.memorize("".join(page.text for page in filled.pages(session_id=long.session_id)))
        refused = conflicts(small, exported(filled))
        assert f"page {long.id!r} is of a session that is filed here as other pages" in refused


def test_what_was_forgotten_in_part_does_not_come_back(memory: Memory) -> None:
    memory.memorize(Session(id="long", text="The mill turns slowly. " * 1000))
    data = exported(memory)
    first, *others = memory.pages()
    assert others
    memory.forget(page_id=[first.id])
    assert "session 'long' has another text or time here" in conflicts(memory, data)
    assert first.id not in [page.id for page in memory.pages()]


def test_an_entry_that_expired_here_makes_place_and_one_that_expired_in_the_file_is_left_out(
    memory: Memory, other: Memory
) -> None:
    memory.as_store().put(("a",), "k", {"text": "theirs"}, ttl=60000.0)
    memory.as_store().put(("a",), "gone", {"text": "theirs"}, ttl=60000.0)
    data = exported(memory)
    rows = lines(data)
    for row in rows:
        if row.get("key") == "gone":
            row["expires_at"] = 1.0
    other.as_store().put(("a",), "k", {"text": "ours"}, ttl=60000.0)
    with other._runtime.database.write() as db:
        db.execute("UPDATE entry SET expires_at = 1.0")
    done = imported(other, sealed(rows))
    assert done.new == {"entry": 1}
    assert done.notes == ["Line 4: 1 store entries were left out: they have expired."]
    assert [(one.key, one.value) for one in other.as_store().search(("a",))] == [("k", {"text": "theirs"})]


def test_shares_and_retention_rules_are_added_to_an_empty_namespace_only(filled: Memory, other: Memory) -> None:
    data = exported(filled)
    other.memorize("Something else.")
    assert imported(other, data).notes == [
        f"Line {len(lines(data)) - 1}: the share ['team/*'] was left out, since 'default' is in use; set it there."
    ]
    assert other.admin.shares() == []


def test_an_import_is_a_guest_its_rules_and_proposals_are_put_aside_and_named(filled: Memory, other: Memory) -> None:
    filled.admin.set_retention(episodic="400 days")
    data = exported(filled)
    rows = lines(data)
    places = {type: [n for n, row in enumerate(rows, 1) if row.get("type") == type] for type in ("share", "proposal")}
    done = imported(other, data, rules=False)
    assert (other.admin.shares(), other.admin.retention(), other.admin.proposals(waiting=False)) == ([], {}, [])
    assert not {"share", "retention", "proposal"} & done.new.keys()
    assert done.notes == []
    assert len(done.put_aside) == 5
    assert done.put_aside[0] == f"Line {places['share'][0]}: the share with 'team/*'."
    assert done.put_aside[1].endswith("the retention of 34,560,000 s for episodic.")
    insert = f"Line {places['proposal'][0]}: the waiting proposal to insert semantic: 'Ana is allergic to nuts.'."
    assert done.put_aside[2] == insert
    assert ": the rejected proposal to insert semantic: 'Ana is tall.'." in done.put_aside[4]
    assert [page.text for page in other.pages()] == [page.text for page in filled.pages()]
    again = imported(filled, data, rules=False)
    assert (again.put_aside, again.known["share"], again.known["proposal"]) == ([], 1, 3)


def test_who_a_foreign_file_names_reads_nothing_that_is_filed_later(filled: Memory, tmp_path: Path) -> None:
    """A6: an import into an empty namespace took its `share` lines."""
    filled.admin.share("eve")
    data = exported(filled)
    with Memory.open(tmp_path / "mine") as mine:
        mine.transfer.import_(io.BytesIO(data))
        mine.memorize("Ana: My locker code is 5512.")
        assert "5512" not in mine.for_namespace("eve").research("What is the locker code?").context
        assert mine.for_namespace("team/ben").recall("locker code") == []


def test_rules_are_of_exports_of_jitmem(other: Memory) -> None:
    with pytest.raises(BadInput, match="--rules"):
        other.transfer.import_(io.BytesIO(b"[]"), from_format="mem0", rules=True)


# Retention


def test_what_retention_hides_is_not_exported(filled: Memory, other: Memory) -> None:
    with filled._runtime.database.write() as db:
        db.execute("UPDATE session SET accepted_at = '2020-01-01T00:00:00+00:00' WHERE id = 'walk/one'")
        db.execute("INSERT INTO retention VALUES (1, 'page', 86400.0)")
    data = exported(filled)
    assert "walk/one" not in [line.get("id") for line in lines(data)]
    assert b"I bought the mill" not in data
    imported(other, data)
    assert [line for line in lines(exported(other)) if line.get("type") == "retention"] == [
        {"type": "retention", "kind": "page", "age_s": 86400.0}
    ]


# Vectors


class Counting(Embeddings):
    """The hashed embeddings, and how many texts they were asked for."""

    model = "counting"

    def __init__(self, dim: int = 384) -> None:
        self.asked = 0
        self._inner = HashedEmbeddings(dim)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.asked += len(texts)
        return self._inner.embed_documents(texts)

    def embed_query(self, text: str) -> list[float]:
        return self._inner.embed_query(text)


def test_embeddings_that_come_along_are_not_paid_again(tmp_path: Path) -> None:
    paid, again = Counting(), Counting()
    with Memory.open(tmp_path / "one", embeddings=paid) as one, Memory.open(tmp_path / "two", embeddings=again) as two:
        fill(one)
        one.flush()
        list(one.as_store().search(("prefs",), query="dark"))
        data = exported(one, vectors=True)
        done = imported(two, data)
        assert done.new["vectors"] >= 8
        assert body(exported(two, vectors=True)) == body(data)
        two.flush()
        assert two.recall("mill", k=20) == one.recall("mill", k=20)
        assert again.asked <= 1  # the probe, by which the model is known
        assert paid.asked > 8
        two.memorize("Rui painted the door green.")
        assert again.asked <= 3


def test_vectors_of_another_model_under_the_same_name_are_left_out_and_made_anew(tmp_path: Path) -> None:
    with Memory.open(tmp_path / "one", embeddings=Counting()) as one:
        fill(one)
        data = exported(one, vectors=True)
    other = Counting(dim=96)
    with Memory.open(tmp_path / "two", embeddings=other) as two:
        two.memorize("Something else.")
        done = imported(two, data)
        assert [note for note in done.notes if "another model has this name" in note]
        assert "vectors" not in done.new
        assert "mill" in two.recall("mill")[0].text
        assert other.asked > 8


def test_without_being_asked_for_no_vector_goes_along(filled: Memory) -> None:
    filled.flush()
    assert {line.get("type") for line in lines(exported(filled))} & {"vectors", "probe"} == set()
    assert "vectors" in {line.get("type") for line in lines(exported(filled, vectors=True))}


# Files


def test_an_export_is_a_private_file_that_goes_over_nothing(filled: Memory, folder: Path, tmp_path: Path) -> None:
    done = filled.transfer.export(tmp_path / "out.jsonl")
    assert stat.S_IMODE((tmp_path / "out.jsonl").stat().st_mode) == 0o600
    assert (tmp_path / "out.jsonl").stat().st_size == done.bytes
    before = (folder / FILE_NAME).stat()
    for target in (tmp_path / "out.jsonl", folder / FILE_NAME, folder):
        with pytest.raises(BadInput, match="exists; give a new name"):
            filled.transfer.export(target)
    assert (folder / FILE_NAME).stat() == before
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.startswith(".")] == []


def test_an_export_that_cannot_be_written_leaves_nothing(filled: Memory, tmp_path: Path) -> None:
    with pytest.raises(JitmemError, match="cannot be written"):
        filled.transfer.export(tmp_path / "no" / "out.jsonl")


async def test_both_ways_may_be_awaited(filled: Memory, other: Memory, tmp_path: Path) -> None:
    await filled.transfer.aexport(tmp_path / "out.jsonl")
    assert (await other.transfer.aimport_(tmp_path / "out.jsonl")).new["page"] == len(filled.pages())


def test_a_source_that_cannot_be_read_is_an_error_of_ours(memory: Memory, tmp_path: Path) -> None:
    for source in (tmp_path / "missing", tmp_path, "a\0b"):
        with pytest.raises(BadInput, match="cannot be read"):
            memory.transfer.import_(source)


WRITES = """
import os, sys
from itertools import count
from jitmem import MemorizeOptions, Memory, Session

def write(name, parent):
    with Memory.open(sys.argv[1], memorize_options=MemorizeOptions(curate=False)) as memory:
        for n in count():
            turns = [("Ana", f"Session {n}, line {i}.") for i in range(40)]
            memory.memorize(Session(id=f"{name}-{n}", turns=turns))
            item = memory.items.insert(f"{name} knows the number {n}.").item
            memory.items.update(item.id, f"{name} knows the number {n}, and more.")
            os.write(1, f"{name}\\n".encode())
            if os.getppid() != parent:
                os._exit(0)

import chromadb, langgraph.graph  # once for all writers
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


def test_an_export_while_others_write_is_one_state_that_comes_in_whole(
    folder: Path, tmp_path: Path, start: Start
) -> None:
    writers = start(WRITES, folder, "ab")
    assert writers.stdout is not None
    heard: set[str] = set()
    while heard != set("ab"):
        line = writers.stdout.readline().strip()
        assert line in "ab", writers.communicate()[1]
        heard.add(line)
    with Memory.open(folder) as memory:
        files = []
        for _ in range(3):
            files.append(exported(memory))
            before = memory.stats()["sessions"]
            while memory.stats()["sessions"] <= before + 2:
                time.sleep(0.01)
    assert writers.poll() is None, "a writer stopped"
    writers.kill()
    sizes = []
    for number, data in enumerate(files):
        with Memory.open(tmp_path / f"copy-{number}") as copy:
            assert imported(copy, data).notes == []
            assert body(exported(copy)) == body(data)
            sizes.append(copy.stats()["sessions"])
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1]


IMPORTS = """
import os, signal, sys
from jitmem import Memory
from jitmem.transfer import merge_export
add_versions = merge_export._add_versions
def dies(*args):
    add_versions(*args)
    os.kill(os.getpid(), signal.SIGKILL)
merge_export._add_versions = dies
with Memory.open(sys.argv[1]) as memory:
    memory.transfer.import_(sys.argv[2])
"""


def test_an_import_that_is_killed_leaves_nothing_and_the_next_one_brings_all(
    filled: Memory, tmp_path: Path, start: Start
) -> None:
    filled.transfer.export(tmp_path / "out.jsonl")
    child = start(IMPORTS, tmp_path / "other", tmp_path / "out.jsonl")
    _, errors = child.communicate(timeout=300)
    assert child.returncode == -signal.SIGKILL, errors
    with Memory.open(tmp_path / "other") as other:
        assert (other.pages(), other.items.list(), other.stats()["sessions"]) == ([], [], 0)
        names = {entry.name for entry in (tmp_path / "other").iterdir()}
        assert {name for name in names if "stage" in name or "import" in name} == set()
        other.transfer.import_(tmp_path / "out.jsonl")
        assert other.pages() == filled.pages()


def test_a_full_disk_undoes_the_import_whole(filled: Memory, other: Memory) -> None:
    data = exported(filled)
    with other._runtime.database.read() as db:
        pages = db.execute("PRAGMA main.page_count").fetchone()[0]
        db.execute(f"PRAGMA main.max_page_count = {pages + 2}")
    with pytest.raises(StoreFull, match="nothing was changed"):
        imported(other, data)
    assert (other.pages(), other.stats()["sessions"]) == ([], 0)
    with other._runtime.database.read() as db:
        db.execute("PRAGMA main.max_page_count = 1000000")
    assert imported(other, data).new["page"] == len(filled.pages())


def test_a_large_memory_goes_out_and_in_with_little_memory(tmp_path: Path) -> None:
    with Memory.open(tmp_path / "large") as large, Memory.open(tmp_path / "copy") as copy:
        journal = large._runtime.archive.journal
        for n in range(100):
            text = f"Session {n}. " + "The mill turns slowly. " * 2_500
            accepted = journal.accept(session_id=None, text=text, turns=[], time=None, metadata={})
            journal.file(accepted, [PageDraft(text, "", "", "", [PassageDraft(0, 11, None, ["session"])])])
        tracemalloc.start()
        try:
            large.transfer.export(tmp_path / "out.jsonl")
            out = tracemalloc.get_traced_memory()[1]
            tracemalloc.reset_peak()
            copy.transfer.import_(tmp_path / "out.jsonl")
            came = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert (tmp_path / "out.jsonl").stat().st_size > 5_000_000
        assert max(out, came) < 1_500_000
        assert copy.stats() == large.stats()


# What is wrong


GOOD_PAGE = {
    "type": "page", "id": "0123456789ab", "session": "s", "part": 1, "parts": 1, "text": "Hello there.", "header": "",
    "memo": "", "title": "", "cause": "memorizer", "at": "2026-11-21T07:00:00+00:00", "passages": [[0, 12, None]],
}  # fmt: skip
GOOD_SESSION = {
    "type": "session", "id": "s", "content": hashlib.sha256(b"None\0Hello there.").hexdigest(), "time": None,
    "metadata": {}, "accepted_at": "2026-11-21T07:00:00+00:00", "filed_at": "2026-11-21T07:00:00+00:00",
}  # fmt: skip
ITEM = {"type": "item", "id": "abcdefghijkl", "kind": "semantic"}
VERSION = {
    "type": "version", "item": "abcdefghijkl", "version": 1, "op": "insert", "content": "Ana bakes.", "time": None,
    "pages": [], "cause": "person", "at": "2026-11-21T07:00:00+00:00",
}  # fmt: skip
HEAD = {"format": "jitmem", "version": 1, "jitmem": "0.1.0", "namespaces": ["n"], "at": "2026-11-21T07:00:00+00:00"}
SPACE = {"type": "namespace", "name": "n"}
END: dict[str, Any] = {}


def of(*rows: dict[str, Any]) -> bytes:
    return sealed([HEAD, SPACE, *rows, END])


def changed(row: dict[str, Any], **values: Any) -> dict[str, Any]:
    return {**row, **values}


HOSTILE: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "was cut"),
    "another format": (b'{"format": "other"}\n', "is not an export of jitmem"),
    "no header": (b'{"type": "session"}\n', "is not an export of jitmem"),
    "a newer version": (json.dumps(changed(HEAD, version=2)).encode() + b"\n", "newer jitmem .format 2, this one reads 1"),
    "no object": (b"[1]\n", "line 1: is not a JSON object"),
    "no JSON": (b"{nope}\n", "line 1: not valid JSON"),
    "no UTF-8": (b'{"format": "\xff"}\n', "line 1: is not UTF-8"),
    "cut at a line": (of(GOOD_SESSION, GOOD_PAGE).rpartition(b'{"type": "end"')[0], "after line 4.*was cut"),
    "cut in a line": (of(GOOD_SESSION, GOOD_PAGE)[:-40], "line 5: ends in its middle"),
    "a changed byte": (of(GOOD_SESSION, GOOD_PAGE).replace(b'"memo": ""', b'"memo": "x"'), "line 5: the file was cut or changed"),
    "a line taken out": (of(GOOD_SESSION, ITEM, VERSION).replace(json.dumps(GOOD_SESSION).encode() + b"\n", b""), "line 5: the file was cut or changed"),
    "more after the end": (of() + b"{}\n", "line 4: comes after the last line"),
    "deep nesting": (of(changed(GOOD_SESSION)).replace(b'"metadata": {}', b'"metadata": ' + b'{"a":' * 600 + b"1" + b"}" * 600), "line 3: nested deeper"),
    "very deep nesting": (b'{"a":' * 100_000 + b"\n", "line 1: n"),
    "a NUL": (of(changed(GOOD_SESSION), changed(GOOD_PAGE, memo="a\0b")), "line 4: memo: contains a NUL"),
    "a NUL in metadata": (of(changed(GOOD_SESSION, metadata={"a": ["\0"]})), "line 3: metadata: contains a NUL"),
    "half a character": (of(GOOD_SESSION).replace(b'"id": "s"', b'"id": "\\ud800"'), "line 3: not a character"),
    "a key twice": (of(GOOD_SESSION).replace(b'"time": null', b'"time": null, "time": null'), "line 3: .*comes twice"),
    "a path for an id": (of(GOOD_SESSION, changed(GOOD_PAGE, id="../../etc/passwd")), "line 4: id: is not an id"),
    "a number for a text": (of(GOOD_SESSION, changed(GOOD_PAGE, text=7)), "line 4: text: "),
    "a text for a number": (of(GOOD_SESSION, changed(GOOD_PAGE, part="1")), "line 4: part: "),
    "a number too large": (of(GOOD_SESSION, changed(GOOD_PAGE, part=1 << 70, parts=1 << 70)), "line 4: part: "),
    "a key too many": (of(changed(GOOD_SESSION, extra=1)), "line 3: extra: "),
    "a key too few": (of({key: value for key, value in GOOD_SESSION.items() if key != "time"}), "line 3: time: "),
    "an unknown type": (of({"type": "spell"}), "line 3: there is no type 'spell'"),
    "no type": (of({"id": "x"}), "line 3: there is no type None"),
    "an unknown kind": (of(changed(ITEM, kind="procedural")), "line 3: kind: "),
    "no time": (of(changed(GOOD_SESSION, accepted_at="yesterday")), "line 3: accepted_at: is not a time"),
    "a time without its zone": (of(changed(GOOD_SESSION, accepted_at="2026-11-21T07:00:00")), "line 3: accepted_at: is not a time in UTC"),
    "another content of one that waits": (of(changed(GOOD_SESSION, filed_at=None, text="x", turns=[])), "line 3: content is not the sha256"),
    "a filed session with text": (of(changed(GOOD_SESSION, text="x", turns=[])), "line 3: a session has text and turns while"),
    "a session twice": (of(GOOD_SESSION, GOOD_SESSION), "line 4: session 's' comes a second time"),
    "a page twice": (of(GOOD_SESSION, GOOD_PAGE, GOOD_PAGE), "line 5: page '0123456789ab' comes a second time"),
    "a part twice": (of(GOOD_SESSION, GOOD_PAGE, changed(GOOD_PAGE, id="0123456789ac")), "line 5: page .*comes a second time"),
    "an item twice": (of(ITEM, ITEM), "line 4: item 'abcdefghijkl' comes a second time"),
    "two items that say the same": (of(ITEM, VERSION, changed(ITEM, id="abcdefghijkm"), changed(VERSION, item="abcdefghijkm")), "line 7: the items abcdefghijkl and abcdefghijkm say the same"),
    "a version twice": (of(ITEM, VERSION, VERSION), "line 5: version 1 of abcdefghijkl comes after version 1"),
    "a namespace twice": (of(SPACE), "line 3: namespace 'n' comes a second time"),
    "a page of no session": (of(GOOD_PAGE), "line 3: no line before is of a filed session 's'"),
    "a version of no item": (of(VERSION), "line 3: no line before is of the item"),
    "a passage outside": (of(GOOD_SESSION, changed(GOOD_PAGE, passages=[[0, 13, None]])), "line 4: the passage from 0 to 13"),
    "passages that overlap": (of(GOOD_SESSION, changed(GOOD_PAGE, passages=[[0, 5, None], [4, 8, None]])), "line 4: the passage from 4 to 8"),
    "a part beyond": (of(GOOD_SESSION, changed(GOOD_PAGE, part=2)), "line 4: part 2 of 1"),
    "before any namespace": (sealed([HEAD, GOOD_SESSION, END]), "line 2: comes before the first line of type namespace"),
    "other namespaces": (sealed([HEAD, changed(SPACE, name="m"), END]), "line 3: the first line names the namespaces"),
    "a namespace without a name": (sealed([HEAD, changed(SPACE, name=" "), END]), "line 2: a namespace has a name"),
    "no vector": (of({"type": "probe", "model": "m", "vector": "!!"}), "line 3: vector: is not a vector"),
    "a vector of NaN": (of({"type": "probe", "model": "m", "vector": "AADAfw=="}), "line 3: vector: is not a vector"),
    "vectors of nothing": (of({"type": "vectors", "model": "m", "page": "0123456789ab", "vectors": []}), "line 3: no line before is of"),
    "a ttl without its end": (of({"type": "entry", "path": ["a"], "key": "k", "value": {}, "created_at": GOOD_PAGE["at"], "updated_at": GOOD_PAGE["at"], "ttl": 1.0, "expires_at": None, "texts": []}), "line 3: ttl and expires_at"),
}  # fmt: skip


def read(file: bytes) -> str:
    """What is said against a file before anything of it is kept; empty where nothing is."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db, staging_tables(db):
        try:
            read_export(db, io.BytesIO(file), "the file", Analyzer())
        except BadInput as error:
            return str(error)
    return ""


@pytest.mark.parametrize("what", HOSTILE)
def test_what_is_wrong_is_refused_by_its_line_before_anything_is_kept(what: str) -> None:
    data, said = HOSTILE[what]
    assert re.match(rf"(?s)^the file.*{said}", read(data))


@pytest.mark.parametrize("what", ["a page twice", "cut at a line"])
def test_nothing_of_a_file_that_is_refused_comes_in(memory: Memory, what: str) -> None:
    data, said = HOSTILE[what]
    with pytest.raises(BadInput, match=rf"(?s)^the file.*{said}.*Nothing was imported"):
        imported(memory, data)
    assert memory.admin.namespaces() == []


def test_the_good_lines_of_these_tests_come_in(memory: Memory) -> None:
    assert imported(memory, of(GOOD_SESSION, GOOD_PAGE, ITEM, VERSION)).notes == []
    assert imported(memory, of(changed(ITEM, id="abcdefghijkm"))).notes == [
        "Line 3: item abcdefghijkm was left out, since no version of it follows."
    ]
    assert memory.recall("hello")[0].text == "Hello there."


def test_a_session_that_says_it_is_another_goes_by_its_pages(memory: Memory) -> None:
    secret = "Ana keeps the key under the stone."
    claimed = hashlib.sha256(f"None\0{secret}".encode()).hexdigest()
    data = of(changed(GOOD_SESSION, content=claimed), GOOD_PAGE, changed(GOOD_SESSION, id="empty"))
    done = imported(memory, data)
    assert [note.partition(":")[0] for note in done.notes] == ["Line 3", "Line 5"]
    assert imported(memory, data).new == {}
    assert not memory.memorize(secret).duplicate
    assert memory.memorize("Hello there.").duplicate


def test_a_giant_line_is_refused_without_being_read_whole(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless(io.RawIOBase):
        asked = 0

        def readline(self, size: int | None = -1) -> bytes:  # type: ignore[override]
            self.asked += max(size or 0, 0)
            return b'{"format": "' + b"x" * ((size or 0) - 12)

    source = Endless()
    with pytest.raises(BadInput, match="line 1: is longer than 64 MiB"):
        memory.transfer.import_(source)  # type: ignore[arg-type]
    assert source.asked == export_schema.LONGEST_LINE + 1


def test_a_session_too_large_for_a_line_is_named_and_told_how_to_be_moved(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jitmem.transfer.write_export.LONGEST_LINE", 100_000)
    memory.accept(Session(id="long", text="word " * 30_000))
    with pytest.raises(BadInput, match=r"session 'long' is too large.*resume"):
        exported(memory)
    memory.resume()
    assert exported(memory)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=100)
@given(data=st.data())
def test_any_change_of_a_line_is_taken_or_refused_by_name(data: st.DataObject) -> None:
    rows: list[dict[str, Any]] = [HEAD, SPACE, GOOD_SESSION, GOOD_PAGE, ITEM, VERSION, END]
    at = data.draw(st.integers(1, len(rows) - 2))
    key = data.draw(st.sampled_from([*rows[at], "other"]))
    rows[at] = changed(rows[at], **{key: data.draw(json_values)})
    try:
        file = sealed(rows)
    except UnicodeEncodeError:  # half a character, which no file can hold
        return
    said = read(file)
    assert not said or said.startswith("the file, line ")


@settings(max_examples=100)
@given(noise=st.binary(max_size=300), at=st.integers(0, 2000), taken=st.integers(0, 300))
def test_any_bytes_in_a_file_are_refused_by_name(noise: bytes, at: int, taken: int) -> None:
    good = of(GOOD_SESSION, GOOD_PAGE, ITEM, VERSION)
    file = good[:at] + noise + good[at + taken :]
    said = read(file)
    assert said.startswith("the file") or body(file) == body(good)  # the first line is not under the checksum


# The command line


def test_the_commands_export_and_import_by_files_and_pipes(
    filled: Memory, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = CliRunner().invoke
    piped = run(app, ["export", "--memory", str(folder)])
    assert (piped.exit_code, body(piped.stdout_bytes)) == (0, body(exported(filled)))
    assert "Exported 3 sessions, " in piped.stderr
    told = run(app, ["export", "out.jsonl", "--memory", str(folder), "--all", "--vectors", "--json"])
    assert json.loads(told.stdout)["lines"]["session"] == 3
    came = run(app, ["import", "-", "--memory", "other"], input=piped.stdout_bytes)
    assert came.exit_code == 0, came.output
    assert came.stdout.startswith("Imported 3 sessions, ")
    again = run(app, ["import", "out.jsonl", "--memory", "other", "--all", "--json"])
    assert "session" not in json.loads(again.stdout)["new"]
    assert json.loads(again.stdout)["known"]["session"] == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["import", "missing.jsonl"], "cannot be read"),
        (["import", "bad.jsonl"], "is not an export of jitmem"),
        (["import", "bad.jsonl", "--from", "zep"], "no importer for 'zep'"),
        (["export", "--json"], "give its name"),
    ],
)
def test_a_command_that_cannot_do_it_says_so_and_ends_with_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.jsonl").write_text("{}\n")
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2
    assert said in done.stderr
    assert done.stdout == ""


def test_an_import_finds_the_passages_of_a_page_by_an_index() -> None:
    """Else each page reads the passages of all pages: 50,000 pages never came to an end."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.executescript(database.schema())
        with staging_tables(db):
            values = {"space": 1, "target": 1, "now": 0.0, "at": "", "cause": "", "analyzer": ""}
            plans = {
                statement: [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {statement}", values)]
                for statement in (*merge_export._MATCH, merge_export._CONFLICTS, *merge_export._ADD)
            }
    assert any("passage_page" in step for plan in plans.values() for step in plan)
    for table in ("passage", "texts", "staged.version"):
        assert not [statement for statement, plan in plans.items() if f"SCAN {table}" in plan], table


def test_an_import_deletes_no_postings_of_pages_that_have_none(filled: Memory, other: Memory) -> None:
    """In PostgreSQL each such DELETE read the whole table, which the transaction was just filling."""
    file, statements = io.BytesIO(), list[str]()
    filled.transfer.export(file)
    file.seek(0)
    with other._runtime.database.read() as db:
        assert isinstance(db, sqlite3.Connection)
        db.set_trace_callback(statements.append)
    other.transfer.import_(file)
    assert [one for one in statements if "INSERT INTO posting" in one]
    assert not [one for one in statements if "DELETE FROM posting" in one]
