"""Forgotten text is in no file of the memory any more: these tests search the raw bytes of every file."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from subprocess import Popen
from typing import Any

import numpy as np
import pytest

from jitmem import BadInput, ItemOptions, Memory, Receipt, Session, UnknownRecord

Start = Callable[..., "Popen[str]"]
SAFE = "The code of the safe is Xylophon-Quartz-7788."
PLAIN = [f"Ana: On day {n} I walked from Porto to the mill and bought {n} loaves of bread." for n in range(4)]


def holding(folder: Path, *needles: str | bytes) -> set[str]:
    """The files in which one of these bytes is."""
    raw = [needle.encode() if isinstance(needle, str) else needle for needle in needles]
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)) for path in files if any(path.read_bytes().find(n) >= 0 for n in raw)}


def rows(folder: Path, query: str, *values: object) -> list[Any]:
    with closing(sqlite3.connect(folder / "truth.sqlite3")) as db:
        return db.execute(query, values).fetchall()


def vectors(folder: Path, table: str = "embedding", where: str = "1") -> list[bytes]:
    return [blob for (blob,) in rows(folder, f"SELECT vector FROM {table} WHERE {where} ORDER BY n")]


def at_length_one(blob: bytes) -> bytes:
    """As HNSW keeps it: added up in single precision, one after the other."""
    total = np.float32(0)
    vector = np.frombuffer(blob, "<f4")
    for value in vector:
        total = np.float32(total + value * value)
    return bytes((vector * (np.float32(1) / np.sqrt(total))).astype("<f4").tobytes())


def planted(folder: Path, **options: Any) -> Memory:
    """A memory with plain pages, all of it searched once, so that Chroma has it."""
    memory = Memory.open(folder, namespace="ana", **options)
    memory.memorize_many(PLAIN)
    return memory


# -- planted secrets, each selector --------------------------------------------------------------------------


SECRETS = ["Xylophon-Quartz-1", "Xylophon-Quartz-2", "Xylophon-Quartz-3", "Xylophon-Quartz-4", "Xylophon-Quartz-5"]


def everywhere(folder: Path) -> tuple[Memory, dict[str, str]]:
    """Secrets in text, speaker, session id, metadata, memo, items, their versions, a proposal and a waiting session."""
    options = ItemOptions(before_write=lambda edit: "quarantine" if "Quartz-4" in (edit.content or "") else "allow")
    memory = planted(folder, item_options=options)
    filed = memory.memorize(
        Session(
            id="visit of Xylophon-Quartz-2",
            time="2024-05-08 10:00",
            turns=[("Rui", "The code is Xylophon-Quartz-1."), ("Xylophon-Quartz-3", "I live in Braga.")],
            metadata={"note": "Xylophon-Quartz-2"},
        )
    )
    memory._runtime.editor.insert("semantic", "The code is Xylophon-Quartz-1, Rui said.", page_ids=filed.page_ids)
    memory._runtime.editor.insert("semantic", "A proposal of Xylophon-Quartz-4.", page_ids=filed.page_ids)
    item = memory.items.insert("Rui knows Xylophon-Quartz-5.").item
    memory.items.update(item.id, "Rui knows nothing.")
    memory.accept(Session(id="waiting", time="2024-05-09", text="It waits with Xylophon-Quartz-5."))
    memory.flush()
    return memory, {"page": filed.page_ids[0], "item": item.id}


@pytest.mark.parametrize(
    ("selector", "gone"),
    [
        ({"page_id": "page"}, SECRETS[:4]),
        ({"session_id": "visit of Xylophon-Quartz-2"}, SECRETS[:4]),
        ({"session_id": ["visit of Xylophon-Quartz-2", "waiting"], "item": True}, SECRETS),
        ({"item_id": "item"}, []),
        ({"after": "8 May 2024", "before": "9 May 2024"}, SECRETS[:4]),
        ({"after": "2024"}, SECRETS[:4]),
        ({"query": "Xylophon"}, SECRETS),
        ({"everything": True}, SECRETS),
    ],
    ids=["page", "session", "sessions and item", "item", "span", "after", "query", "everything"],
)
def test_secrets_are_in_no_file_after_they_were_forgotten(
    folder: Path, selector: dict[str, Any], gone: list[str]
) -> None:
    memory, ids = everywhere(folder)
    with memory:
        blobs = vectors(folder, where="passage IN (SELECT passage.seq FROM passage JOIN page ON page = page.seq"
                        f" WHERE id = '{ids['page']}')")  # fmt: skip
        assert all(holding(folder, secret) for secret in SECRETS)
        assert any(name.startswith("vectors/") for blob in blobs for name in holding(folder, blob, at_length_one(blob)))
        also = selector.pop("item", None)
        told = {name: ids.get(value, value) if isinstance(value, str) else value for name, value in selector.items()}
        receipts = [memory.forget(**told)] + ([memory.forget(item_id=ids["item"])] if also else [])
        assert [receipt.status for receipt in receipts] == ["erased"] * len(receipts), receipts
        for receipt in receipts:
            assert receipt.reasons == ()
            assert {one.item_id for one in receipt.kept} <= {ids["item"]}  # a person wrote it, in words of the page
        assert {secret: holding(folder, secret) for secret in gone} == {secret: set() for secret in gone}
        if gone:
            assert [holding(folder, blob, at_length_one(blob)) for blob in blobs] == [set()] * len(blobs)
            assert holding(folder, ids["page"]) == set()
        kept = PLAIN if "everything" not in selector else []
        assert [page.text for page in memory.pages()] == ([*kept] if gone else [*kept, memory.pages()[-1].text])
        if kept:
            assert memory.recall("bread")[0].text in PLAIN
    assert {secret: holding(folder, secret) for secret in gone} == {secret: set() for secret in gone}


def test_an_item_forgotten_by_id_goes_with_every_version_and_its_vectors(folder: Path) -> None:
    with planted(folder) as memory:
        item = memory.items.insert(SAFE).item
        memory.items.update(item.id, "Nobody knows the code.")
        memory.items.delete(item.id)
        memory.items.undo(memory.items.history(item.id)[-1].change)
        memory.flush()
        assert holding(folder, SAFE)
        blobs = vectors(folder, "item_embedding", "version > 0")[-1:]
        receipt = memory.forget(item_id=item.id)
        assert (receipt.status, receipt.item_ids, receipt.counts["versions"]) == ("erased", (item.id,), 4)
        assert holding(folder, SAFE, "Nobody knows", *blobs, *map(at_length_one, blobs)) == set()
        with pytest.raises(UnknownRecord):
            memory.items.history(item.id)


def test_entries_shares_rules_and_the_name_itself_go_with_everything(folder: Path) -> None:
    with Memory.open(folder, namespace="Xylophon-Quartz-Inn") as memory:
        memory.for_namespace("other").memorize(PLAIN[0])
        store = memory.as_store()
        store.put(("guests", "Xylophon-Label"), "Xylophon-Key", {"text": SAFE})
        assert store.search(("guests",), query="code of the safe")
        memory.admin.share("reader/Xylophon-Reader")
        memory.admin.set_retention(pages="9 weeks")
        names = ["Xylophon-Quartz-Inn", "Xylophon-Label", "Xylophon-Key", SAFE, "Xylophon-Reader"]
        assert all(holding(folder, name) for name in names)
        receipt = memory.forget(everything=True)
        assert receipt.status == "erased"
        assert {"entries": 1, "shares": 1, "rules": 1, "namespaces": 1}.items() <= receipt.counts.items()
        assert holding(folder, *names) == set()
        assert memory.admin.namespaces() == ["other"]
        assert store.get(("guests", "Xylophon-Label"), "Xylophon-Key") is None
        assert memory.for_namespace("other").recall("bread")


def test_many_vectors_that_chroma_has_in_its_graph_are_gone_too(folder: Path) -> None:
    with Memory.open(folder) as memory:
        turns = [("Ana", f"Sentence {n} of a long talk about mills, number {n * 7919}.") for n in range(1100)]
        memory.memorize(Session(id="long", turns=turns))
        memory.memorize(PLAIN[0])
        memory.flush()
        blobs = vectors(folder)[:1100:50]
        graph = {name for blob in blobs for name in holding(folder, at_length_one(blob)) if name.endswith(".bin")}
        assert graph, "HNSW's own file holds them"
        assert memory.forget(session_id="long").status == "erased"
        assert holding(folder, *blobs, *map(at_length_one, blobs)) == set()
        assert [hit.text for hit in memory.recall("bread", k=3)] == [PLAIN[0]]


def test_no_embedding_is_paid_twice_for_what_stays(folder: Path) -> None:
    from langchain_core.embeddings import Embeddings

    from jitmem.stores.analyzer import HashedEmbeddings

    paid: list[str] = []

    class Counting(Embeddings):
        model = "counting"

        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            paid.extend(texts)
            return HashedEmbeddings().embed_documents(texts)

        def embed_query(self, text: str) -> list[float]:
            return HashedEmbeddings().embed_query(text)

    with planted(folder, embeddings=Counting()) as memory:
        filed = memory.memorize(f"Ana: {SAFE}")
        memory.flush()
        before = len(paid)
        assert memory.forget(page_id=filed.page_ids).status == "erased"
        memory.flush()
        assert memory.recall("bread and mill")
        assert len(paid) == before


HEAP = """
import sys, threading
from pathlib import Path
from jitmem import Memory

MARK = b"left in memory "

def leave():
    for size in (100_000, 167_600, 200_000, 1_000_000):
        left = [MARK * (size // len(MARK)) for _ in range(6)]
        del left

found = []
for n in range(4):
    large = [bytes(30_000_000)]
    del large  # from now on malloc gives large pieces out again
    threads = [threading.Thread(target=leave) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    folder = Path(sys.argv[1]) / str(n)
    with Memory.open(folder) as memory:
        memory.memorize("Ana: I like bread.")
        leave()
        memory.flush()
        found += [file.name for file in (folder / "vectors").rglob("*") if file.is_file() and MARK in file.read_bytes()]
print(found)
"""


def test_nothing_that_lay_in_memory_gets_into_the_files_of_the_index(tmp_path: Path, start: Start) -> None:
    told, errors = start(HEAP, tmp_path).communicate()
    assert (told, errors) == ("[]\n", "")


def test_an_index_whose_owner_died_before_it_was_blanked_is_blanked_when_it_is_opened(folder: Path) -> None:
    with planted(folder) as memory:
        memory.flush()
    (data,) = {file for file in folder.rglob("data_level0.bin") if file.stat().st_size}
    size = data.stat().st_size
    data.write_bytes(SAFE.encode().ljust(size, b"x"))
    with planted(folder) as memory:
        assert {hit.text for hit in memory.recall("bread and mill", k=20)} == set(PLAIN)
        assert (data.read_bytes(), holding(folder, SAFE)) == (bytes(size), set())


# -- who reads meanwhile -------------------------------------------------------------------------------------


def test_a_reader_with_an_old_snapshot_makes_it_pending_and_a_sweep_finishes(folder: Path, start: Start) -> None:
    with planted(folder) as memory:
        filed = memory.memorize(f"Ana: {SAFE}")
        reader = start(
            "import sqlite3, sys\n"
            "db = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
            "db.execute('BEGIN'); db.execute('SELECT count(*) FROM page').fetchone(); print('reads', flush=True)\n"
            "sys.stdin.readline(); db.execute('ROLLBACK'); print('done', flush=True); sys.stdin.readline()",
            folder / "truth.sqlite3",
        )
        assert reader.stdout is not None
        assert reader.stdin is not None
        assert reader.stdout.readline() == "reads\n"
        receipt = memory.forget(page_id=filed.page_ids[0])
        assert (receipt.status, receipt.page_ids) == ("pending", filed.page_ids)
        assert "truth.sqlite3 is being read" in receipt.reasons[0]
        assert holding(folder, SAFE) != set()
        assert {hit.text for hit in memory.recall("code of the safe, bread", k=20)} <= set(PLAIN)
        assert memory.admin.purge().status == "pending"
        reader.stdin.write("go on\n")
        reader.stdin.flush()
        assert reader.stdout.readline() == "done\n"
        swept = memory.admin.purge()
        assert (swept.status, swept.counts) == ("erased", {})
        assert holding(folder, SAFE) == set()
        assert rows(folder, "SELECT state FROM erasure") == [("erased",)]


OWNER = """
import sys
from jitmem import Memory
with Memory.open(sys.argv[1], namespace="ana") as memory:
    memory.flush()
    for line in sys.stdin:
        told = line.strip()
        if told == "search":
            print([hit.text for hit in memory.recall("code of the safe and bread", k=20)], flush=True)
        elif told == "ready":
            print(memory._runtime.archive.vectors.owner, flush=True)
        else:
            break
"""


def say(child: Popen[str], word: str) -> str:
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(word + "\n")
    child.stdin.flush()
    return child.stdout.readline()


@pytest.mark.parametrize("how", ["search", "close"])
def test_another_owner_of_the_vector_index_notices_and_a_sweep_finishes(folder: Path, start: Start, how: str) -> None:
    with planted(folder) as memory:
        filed = memory.memorize(f"Ana: {SAFE}")
        memory.flush()
    owner = start(OWNER, folder)
    assert say(owner, "ready") == "True\n"
    assert SAFE in say(owner, "search")
    with Memory.open(folder, namespace="ana") as memory:
        blob = vectors(folder)[-1]
        assert len(memory.recall("safe")) > 0
        receipt = memory.forget(page_id=filed.page_ids[0])
        assert receipt.status == "pending"
        assert [str(owner.pid) in reason for reason in receipt.reasons] == [True]
        assert holding(folder, SAFE) == set()
        assert holding(folder, blob, at_length_one(blob)) != set()
        if how == "search":
            found = say(owner, "search")
            assert SAFE not in found
            assert "bread" in found
        else:
            owner.communicate("end\n")
        assert memory.admin.purge().status == "erased"
        assert holding(folder, blob, at_length_one(blob)) == set()
        assert {hit.text for hit in memory.recall("bread", k=20)} == set(PLAIN)


def test_another_memory_of_this_process_is_named_as_the_owner(folder: Path) -> None:
    with planted(folder) as owner, Memory.open(folder, namespace="ana") as memory:
        filed = owner.memorize(f"Ana: {SAFE}")
        owner.flush()
        receipt = memory.forget(page_id=filed.page_ids[0])
        assert receipt.status == "pending"
        assert "another memory in this process" in receipt.reasons[0]
        owner.flush()
        assert memory.admin.purge().status == "erased"


def test_the_files_of_an_index_that_was_taken_away_are_held_by_nobody(folder: Path) -> None:
    with planted(folder) as memory:
        filed = memory.memorize(f"Ana: {SAFE}")
        memory.flush()
        memory.forget(page_id=filed.page_ids[0])
        fds = Path("/proc/self/fd")
        if not fds.exists():
            pytest.skip("the system does not tell which files are open")
        held = [os.readlink(fd) for fd in fds.iterdir() if fd.is_symlink()]
        assert [name for name in held if str(folder / "vectors") in name] == []


# -- who dies ------------------------------------------------------------------------------------------------

DIES = """
import os, signal, sys
from jitmem import Memory
from jitmem.stores.deletion import selectors
from jitmem.stores.deletion.delete import delete
memory = Memory.open(sys.argv[1], namespace="ana")
memory.recall("safe")
delete(memory._runtime.archive.pages.namespace, selectors.pages([sys.argv[2]]))
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("finisher", ["sweep", "forget", "open"])
def test_what_died_between_deleting_and_erasing_is_finished_by_the_next(
    folder: Path, start: Start, finisher: str
) -> None:
    with planted(folder) as memory:
        filed = memory.memorize(f"Ana: {SAFE}")
        other = memory.memorize("Ana: something else for another day")
        memory.flush()
        blob = vectors(folder)[-2]
    opened = Memory.open(folder, namespace="ana") if finisher != "open" else None
    child = start(DIES, folder, filed.page_ids[0])
    assert child.wait(60) == -signal.SIGKILL
    assert holding(folder, SAFE), "its bytes are still there"
    assert rows(folder, "SELECT state FROM erasure") == [("deleted",)]
    memory = opened or Memory.open(folder, namespace="ana")
    with memory:
        if finisher == "sweep":
            assert memory.admin.purge().status == "erased"
        elif finisher == "forget":
            assert memory.forget(page_id=other.page_ids[0]).status == "erased"
        assert holding(folder, SAFE, blob, at_length_one(blob)) == set()
        assert {state for (state,) in rows(folder, "SELECT state FROM erasure")} == {"erased"}


KILLED = """
import sys
from jitmem import Memory
memory = Memory.open(sys.argv[1], namespace="ana")
memory.recall("safe")
print("forgets", flush=True)
memory.forget(query="safe")
"""


def test_a_forget_that_is_killed_anywhere_has_forgotten_all_or_nothing(folder: Path, start: Start) -> None:
    with planted(folder) as memory:
        for delay_s in (0.0, 0.02, 0.05):
            memory.memorize(f"Ana: {SAFE}")
            memory.items.insert(SAFE)
            child = start(KILLED, folder)
            assert child.stdout
            child.stdout.readline()
            threading.Event().wait(delay_s)
            child.kill()
            child.wait()
            receipt = memory.admin.purge()
            left = (len(memory.pages()) - len(PLAIN), len([i for i in memory.items.list() if i.content == SAFE]))
            assert left in ((0, 0), (1, 1))
            assert receipt.status in ("erased", "nothing found")
            if left == (0, 0):
                assert holding(folder, SAFE) == set()
            else:
                memory.forget(query="safe")
            assert holding(folder, SAFE) == set()


# -- copies --------------------------------------------------------------------------------------------------


def test_copies_of_the_truth_that_an_upgrade_or_a_repair_left_are_removed(folder: Path) -> None:
    with planted(folder) as memory:
        filed = memory.memorize(f"Ana: {SAFE}")
        (folder / ".repair-x").mkdir()
        for name in ("truth.sqlite3.v2-copy", ".repair-x/copy.sqlite3"):
            with memory._runtime.database.read() as db:
                db.execute("VACUUM INTO ?", (str(folder / name),))
        receipt = memory.forget(page_id=filed.page_ids[0])
        assert (receipt.status, receipt.removed) == ("erased", (".repair-x", "truth.sqlite3.v2-copy"))
        assert holding(folder, SAFE) == set()


def test_what_another_namespace_keeps_word_for_word_stays_there(folder: Path) -> None:
    with planted(folder) as memory:
        memory.for_namespace("rui").memorize(f"Ana: {SAFE}")
        memory.for_namespace("rui").flush()
        filed = memory.memorize(f"Ana: {SAFE}")
        memory.flush()
        receipt = memory.forget(page_id=filed.page_ids[0])
        assert receipt.status == "erased"
        assert memory.for_namespace("rui").recall("safe")[0].text.endswith(SAFE)


# -- at once -------------------------------------------------------------------------------------------------


def test_two_forget_at_once_and_both_are_erased_in_the_end(folder: Path) -> None:
    with planted(folder) as memory:
        pages = [memory.memorize(f"Ana: {SAFE} Number {n}.").page_ids[0] for n in range(2)]
        told: list[Receipt | Exception] = []

        def forget(page_id: str) -> None:
            try:
                told.append(memory.forget(page_id=page_id))
            except UnknownRecord as error:
                told.append(error)

        threads = [threading.Thread(target=forget, args=(page,)) for page in (*pages, pages[0])]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        receipts = [one for one in told if isinstance(one, Receipt)]
        assert (len(receipts), len(told)) == (2, 3)
        assert {one.status for one in receipts} == {"erased"}
        assert holding(folder, SAFE) == set()


def test_others_read_and_write_while_pages_are_forgotten(folder: Path) -> None:
    with planted(folder) as memory:
        pages = [memory.memorize(f"Ana: {SAFE} Day {n} of it.").page_ids[0] for n in range(6)]
        memory.flush()
        errors: list[BaseException] = []
        end = threading.Event()

        def work(what: Callable[[int], object]) -> None:
            n = 0
            while not end.is_set():
                try:
                    what(n := n + 1)
                except BaseException as error:
                    errors.append(error)
                    return

        works: list[Callable[[int], object]] = [
            lambda n: memory.recall("code of the safe, bread and mill"),
            lambda n: memory.research("What is the code of the safe?", output="pages"),
            lambda n: memory.memorize(f"Rui: line {n} about the river."),
            lambda n: memory.tools(["memory_search"])[0].invoke({"query": "safe bread"}),
        ]
        threads = [threading.Thread(target=work, args=(what,)) for what in works]
        for thread in threads:
            thread.start()
        receipts = [memory.forget(page_id=page) for page in pages]
        end.set()
        for thread in threads:
            thread.join()
        assert errors == []
        assert memory.forget(page_id=memory.memorize(f"Ana: {SAFE}").page_ids[0]).status == "erased"
        assert len(receipts) == 6
        assert holding(folder, SAFE) == set()
        assert not any("safe" in hit.text for hit in memory.recall("code of the safe", k=100))


def test_a_memory_that_is_read_only_forgets_nothing(folder: Path) -> None:
    with planted(folder):
        pass
    with Memory.open(folder, namespace="ana", item_options=ItemOptions(mode="read_only")) as memory:
        for verb in (
            lambda: memory.forget(everything=True),
            memory.admin.purge,
            lambda: memory.admin.set_retention(pages="1 day"),
        ):
            with pytest.raises(BadInput, match="read-only"):
                verb()
        assert len(memory.pages()) == len(PLAIN)
