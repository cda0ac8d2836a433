"""What jitmem writes is its owner's alone: files 0600 in folders 0700, whatever the umask."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding
from typer.testing import CliRunner

from jitmem import Memory, Session
from jitmem.cli.app import app
from jitmem.testing import RecordingEmbeddings, RecordingModel, ScriptedModel

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes")

MANY = 1_100  # passages; from 1,000 on, Chroma writes its last file
CHROMA = {"chroma.sqlite3", "header.bin", "data_level0.bin", "length.bin", "link_lists.bin", "index_metadata.pickle"}


@pytest.fixture(params=["000", "022"])
def umask(request: pytest.FixtureRequest) -> Iterator[str]:
    """What a file's mode is taken from where a program does not say."""
    before = os.umask(int(request.param, 8))
    yield request.param
    os.umask(before)


def modes(place: Path) -> dict[str, str]:
    """Everything below the place that is not 0600, or 0700 for a folder, with its mode."""
    found = {}
    for path in place.rglob("*"):
        mode = stat.S_IMODE(path.lstat().st_mode)
        if mode != (0o700 if path.is_dir() else 0o600):
            found[str(path.relative_to(place))] = f"{mode:04o}"
    return found


def names(place: Path) -> set[str]:
    return {path.name for path in place.rglob("*")}


def long_session() -> Session:
    return Session(
        turns=[("Ana", f"Stone number {number} of the mill lies in row {number % 7}.") for number in range(MANY)]
    )


def test_every_file_of_a_memory_is_its_owners_alone(umask: str, tmp_path: Path) -> None:
    folder = tmp_path / "kept" / "for" / "memory"
    with Memory.open(folder) as memory:
        assert modes(tmp_path) == {}
        memory.memorize("Ana bought the mill in Porto. Ana's brother is Rui.")
        memory.items.insert("Ana bought a mill.")
        assert modes(tmp_path) == {}
        assert memory.research("Where is the mill?").citations
        assert {"truth.sqlite3-wal", "truth.sqlite3-shm", "chroma.sqlite3", ".vectors.lock"} <= names(tmp_path)
        assert modes(tmp_path) == {}
        memory.memorize(long_session())
        memory.flush()
        assert names(folder / "vectors") >= CHROMA
        assert modes(tmp_path) == {}
    assert modes(tmp_path) == {}
    with Memory.open(folder, namespace="ben") as memory:
        memory.memorize("Ben keeps bees.")
        assert memory.recall("bees")
        memory.flush()
        assert modes(tmp_path) == {}
    assert modes(tmp_path) == {}


def test_every_file_of_a_command_is_its_owners_alone(
    umask: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    commands = [
        "memorize -",
        "insert 'Ana bought a mill.'",
        "research 'Where is the mill?'",
        "export all.jsonl --vectors",
        "import all.jsonl --memory other/memory",
        "backup copies/memory",
        "doctor --fix",
        "doctor --salvage saved/memory",
        "demo --memory sample",
    ]
    for command in commands:
        told = CliRunner().invoke(app, command, input="Ana bought the mill in Porto.\n")
        assert told.exit_code == 0, (command, told.output)
        assert modes(tmp_path) == {}, command
    assert {"memory", "all.jsonl", "other", "copies", "saved", "sample"} <= names(tmp_path)


def test_a_folder_that_was_there_keeps_its_mode_and_holds_closed_files(umask: str, tmp_path: Path) -> None:
    folder = tmp_path / "memory"
    folder.mkdir()
    folder.chmod(0o750)
    with Memory.open(folder) as memory:
        memory.memorize("Ana bought the mill in Porto.")
        memory.flush()
    assert modes(tmp_path) == {"memory": "0750"}


def test_what_was_opened_to_a_group_stays_so_but_for_what_is_derived(umask: str, tmp_path: Path) -> None:
    folder = tmp_path / "memory"
    with Memory.open(folder) as memory:
        memory.memorize("Ana bought the mill in Porto.")
        memory.flush()
    folder.chmod(0o750)
    (folder / "truth.sqlite3").chmod(0o640)
    (folder / "vectors" / "chroma.sqlite3").chmod(0o640)
    with Memory.open(folder) as memory:
        memory.memorize("Ben keeps bees.")
        memory.flush()
        assert modes(tmp_path).pop("memory/truth.sqlite3-wal") == "0640", "readers of the group need it"
    assert modes(tmp_path) == {"memory": "0750", "memory/truth.sqlite3": "0640"}


def test_a_recording_is_its_owners_alone(umask: str, tmp_path: Path) -> None:
    folder = tmp_path / "of" / "today"
    model = RecordingModel(model=ScriptedModel(lines=["Yes."]), path=folder / "chat.jsonl")
    model.invoke("Is Ana at home?")
    RecordingEmbeddings(DeterministicFakeEmbedding(size=4), folder / "vectors.jsonl").embed_query("Ana")
    assert modes(tmp_path) == {}
    assert names(tmp_path) == {"of", "today", "chat.jsonl", "vectors.jsonl"}
