"""A folder of somebody else is only data: nothing that its files name is built, run, followed, waited for or believed."""

from __future__ import annotations

import json
import logging
import os
import pickle
import shutil
import sqlite3
import stat
import struct
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contracts.vector_contract import Kept, spread

from jitmem import MemorizeOptions, Memory
from jitmem.doctor import examine, repair
from jitmem.stores.index.chroma_folder import ASIDE, FOLDER
from jitmem.stores.index.chroma_index import OwnedChroma
from jitmem.stores.index.chroma_layout import DATABASE, KNOWN, find_foreign, installed_layout
from jitmem.stores.index.chroma_vectors import NEWEST
from jitmem.stores.truth.database import FILE_NAME

TURNS = 1100  # with so many Chroma has written its graph and the names of its vectors
PLAIN = MemorizeOptions(curate=False)
CANARY = {"type": "known", "name": "canary", "config": {"place": "."}}
BUILT: list[object] = []


class CanaryFunction:
    """What Chroma builds for whoever names it."""

    @staticmethod
    def build_from_config(config: object) -> CanaryFunction:
        BUILT.append(config)
        return CanaryFunction()

    def __call__(self, input: object) -> list[object]:
        BUILT.append(input)
        return []


class CanaryPickle:
    def __reduce__(self) -> tuple[Any, ...]:
        return BUILT.append, ("unpickled",)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A memory whose index has a graph, passages and items."""
    folder = tmp_path_factory.mktemp("original") / "memory"
    with Memory.open(folder, memorize_options=PLAIN) as memory:
        memory.memorize("\n".join(f"Ana: Boat {n}." for n in range(TURNS)))
        memory.items.insert("Ana keeps bees.")
        assert memory.recall("boat 7")
        memory.flush()
    return folder


@pytest.fixture
def other(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, to be made foreign, where a canary can be built."""
    from chromadb.utils.embedding_functions import known_embedding_functions, sparse_known_embedding_functions

    for known in (known_embedding_functions, sparse_known_embedding_functions):
        monkeypatch.setitem(known, "canary", CanaryFunction)
    BUILT.clear()
    return Path(shutil.copytree(original, tmp_path / "memory"))


def edit(*statements: str) -> Callable[[Path], None]:
    def made(vectors: Path) -> None:
        with closing(sqlite3.connect(vectors / DATABASE, isolation_level=None)) as db:
            for statement in statements:
                db.execute(statement)

    return made


def configure(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    """Change the schema of every collection."""

    def made(vectors: Path) -> None:
        with closing(sqlite3.connect(vectors / DATABASE, isolation_level=None)) as db:
            for collection, form in db.execute("SELECT id, schema_str FROM collections").fetchall():
                schema = json.loads(form)
                change(schema)
                db.execute("UPDATE collections SET schema_str = ? WHERE id = ?", (json.dumps(schema), collection))

    return made


def file(name: str, change: Callable[[Path], object]) -> Callable[[Path], None]:
    """Change the files of a name."""

    def made(vectors: Path) -> None:
        for path in sorted(vectors.rglob(name)):
            change(path)

    return made


def patch(at: int, data: bytes) -> Callable[[Path], None]:
    def made(path: Path) -> None:
        with path.open("r+b") as opened:
            opened.seek(at)
            opened.write(data)

    return made


def replace_by_link(path: Path) -> None:
    outside = path.parents[2] / f"outside-{path.name}"
    path.rename(outside)
    path.symlink_to(outside)


def replace_by_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def float_list(schema: dict[str, Any]) -> dict[str, Any]:
    config: dict[str, Any] = schema["keys"]["#embedding"]["float_list"]["vector_index"]["config"]
    return config


FOREIGN: dict[str, Callable[[Path], Any]] = {
    "a function in the configuration": edit(
        f"UPDATE collections SET config_json_str = '{json.dumps({'embedding_function': CANARY})}'"
    ),
    "a function in the schema": configure(lambda schema: float_list(schema).update(embedding_function=CANARY)),
    "a function in the defaults": configure(
        lambda schema: schema["defaults"]["float_list"]["vector_index"]["config"].update(embedding_function=CANARY)
    ),
    "a sparse function": configure(
        lambda schema: schema["defaults"]["sparse_vector"]["sparse_vector_index"]["config"].update(
            embedding_function=CANARY
        )
    ),
    "a function of another key": configure(
        lambda schema: schema["keys"].update(other={"float_list": {"vector_index": {"config": {"x": CANARY}}}})
    ),
    "a schema that is deep": edit(f"UPDATE collections SET schema_str = '{'[' * 20_000}'"),
    "a schema of megabytes": edit("UPDATE collections SET schema_str = printf('%.*c', 3000000, 'x')"),
    "a schema that is missing": edit("UPDATE collections SET schema_str = NULL"),
    "very many threads": configure(lambda schema: float_list(schema)["hnsw"].update(num_threads=10**9)),
    "very many neighbours": configure(lambda schema: float_list(schema)["hnsw"].update(max_neighbors=10**9)),
    "no dimension": edit("UPDATE collections SET dimension = -1"),
    "another collection": edit(
        "INSERT INTO collections SELECT '00000000-0000-4000-8000-000000000000', 'other', dimension, database_id,"
        " config_json_str, schema_str FROM collections LIMIT 1"
    ),
    "another tenant": edit("INSERT INTO tenants VALUES ('other')"),
    "another database": edit("INSERT INTO databases VALUES ('x', 'other', 'default_tenant')"),
    "metadata of a collection": edit(
        "INSERT INTO collection_metadata (collection_id, key, str_value) SELECT id, 'hnsw:space', 'x' FROM collections"
    ),
    "metadata of a segment": edit(
        "INSERT INTO segment_metadata (segment_id, key, str_value) SELECT id, 'path', '/' FROM segments"
    ),
    "a segment that is a path": edit(
        "UPDATE segments SET id = '../../outside' WHERE id = (SELECT min(id) FROM segments)"
    ),
    "a segment without a name": edit("UPDATE segments SET id = NULL"),
    "a collection without a name": edit("UPDATE collections SET id = NULL"),
    "a collection elsewhere": edit("UPDATE collections SET database_id = 'x'"),
    "a segment of another kind": edit("UPDATE segments SET type = 'urn:chroma:segment/vector/other'"),
    "text in the metadata": edit(
        "INSERT INTO embedding_metadata (id, key, string_value) VALUES (1, 'chroma:document', 'Ana lies.')"
    ),
    "text in the queue": edit('UPDATE embeddings_queue SET metadata = \'{"chroma:document":"Ana lies."}\''),
    "a topic of somebody else": edit("UPDATE embeddings_queue SET topic = 'persistent://other/other/x'"),
    "ids that are no numbers": edit("UPDATE embeddings SET embedding_id = '../' || embedding_id"),
    "a trigger": edit("CREATE TRIGGER t AFTER INSERT ON embeddings BEGIN DELETE FROM embeddings; END"),
    "a view": edit("CREATE VIEW v AS SELECT 1"),
    "a table": edit("CREATE TABLE t (a)"),
    "a column": edit("ALTER TABLE collections ADD COLUMN loader TEXT DEFAULT 'os.system'"),
    "a virtual table": edit("CREATE VIRTUAL TABLE t USING fts5(a)"),
    "another migration": edit("UPDATE migrations SET hash = 'x' WHERE version = 1"),
    "a queue configured otherwise": edit('UPDATE embeddings_queue_config SET config_json_str = \'{"_type":"os"}\''),
    "a log of its own": edit("PRAGMA journal_mode = WAL"),
    "a journal that names a file": lambda vectors: (vectors / f"{DATABASE}-journal").write_bytes(
        bytes(600) + b"x" * 8 + bytes.fromhex("d9d505f920a163d7")
    ),
    "no database": file(DATABASE, lambda path: path.write_bytes(b"no database " * 99)),
    "a pickle that calls": file("index_metadata.pickle", lambda path: path.write_bytes(pickle.dumps(CanaryPickle()))),
    "a pickle that calls behind the names": file(
        "index_metadata.pickle",
        lambda path: path.write_bytes(path.read_bytes()[:-1] + pickle.dumps(CanaryPickle())[2:]),
    ),
    "very many vectors": file("header.bin", patch(12, struct.pack("<Q", 1 << 50))),
    "vectors that are not there": file("header.bin", patch(20, struct.pack("<Q", 5000))),
    "another begin": file("header.bin", patch(56, struct.pack("<I", 1 << 30))),
    "neighbours that are not there": file("data_level0.bin", patch(4, struct.pack("<I", 1 << 30))),
    "too many neighbours": file("data_level0.bin", patch(0, struct.pack("<I", 60_000))),
    "levels that are cut off": file("link_lists.bin", lambda path: os.truncate(path, max(0, path.stat().st_size - 4))),
    "levels that are empty": file("link_lists.bin", lambda path: path.write_bytes(bytes(path.stat().st_size))),
    "a linked database": file(DATABASE, replace_by_link),
    "linked vectors": file("data_level0.bin", replace_by_link),
    "a linked marker": file("opened", replace_by_link),
    "a marker that is a pipe": file("opened", replace_by_pipe),
    "a database that is a pipe": file(DATABASE, replace_by_pipe),
    "a second name": file("header.bin", lambda path: os.link(path, path.parents[2] / f"second-{path.parent.name}")),
    "a file that is not Chroma's": lambda vectors: (vectors / "loader.py").write_text("raise SystemExit"),
    "a file beside the graph": file("header.bin", lambda path: (path.parent / "x").touch()),
}


def recalled(folder: Path) -> tuple[list[str], bool]:
    with Memory.open(folder, memorize_options=PLAIN) as memory:
        texts = [hit.text for hit in memory.recall("boat 7", k=3)]
        return texts, memory._runtime.archive.vectors.owner  # type: ignore[attr-defined]


def test_chroma_builds_whatever_function_its_own_tables_name(other: Path) -> None:
    """Else the tests below show nothing."""
    import chromadb
    from chromadb.config import Settings

    FOREIGN["a function in the schema"](other / FOLDER)
    settings = Settings(anonymized_telemetry=False, _env_file=None)  # type: ignore[call-arg]
    client: Any = chromadb.PersistentClient(other / FOLDER, settings=settings)
    try:
        assert client.list_collections()[0].schema
    finally:
        client.close()
    assert BUILT == [{"place": "."}]


def test_what_is_known_of_chroma_is_what_the_installed_one_makes() -> None:
    assert installed_layout().digests() == KNOWN


def test_an_index_of_ours_is_opened_as_it_is_also_when_it_was_copied(
    other: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = sorted(path.name for path in (other / FOLDER).iterdir())
    with caplog.at_level(logging.WARNING, "jitmem"):
        texts, owner = recalled(other)
    assert (texts[0], owner, caplog.messages) == ("Ana: Boat 7.", True, [])
    assert sorted(path.name for path in (other / FOLDER).iterdir()) == before
    assert not any((other / name).exists() for name in ASIDE)
    assert examine(other).healthy
    assert not [finding for finding in repair(other).done if "index" in finding]


@pytest.mark.parametrize("what", FOREIGN)
def test_a_foreign_index_is_put_aside_and_made_again_and_nothing_of_it_runs(
    what: str, other: Path, caplog: pytest.LogCaptureFixture
) -> None:
    FOREIGN[what](other / FOLDER)
    found = [finding for finding in examine(other).findings if finding.fix == "vector folder"]
    assert [(one.severity, one.check) for one in found] == [("attention", "indexes")]
    outside = {path: path.lstat().st_mtime_ns for path in other.iterdir() if path.name.startswith("outside")}
    with caplog.at_level(logging.WARNING, "jitmem"):
        texts, owner = recalled(other)
    assert (texts[0], owner) == ("Ana: Boat 7.", True)
    [message] = caplog.messages
    assert "is not a vector index of this memory" in message
    assert "was put aside as vectors.aside" in message
    assert (other / ASIDE[0]).is_dir()
    assert find_foreign(other / FOLDER) is None
    assert BUILT == []
    assert {path: path.lstat().st_mtime_ns for path in outside} == outside


@pytest.mark.parametrize("kind", ["a link", "a broken link", "a file", "a pipe"])
def test_an_index_that_is_no_folder_is_put_aside(kind: str, other: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (other / FOLDER).rename(outside)
    match kind:
        case "a link":
            (other / FOLDER).symlink_to(outside)
        case "a broken link":
            (other / FOLDER).symlink_to(tmp_path / "nowhere")
        case "a file":
            (other / FOLDER).write_text("x")
        case _:
            os.mkfifo(other / FOLDER)
    before = {path: path.stat().st_mtime_ns for path in outside.rglob("*")}
    assert "vector folder" in [finding.fix for finding in examine(other).findings]
    assert recalled(other) == (recalled(other)[0], True)
    assert (other / FOLDER).is_dir()
    assert not (other / FOLDER).is_symlink()
    assert {path: path.stat().st_mtime_ns for path in outside.rglob("*")} == before
    assert not (tmp_path / "nowhere").exists()


def test_doctor_puts_a_foreign_index_aside_and_names_it_until_it_is_deleted(other: Path) -> None:
    FOREIGN["a view"](other / FOLDER)
    report = repair(other)
    assert report.healthy
    assert "was put aside as vectors.aside" in report.done[0]
    [finding] = [one for one in report.findings if one.ids]
    assert (finding.severity, finding.ids) == ("note", (ASIDE[0],))
    assert "delete it" in finding.act
    assert repair(other).done == ()


def test_of_foreign_indexes_three_stay_and_the_next_erasure_deletes_them(other: Path) -> None:
    for _ in range(5):
        (other / FOLDER).mkdir(exist_ok=True)
        (other / FOLDER / "loader.py").touch()
        assert recalled(other)[1]
    assert all((other / name).exists() for name in ASIDE)
    with Memory.open(other) as memory:
        receipt = memory.forget(everything=True)
    assert receipt.status == "erased"
    assert set(receipt.removed) == set(ASIDE)
    assert not any((other / name).exists() for name in ASIDE)


def test_what_a_linked_index_leads_to_is_not_said_to_be_erased(other: Path, tmp_path: Path) -> None:
    (other / FOLDER).rename(tmp_path / "outside")
    (other / FOLDER).symlink_to(tmp_path / "outside")
    with Memory.open(other) as memory:
        receipt = memory.forget(everything=True)
        assert receipt.status == "pending"
        assert str(tmp_path / "outside") in receipt.reasons[0]
        assert memory.admin.purge().status == "erased"
    assert (tmp_path / "outside" / DATABASE).exists()


def test_a_marker_that_is_no_marker_costs_a_new_index_and_no_error(other: Path) -> None:
    for text in ("[]", '{"erasure": []}', "{" * 100_000, "\xe9"):
        (other / FOLDER / "opened").write_text(text, encoding="latin-1")
        assert recalled(other)[1]
        with Memory.open(other) as memory:
            assert memory.admin.purge()
    assert stat.S_ISREG((other / FILE_NAME).lstat().st_mode)


# Vectors that no path in the graph reaches


def cut_off(vectors: Path, number: int) -> None:
    """Take a vector, by its number, out of every list of neighbours on the lowest level."""
    [data] = vectors.glob("*/data_level0.bin")
    count, row, label = struct.unpack_from("<3Q", data.with_name("header.bin").read_bytes(), 20)
    raw = np.frombuffer(bytearray(data.read_bytes()), np.uint8).reshape(-1, row)
    lists = raw[:count, :132].copy().view("<u4")
    at = int(np.flatnonzero(raw[:count, label : label + 8].copy().view("<u8").ravel() == number)[0])
    for neighbors in lists:
        held = int(neighbors[0]) & 0xFFFF
        left = [one for one in neighbors[1 : held + 1].tolist() if one != at]
        neighbors[1 : len(left) + 1] = left
        neighbors[0] -= held - len(left)
    raw[:count, :132] = lists.view(np.uint8)
    data.write_bytes(raw.tobytes())


def test_vectors_that_the_graph_does_not_reach_are_found_and_are_a_note(folder: Path) -> None:
    kept = Kept(folder)
    for part in range(NEWEST // 500 + 4):
        kept.keep(spread(500, part))
    kept.keep(spread(3, 99), "eve")
    index = OwnedChroma(kept.store, folder)
    index.catch_up()
    index.close()
    number, vector = next((seq, row) for seq, row in kept.vectors[kept.number()].items() if seq > 100)
    cut_off(folder / FOLDER, number)
    assert find_foreign(folder / FOLDER) is None
    [finding] = [one for one in examine(folder).findings if "does not reach" in one.what]
    assert (finding.severity, finding.count, finding.fix) == ("note", 1, None)
    assert "nothing to repair" in finding.act
    index = OwnedChroma(kept.store, folder)
    assert index.search(vector, 1, [kept.number()])[0][0] == number
    assert index.owner
    assert number not in dict(index.search(vector, 9, [kept.number("eve")]))
    collection = index._chroma.folder.vectors(kept.store)._collection  # type: ignore[union-attr]
    assert str(number) not in collection.query(query_embeddings=vector[None], n_results=9)["ids"][0]
    index.close()
    kept.database.close()
