"""`jitmem doctor` finds what is planted, writes nothing unless told to, mends what it may, and is healthy then."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from damaged import copy, fill, tables
from typer.testing import CliRunner

from jitmem import Memory, MemoryNotFound, NotOurStore, Session
from jitmem.cli.app import app
from jitmem.doctor import Report, examine, repair
from jitmem.stores.recall_markers import wrap_recalled
from jitmem.stores.truth.database import FILE_NAME

Edit = Callable[..., None]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "memory"
    fill(folder)
    return folder


@pytest.fixture
def other(whole: Path, tmp_path: Path) -> Path:
    """A copy of it, to be spoiled."""
    return copy(whole, tmp_path / "other")


@pytest.fixture
def run() -> Callable[..., tuple[int, str]]:
    def ran(*arguments: object) -> tuple[int, str]:
        result = CliRunner().invoke(app, ["doctor", *map(str, arguments)])
        return result.exit_code, result.output

    return ran


def edit(folder: Path, *statements: str) -> None:
    """Behind the memory's back."""
    with closing(sqlite3.connect(folder / FILE_NAME, isolation_level=None)) as db:
        for statement in statements:
            db.execute(statement)


def told(report: Report) -> list[str]:
    return [finding.what for finding in report.findings if finding.severity != "note"]


def state(folder: Path) -> dict[str, tuple[int, str]]:
    """Mode and hash of every file of the truth."""
    files = [file for file in folder.iterdir() if file.is_file()]
    return {file.name: (file.stat().st_mode, hashlib.sha256(file.read_bytes()).hexdigest()) for file in files}


# A healthy memory


def test_a_memory_that_was_used_is_healthy_and_nothing_is_written(whole: Path) -> None:
    before = state(whole)
    report = examine(whole)
    assert (report.healthy, told(report)) == (True, [])
    assert report.counts["namespaces"] == 2
    assert state(whole) == before


def test_one_that_is_in_use_is_healthy_too(folder: Path) -> None:
    with Memory.open(folder) as memory:
        memory.memorize("Ana works in Porto.")
        memory.items.insert("Ana works in Porto.")
        report = examine(folder)
    assert report.healthy, told(report)
    assert report.findings == ()


def test_recalled_text_and_white_space_need_no_passage(memory: Memory, folder: Path) -> None:
    recalled = wrap_recalled("Ana works in Porto.\nShe likes it.")
    memory.memorize(f"\n\nAna: Hello.\n\n\n{recalled}\n Bruno: Bye.\n \n")
    memory.memorize("x" * 30_000)
    assert told(examine(folder)) == []


def test_a_second_look_at_a_repaired_memory_is_healthy_and_mends_nothing(other: Path) -> None:
    first, second = repair(other), repair(other)
    assert first.healthy
    assert (second.done, second.healthy) == ((), True)


def test_a_memory_that_has_forgotten_is_healthy(other: Path) -> None:
    with Memory.open(other) as memory:
        long = next(page for page in memory.pages() if page.parts > 1)
        memory.forget(page_id=long.id)
        memory.forget(item_id=memory.items.list(kind="episodic")[0].id)
        memory.admin.set_retention(pages="9000 days")
        assert told(examine(other)) == []
        memory.for_namespace("team/ana").forget(everything=True)
        memory.flush()
    assert told(examine(other)) == []


def test_an_erasure_that_is_not_finished_is_named_until_it_is(other: Path) -> None:
    edit(
        other,
        "INSERT INTO erasure (namespace, at, cause, counts, state) VALUES (1, '2024-05-08T00:00:00+00:00', 'person', '{}',"
        " 'pending')",
    )
    assert told(examine(other)) == ["1 erasure not finished: what was forgotten may still lie in a file."]
    with Memory.open(other) as memory:
        memory.admin.purge()
    assert examine(other).healthy


# What is found, and mended


PLANTED = {
    "passages of no page": (
        "INSERT INTO passage (page, start, \"end\", stems) VALUES (999, 0, 4, 'x')",
        "table passage without the row to belong to",
    ),
    "vectors of no passage": (
        "INSERT INTO embedding (model, passage, vector) SELECT model, 99999, vector FROM embedding LIMIT 1",
        "table embedding without the row to belong to",
    ),
    "a note of no page": ("INSERT INTO uncurated VALUES (999)", "table uncurated without"),
    "a page that the log does not tell of": (
        "DELETE FROM change WHERE kind = 'page' AND ref = 3",
        "1 page that the change log lacks",
    ),
    "an older version that counts": (
        "UPDATE item SET version = 1 WHERE seq = (SELECT item FROM item_version WHERE version = 2)",
        "1 item whose newest version is not the one that counts",
    ),
    "a wrong sketch": ("UPDATE item SET sketch = 'x' WHERE seq = 3", "1 item whose sketch is not that"),
    "wrong stems": ("UPDATE passage SET stems = 'nothing' WHERE seq = 5", "1 row with stems that are not"),
    "vectors that are gone": ("DELETE FROM embedding WHERE passage BETWEEN 1 AND 2", "is ahead of the truth"),
    "a mark beyond the last number": ("UPDATE mark SET n = 99999 WHERE name LIKE 'embedded%'", "ahead of the truth"),
    "a vector of another dimension": ("UPDATE embedding SET vector = x'00000000' WHERE n = 4", "1 vector of table"),
    "a vector that is not a number": (
        "UPDATE embedding SET vector = CAST(zeroblob(1532) || x'0000c07f' AS BLOB) WHERE n = 4",
        "1 vector of table embedding cannot be",
    ),
    "a former generation": (
        "INSERT INTO embedding (model, passage, vector) SELECT model || ' #12', passage, vector FROM embedding LIMIT 3",
        "Vectors of 1 former generation",
    ),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_what_is_planted_is_found_mended_and_gone(other: Path, fault: str) -> None:
    statement, what = PLANTED[fault]
    texts = tables(other)["page"]
    edit(other, "PRAGMA foreign_keys = OFF", statement)
    assert any(what in finding for finding in told(examine(other))), told(examine(other))
    report = repair(other)
    assert report.healthy, told(report)
    assert report.done
    assert tables(other)["page"] == texts
    with Memory.open(other) as memory:
        assert memory.recall("river mill")


def test_stems_of_an_older_analyzer_are_noted_and_written_anew(other: Path) -> None:
    edit(other, "UPDATE page SET analyzer = 'old'", "UPDATE passage SET stems = 'old'")
    report = examine(other)
    assert "stems of an older analyzer" in str(report.findings)
    assert report.healthy
    assert repair(other).done
    assert "analyzer" not in str(examine(other).findings)


@pytest.mark.parametrize("index", ["page_order", "sqlite_autoindex_page_1", "item_sketch", "change_namespace"])
def test_a_damaged_index_of_sqlite_is_built_anew_from_the_table(other: Path, index: str) -> None:
    def scramble(data: bytearray) -> None:
        with closing(sqlite3.connect(other / FILE_NAME)) as db:
            root = db.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (index,)).fetchone()[0]
        at = (root - 1) * 4096
        data[at + 200 : at + 4000] = bytes(3800)

    kept = tables(other)
    spoiled = copy(other, other.parent / "spoiled", scramble)
    report = examine(spoiled)
    assert any("SQLite finds" in finding and index in finding for finding in told(report)), told(report)
    mended = repair(spoiled)
    assert mended.healthy, told(mended)
    assert tables(spoiled) == kept


def test_modes_are_tightened(other: Path) -> None:
    other.chmod(0o777)
    (other / FILE_NAME).chmod(0o644)
    assert len(told(examine(other))) == 2
    report = repair(other)
    assert report.healthy
    assert report.done == ("Removed the permissions of others on 2 files or folders.",)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (other, other / FILE_NAME)] == [0o700, 0o600]


# Only found: what somebody has to decide, or what is lost


LOST = {
    "another text": ("UPDATE page SET text = text || '!' WHERE seq = 2", "1 page: not the text that was filed"),
    "another time": ("UPDATE session SET time = '2020-01-01' WHERE n = 3", "1 session not as accepted"),
    "a missing page": ("DELETE FROM page WHERE part = 2", "lacking pages"),
    "a passage out of range": ('UPDATE passage SET "end" = 99999 WHERE seq = 3', "passages out of range"),
    "words in no passage": ("DELETE FROM passage WHERE seq = 4", "words that are in no passage"),
    "no JSON": ("UPDATE session SET metadata = '{' WHERE n = 2", "1 row of table session cannot be read"),
    "no time": ("UPDATE change SET at = 'soon' WHERE n = 2", "1 row of table change cannot be read"),
    "a missing version": (
        "DELETE FROM item_version WHERE version = 1 AND item = 2",
        "1 item with versions missing",
    ),
    "a version that the log does not tell of": (
        "UPDATE change SET ref = 99 WHERE n = (SELECT n FROM item_version WHERE item = 4)",
        "1 version of items that the change log lacks",
    ),
    "a session of nobody": ("UPDATE session SET namespace = 77 WHERE n = 2", "table session without the row"),
}


@pytest.mark.parametrize("fault", LOST)
def test_what_is_lost_is_damage_that_no_repair_touches(other: Path, fault: str) -> None:
    statement, what = LOST[fault]
    edit(other, "PRAGMA foreign_keys = OFF", statement)
    report = examine(other)
    assert any(what in finding.what and finding.severity == "damage" for finding in report.findings), told(report)
    assert "Damaged" in report.verdict
    before = (other / FILE_NAME).read_bytes()
    assert repair(other).done == ()
    assert (other / FILE_NAME).read_bytes() == before


def test_two_items_that_say_the_same_are_for_a_person_to_decide(other: Path) -> None:
    with Memory.open(other) as memory:
        one, two = memory.items.list(kind="semantic")[2:4]
    edit(
        other,
        f"UPDATE item_version SET content = '{one.content}', stems = (SELECT stems FROM item_version WHERE n ="
        f" {one.change}) WHERE n = {two.change}",
    )
    report = repair(other)
    assert [(f.severity, f.ids) for f in report.findings if "saying the same" in f.what] == [("attention", (two.id,))]
    with Memory.open(other) as memory:
        memory.items.delete(two.id)
    assert examine(other).healthy


def test_what_waits_is_noted_and_calls_for_somebody_after_an_hour(memory: Memory, folder: Path) -> None:
    memory.accept(Session(text="Later.", id="later"))
    assert [(f.severity, f.ids) for f in examine(folder).findings] == [("note", ("later",))]
    edit(folder, "UPDATE session SET accepted_at = '2024-01-01T00:00:00+00:00'")
    [finding] = examine(folder).findings
    assert (finding.severity, finding.check) == ("attention", "journal")
    assert "waits to be filed, the oldest for" in finding.what
    memory.resume()
    assert examine(folder).healthy


# The command


def test_the_exit_code_says_how_it_stands(other: Path, tmp_path: Path, run: Callable[..., tuple[int, str]]) -> None:
    assert run("--memory", other)[0] == 0
    edit(other, "UPDATE passage SET stems = 'nothing' WHERE seq = 5")
    assert run("--memory", other)[0] == 1
    code, output = run("--memory", other, "--fix")
    assert code == 0
    assert "Rewrote the stems of 1 row." in output
    assert output.strip().splitlines()[-1].endswith("items: Healthy, with 1 note.")
    assert run("--memory", tmp_path / "nowhere")[0] == 2
    assert run("--memory", other, "--fix", "--salvage", tmp_path / "new")[0] == 2
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / FILE_NAME).write_text("no memory")
    assert run("--memory", tmp_path / "text", "--fix")[0] == 2
    edit(other, "UPDATE page SET text = 'other' WHERE seq = 2")
    assert run("--memory", other, "--salvage", tmp_path / "new")[0] == 1
    assert run("--memory", tmp_path / "new")[0] == 0


def test_json_is_one_document(other: Path, tmp_path: Path, run: Callable[..., tuple[int, str]]) -> None:
    edit(other, "UPDATE page SET text = 'other' WHERE seq = 2")
    document = json.loads(run("--memory", other, "--json")[1])
    assert document["healthy"] is False
    assert {"severity", "check", "what", "act", "count", "ids", "fix"} == set(document["findings"][0])
    assert document["findings"][0]["severity"] == "damage"
    assert document["salvageable"]["pages"] == document["counts"]["pages"] - 1
    saved = json.loads(run("--memory", other, "--salvage", tmp_path / "new", "--json")[1])
    assert (saved["whole"], len(saved["lost_pages"])) == (False, 1)


def test_the_worst_comes_first(other: Path) -> None:
    edit(other, "UPDATE page SET text = 'other' WHERE seq = 2", "UPDATE item SET sketch = 'x' WHERE seq = 3")
    severities = [finding.severity for finding in examine(other).findings]
    assert severities == sorted(severities, key=("damage", "attention", "note").index)
    assert len(set(severities)) == 3


def test_a_memory_of_an_older_jitmem_is_examined_as_it_is(other: Path) -> None:
    edit(other, *(f"DROP VIEW standing_{one}" for one in ("page", "item", "session")), "DROP TABLE retention")
    edit(other, "DROP TABLE erasure", "PRAGMA user_version = 2")
    edit(other, "PRAGMA wal_checkpoint(TRUNCATE)")
    before = state(other)
    report = examine(other)
    assert report.healthy, told(report)
    assert "of an older jitmem" in str(report.findings)
    assert state(other) == before


def test_nothing_is_made_where_there_is_no_memory(tmp_path: Path) -> None:
    for work in (examine, repair):
        with pytest.raises(MemoryNotFound):
            work(tmp_path / "nowhere")
    (tmp_path / FILE_NAME).write_text("text")
    for work in (examine, repair):
        with pytest.raises(NotOurStore):
            work(tmp_path)
    assert os.listdir(tmp_path) == [FILE_NAME]
