"""Folders that hypothesis makes foreign: nothing of them runs, hangs, ends the process, is followed or is believed."""

from __future__ import annotations

import json
import os
import pickle
import select
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jitmem import MemorizeOptions, Memory
from jitmem.stores.index.chroma_folder import FOLDER
from jitmem.stores.index.chroma_layout import DATABASE
from jitmem.stores.index.hnsw_files import GRAPH_FILES
from jitmem.stores.truth.database import ERASE_LOCK, FILE_NAME, VECTORS_LOCK

ANSWER_S = 120.0
VICTIM = """
import json, sys
from pathlib import Path
from chromadb.utils import embedding_functions as functions
from jitmem import JitmemError, MemorizeOptions, Memory
from jitmem.doctor import examine

class Canary:
    @staticmethod
    def build_from_config(config):
        Path("canary").touch()
        return Canary()
    def __call__(self, input):
        Path("canary").touch()

for known in (functions.known_embedding_functions, functions.sparse_known_embedding_functions):
    known["canary"] = Canary
for line in sys.stdin:
    folder, said = json.loads(line), {}
    try:
        said["findings"] = [finding.severity for finding in examine(folder).findings]
        with Memory.open(folder, create=False, memorize_options=MemorizeOptions(curate=False)) as memory:
            said["texts"] = [hit.text for hit in memory.recall("boat 7", k=3)]
            said["namespaces"] = memory.admin.namespaces()
            memory.memorize("Ben: The key is under the mat.")
            memory.flush()
    except JitmemError as error:
        said["error"] = f"{type(error).__name__}: {error}"
    print(json.dumps(said), flush=True)
"""
CANARY = {"type": "known", "name": "canary", "config": {}}
Change = Callable[[Path], object]


class Victim:
    """A process that opens one folder after another."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._child: subprocess.Popen[str] | None = None

    def open(self, folder: Path) -> dict[str, Any]:
        """What it says; an AssertionError if it ends, or does not answer."""
        if self._child is None:
            command, pipe = [sys.executable, "-c", VICTIM], subprocess.PIPE
            self._child = subprocess.Popen(
                command, cwd=self.place, stdin=pipe, stdout=pipe, stderr=pipe, text=True, encoding="utf-8"
            )
        child = self._child
        assert child.stdin is not None
        assert child.stdout is not None
        print(json.dumps(str(folder)), file=child.stdin, flush=True)
        ready, _, _ = select.select([child.stdout], [], [], ANSWER_S)
        line = child.stdout.readline() if ready else ""
        if not line:
            self.close()
        assert line, "it hangs" if not ready else "it has ended"
        said: dict[str, Any] = json.loads(line)
        return said

    def close(self) -> str:
        child, self._child = self._child, None
        if child is None:
            return ""
        child.kill()
        return child.communicate()[1]


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    made = Victim(tmp_path_factory.mktemp("victim"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("original") / "memory"
    with Memory.open(folder, memorize_options=MemorizeOptions(curate=False)) as memory:
        memory.memorize("\n".join(f"Ana: Boat {n}." for n in range(1100)))
        assert memory.recall("boat 7")
        memory.flush()
    return folder


# Changes of a folder

names = st.sampled_from(["page", "share", "evil", "a b", 'x"y', "sqlite_x", "standing_page", "\u202e", "collections"])
values = st.one_of(
    st.none(),
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.floats(),
    st.text(max_size=20),
    st.binary(max_size=20),
    st.sampled_from(["../../outside", "/", "x" * 100_000, "[" * 50_000, json.dumps({"embedding_function": CANARY})]),
)


@st.composite
def chroma_rows(draw: st.DrawFn) -> Change:
    """Another value in a column of Chroma's."""
    at, value = draw(st.integers(0, 200)), draw(values)

    def change(folder: Path) -> None:
        with closing(sqlite3.connect(folder / FOLDER / DATABASE, isolation_level=None)) as db:
            tables = [
                name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
            ]
            columns = [
                (table, column)
                for table in tables
                for (column,) in db.execute("SELECT name FROM pragma_table_info(?)", (table,))
            ]
            table, column = columns[at % len(columns)]
            db.execute(f'UPDATE "{table}" SET "{column}" = ?', (value,))

    return change


@st.composite
def chroma_functions(draw: st.DrawFn) -> Change:
    """A function to embed with, anywhere in the schema of the collections."""
    at, key = draw(st.integers(0, 40)), draw(st.sampled_from(["embedding_function", "data_loader", "config", "type"]))

    def change(folder: Path) -> None:
        def places(value: Any) -> Iterator[dict[str, Any]]:
            if isinstance(value, dict):
                yield value
                for one in value.values():
                    yield from places(one)

        with closing(sqlite3.connect(folder / FOLDER / DATABASE, isolation_level=None)) as db:
            for collection, form in db.execute("SELECT id, schema_str FROM collections").fetchall():
                schema = json.loads(form)
                found = list(places(schema))
                found[at % len(found)][key] = CANARY
                db.execute("UPDATE collections SET schema_str = ? WHERE id = ?", (json.dumps(schema), collection))

    return change


@st.composite
def objects(draw: st.DrawFn) -> Change:
    """A trigger, view, table or index in the truth or in Chroma's tables."""
    in_truth, name = draw(st.booleans()), draw(names)
    table = draw(st.sampled_from(["page", "change", "mark", "session"] if in_truth else ["embeddings", "collections"]))
    body = draw(
        st.sampled_from(
            [
                "CREATE TABLE {name} (a)",
                "CREATE VIEW {name} AS SELECT 'Eve lies.' AS text",
                "CREATE INDEX {name} ON {table} (rowid + 1)",
                "CREATE TRIGGER {name} AFTER INSERT ON {table} BEGIN DELETE FROM {table}; END",
                "CREATE TRIGGER {name} AFTER UPDATE ON {table} BEGIN SELECT RAISE(ABORT, 'Eve'); END",
                "CREATE VIRTUAL TABLE {name} USING fts5(a)",
                "ALTER TABLE {table} ADD COLUMN {name} TEXT DEFAULT 'Eve lies.'",
                "ALTER TABLE {table} RENAME TO {name}",
                "DROP TABLE {table}",
            ]
        )
    )

    def change(folder: Path) -> None:
        path = folder / FILE_NAME if in_truth else folder / FOLDER / DATABASE
        with closing(sqlite3.connect(path, isolation_level=None)) as db, suppress(sqlite3.Error):
            db.execute("PRAGMA foreign_keys = OFF")
            db.execute(body.format(name='"' + name.replace('"', '""') + '"', table=table))

    return change


@st.composite
def files(draw: st.DrawFn) -> Change:
    """A link, a pipe, a folder, another size or other bytes in the place of a file."""
    graph = draw(st.booleans())
    name = draw(
        st.sampled_from(sorted(GRAPH_FILES))
        if graph
        else st.sampled_from(
            [
                *(FILE_NAME + end for end in ("", "-wal", "-shm", "-journal")),
                *(f"{FOLDER}/{one}" for one in (DATABASE, f"{DATABASE}-journal", f"{DATABASE}-wal", "opened", "trial")),
                *(FOLDER, f"{FOLDER}.aside", VECTORS_LOCK, ERASE_LOCK, ".repair-x", "truth.sqlite3.v1-copy"),
            ]
        )
    )
    kind = draw(st.sampled_from(["link", "link to a folder", "pipe", "folder", "cut", "long", "bytes", "pickle"]))
    at, data = draw(st.integers(0, 5000)), draw(st.binary(min_size=1, max_size=8))
    if name == FILE_NAME and kind in ("cut", "bytes", "pickle"):
        kind = "link"  # damage of the truth is another matter, see test_damage.py

    def change(folder: Path) -> None:
        found = sorted((folder / FOLDER).glob(f"*/{name}")) if graph else [folder / name]
        for path in found:
            alter(path, folder.parent)

    def alter(path: Path, outside: Path) -> None:
        if kind in ("cut", "long", "bytes", "pickle"):
            if path.is_dir() or not path.parent.is_dir():
                return
            with path.open("ab") as file:
                file.truncate({"cut": at % (1 + file.tell()), "long": file.tell() + (at << 15)}.get(kind, file.tell()))
            with path.open("r+b") as file:
                file.seek(at if kind == "bytes" else 0)
                file.write(data if kind == "bytes" else pickle.dumps(Bomb()) if kind == "pickle" else b"")
            return
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        if not path.parent.is_dir():
            return
        match kind:
            case "pipe":
                os.mkfifo(path)
            case "folder":
                path.mkdir()
            case _:
                path.symlink_to(outside / ("letter" if kind == "link" else "letters"))

    return change


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("canary",)


changes = st.lists(st.one_of(chroma_rows(), chroma_functions(), objects(), files()), min_size=1, max_size=3)


@settings(
    max_examples=int(os.environ.get("JITMEM_FOREIGN_EXAMPLES", "25")),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
@given(changes=changes)
def test_whatever_is_foreign_in_a_folder_does_not_run_hang_or_speak(
    changes: list[Change], original: Path, victim: Victim
) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(shutil.copytree(original, Path(place, "memory")))
        (Path(place) / "letter").write_text("Dear Ana")
        (Path(place) / "letters").mkdir()
        (Path(place) / "letters" / "first").write_text("Dear Ana")
        for change in changes:
            with suppress(sqlite3.Error, OSError):  # an earlier change is in the way
                change(folder)
        said = victim.open(folder)
        assert not (victim.place / "canary").exists()
        assert (Path(place) / "letter").read_text() == "Dear Ana"
        assert [path.name for path in (Path(place) / "letters").iterdir()] == ["first"]
        assert "Eve" not in json.dumps(said.get("texts", ""))
        if "texts" in said:
            assert said["texts"][0] == "Ana: Boat 7."
            assert said["namespaces"] == ["default"]
        else:
            assert said["error"].partition(":")[0] in {"NotOurStore", "UnknownSchema", "StoreDamaged", "MemoryNotFound"}
