"""The truth is the file that this package wrote, with the schema of its version, and stays the one that was opened."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from damaged import copy, fill, tables
from typer.testing import CliRunner

from jitmem import Memory, NotOurStore, StoreDamaged, StoreMoved, UnknownSchema
from jitmem.cli.app import app
from jitmem.doctor import examine, repair, salvage
from jitmem.stores.integrity.row_schema import row_schemas_of
from jitmem.stores.truth.database import ERASE_LOCK, FILE_NAME, OBJECTS, SCHEMA_DIGEST, SCHEMA_VERSION, VECTORS_LOCK
from jitmem.stores.truth.foreign_content import compare_objects

RELEASED = Path(__file__).parent / "released"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "memory"
    fill(folder)
    return folder


@pytest.fixture
def other(whole: Path, tmp_path: Path) -> Path:
    return copy(whole, tmp_path / "other")


def edit(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / FILE_NAME, isolation_level=None)) as db:
        db.execute("PRAGMA foreign_keys = OFF")
        for statement in statements:
            db.execute(statement)


def rewrite(name: str, old: str, new: str) -> tuple[str, ...]:
    """Change a definition behind SQLite's back."""
    return (
        "PRAGMA writable_schema = ON",
        f"UPDATE sqlite_master SET sql = replace(sql, '{old}', '{new}') WHERE name = '{name}'",
        "PRAGMA schema_version = 999",
    )


FOREIGN: dict[str, tuple[tuple[str, ...], str]] = {
    "a trigger that shares": (
        ("CREATE TRIGGER s AFTER INSERT ON page BEGIN INSERT OR IGNORE INTO share VALUES (new.namespace, 'eve'); END",),
        "trigger 's'",
    ),
    "a trigger that copies": (
        (
            "CREATE TABLE loot (a)",
            "CREATE TRIGGER keep BEFORE DELETE ON page BEGIN INSERT INTO loot VALUES (old.text); END",
        ),
        "table 'loot', trigger 'keep'",
    ),
    "a trigger under a name of ours": (
        ("CREATE TRIGGER standing_page AFTER INSERT ON page BEGIN DELETE FROM page; END",),
        "trigger 'standing_page'",
    ),
    "a view": (("CREATE VIEW v AS SELECT * FROM page",), "view 'v'"),
    "a view in the place of one of ours": (
        ("DROP VIEW standing_page", "CREATE VIEW standing_page AS SELECT * FROM page WHERE namespace = 2"),
        "view 'standing_page'",
    ),
    "a view in the place of a table": (
        ("ALTER TABLE share RENAME TO hidden", "CREATE VIEW share AS SELECT 1 AS namespace, 'eve' AS reader"),
        "table 'hidden', view 'share'",
    ),
    "a table": (("CREATE TABLE t (a)",), "table 't'"),
    "a column": (("ALTER TABLE page ADD COLUMN more TEXT",), "table 'page'"),
    "a generated column": (
        ("ALTER TABLE mark ADD COLUMN more TEXT AS (hex(zeroblob(1 << 28))) VIRTUAL",),
        "table 'mark'",
    ),
    "a check": (rewrite("mark", "NOT NULL", "NOT NULL CHECK (length(randomblob(1 << 28)) > 0)"), "table 'mark'"),
    "a word in quotes": (rewrite("erasure_open", "erased", "era--\nsed"), "index 'erasure_open'"),
    "an index": (("CREATE INDEX i ON page (text)",), "index 'i'"),
    "an index over an expression": (("CREATE INDEX i ON page (abs(seq))",), "index 'i'"),
    "a virtual table": (("CREATE VIRTUAL TABLE f USING fts5(a)",), "table 'f'"),
    "statistics": (("ANALYZE",), "table 'sqlite_stat1'"),
}


@pytest.mark.parametrize("what", FOREIGN)
def test_a_foreign_schema_is_refused_by_name_and_salvaged_without_it(what: str, other: Path, tmp_path: Path) -> None:
    statements, named = FOREIGN[what]
    kept = tables(other)
    edit(other, *statements)
    before = (other / FILE_NAME).read_bytes()
    with pytest.raises(UnknownSchema) as caught:
        Memory.open(other)
    assert named in str(caught.value)
    assert "jitmem doctor --salvage" in str(caught.value)
    report = examine(other)
    [finding] = [one for one in report.findings if one.severity == "damage"]
    assert set(named.replace("'", "").split(", ")) <= {one.replace("'", "") for one in finding.ids}
    assert "--salvage" in finding.act
    assert repair(other).done == ()
    assert (other / FILE_NAME).read_bytes() == before
    saved = salvage(other, tmp_path / "saved")
    assert saved.pages == len(kept["page"])
    if what != "a view in the place of a table":
        assert tables(tmp_path / "saved")["page"] == kept["page"]
    assert examine(tmp_path / "saved").healthy
    with Memory.open(tmp_path / "saved") as memory:
        assert memory.recall("river mill")


def test_the_command_line_says_the_names_and_the_way_out(other: Path) -> None:
    edit(other, "CREATE TABLE loot (a)")
    result = CliRunner().invoke(app, ["--memory", str(other), "recall", "mill"])
    assert result.exit_code == 1
    assert "table 'loot'" in result.output.replace("\n", " ")
    assert CliRunner().invoke(app, ["doctor", "--memory", str(other)]).exit_code == 1


@pytest.mark.parametrize("kind", ["index page_order", "view standing_item"])
def test_what_is_missing_of_the_schema_is_damage_with_its_name(kind: str, other: Path, tmp_path: Path) -> None:
    edit(other, f"DROP {kind}")
    with pytest.raises(StoreDamaged, match=kind):
        Memory.open(other)
    assert any(kind in finding.ids for finding in examine(other).findings)
    salvage(other, tmp_path / "saved")
    assert examine(tmp_path / "saved").healthy


def test_a_new_memory_has_the_digest_by_which_it_is_known(folder: Path) -> None:
    Memory.open(folder).close()
    with closing(sqlite3.connect(folder / FILE_NAME)) as db:
        rows = db.execute(OBJECTS).fetchall()
        assert hashlib.sha256(repr(rows).encode()).hexdigest() == SCHEMA_DIGEST
        db.execute("VACUUM")
        assert db.execute(OBJECTS).fetchall() == rows


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION + 1))
def test_released_schemas_are_known_and_what_is_foreign_in_them_is_not_upgraded(version: int, folder: Path) -> None:
    folder.mkdir()
    (folder / FILE_NAME).write_bytes(gzip.decompress((RELEASED / f"schema-{version}.sqlite3.gz").read_bytes()))
    with closing(sqlite3.connect(folder / FILE_NAME)) as db:
        assert compare_objects(db.execute(OBJECTS).fetchall(), version) == ([], [])
    edit(folder, "CREATE TRIGGER t AFTER INSERT ON mark BEGIN DELETE FROM page; END")
    with pytest.raises(UnknownSchema, match="trigger 't'"):
        Memory.open(folder)
    with closing(sqlite3.connect(folder / FILE_NAME)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (version,)


def test_comments_and_blanks_are_no_difference_and_words_in_quotes_are(folder: Path) -> None:
    Memory.open(folder).close()
    edit(folder, *rewrite("mark", "name TEXT", "name/**/TEXT"))
    with pytest.raises(UnknownSchema, match="table 'mark'"):
        Memory.open(folder)
    edit(folder, *rewrite("mark", "name/**/TEXT", "name -- (a, b) ''c\n TEXT"))
    Memory.open(folder).close()
    edit(folder, *rewrite("mark", "NOT NULL", "NOTNULL"))
    with pytest.raises((UnknownSchema, StoreDamaged)):
        Memory.open(folder)


def test_opening_costs_one_statement_more(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Memory.open(folder).close()
    asked: list[str] = []
    connect = sqlite3.connect

    def traced(*args: object, **options: object) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*args, **options)  # type: ignore[call-overload]
        connection.set_trace_callback(asked.append)
        return connection

    monkeypatch.setattr(sqlite3, "connect", traced)
    Memory.open(folder).close()
    assert [one for one in asked if "sqlite_master" in one] == [OBJECTS]


def test_sqlite_trusts_no_schema(memory: Memory) -> None:
    with memory._runtime.database.read() as db:
        assert db.execute("PRAGMA trusted_schema").fetchone() == (0,)


STATEMENTS = [
    "ATTACH DATABASE '{outside}' AS x",
    "VACUUM INTO '{outside}'",
    "CREATE TABLE page AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT sum(i) FROM n",
    "CREATE VIRTUAL TABLE page USING fts5(a)",
    "CREATE TABLE page (a TEXT DEFAULT (load_extension('{outside}')))",
    "CREATE TRIGGER t AFTER INSERT ON page BEGIN SELECT 1; END",
    "PRAGMA writable_schema = ON",
    "SELECT 1; SELECT 2",
    'CREATE TABLE "a b\'c" (x)',
    "\0",
]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_salvage_makes_tables_of_what_a_file_says_and_nothing_else(statement: str, tmp_path: Path) -> None:
    began = time.monotonic()
    row_schemas_of([statement.format(outside=tmp_path / "outside")])
    assert time.monotonic() - began < 5
    assert list(tmp_path.iterdir()) == []
    assert row_schemas_of(["CREATE TABLE mark (name TEXT PRIMARY KEY, n INTEGER UNIQUE) STRICT"])["mark"].columns == (
        "name",
        "n",
    )


# Links, pipes and journals


def replace_by_link(path: Path) -> None:
    outside = path.parent.with_name("outside")
    if path.exists():
        path.rename(outside)
    else:
        outside.write_bytes(b"kept")
    path.symlink_to(outside)


def replace_by_pipe(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def replace_by_folder(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir()


def replace_by_broken_link(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(path.parent.with_name("nowhere"))


NAMES = [FILE_NAME, *(f"{FILE_NAME}{end}" for end in ("-wal", "-shm", "-journal")), VECTORS_LOCK, ERASE_LOCK]
KINDS = [replace_by_link, replace_by_broken_link, replace_by_pipe, replace_by_folder]


@pytest.mark.parametrize("replace", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("name", NAMES)
def test_where_a_file_should_be_nothing_else_is_opened(
    name: str, replace: Callable[[Path], None], other: Path, tmp_path: Path
) -> None:
    replace(other / name)
    outside = tmp_path / "outside"
    before = outside.read_bytes() if outside.exists() else None
    for create in (True, False):
        with pytest.raises(NotOurStore, match="not a file"):
            Memory.open(other, create=create)
    [finding] = examine(other).findings
    assert (finding.severity, name in finding.what, "put the file itself" in finding.act) == ("damage", True, True)
    assert repair(other).done == ()
    with pytest.raises(NotOurStore, match="not a file"):
        salvage(other, tmp_path / "saved")
    assert (outside.read_bytes() if outside.exists() else None) == before
    assert not (tmp_path / "nowhere").exists()


def test_the_folder_itself_may_be_a_link(other: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(other)
    with Memory.open(tmp_path / "link") as memory:
        memory.memorize("Ana sold the boat.")
        assert memory.recall("boat")
    assert examine(tmp_path / "link").healthy


def test_a_journal_that_names_another_file_deletes_nothing(other: Path, tmp_path: Path) -> None:
    """SQLite would roll it back and then delete the file that it names."""
    (tmp_path / "letter").write_text("Dear Ana")
    with closing(sqlite3.connect(other / FILE_NAME, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = DELETE")
    name = str(tmp_path / "letter").encode()
    header = bytes.fromhex("d9d505f920a163d7") + b"".join(n.to_bytes(4, "big") for n in (0, 1, 99, 512, 4096))
    end = (1 << 30).to_bytes(4, "big") + name + len(name).to_bytes(4, "big") + sum(name).to_bytes(4, "big")
    journal = header.ljust(512, b"\0") + end + bytes.fromhex("d9d505f920a163d7")
    (other / f"{FILE_NAME}-journal").write_bytes(journal)
    with pytest.raises(NotOurStore, match="names another file"):
        Memory.open(other)
    assert any("names another file" in finding.what for finding in examine(other).findings)
    assert (tmp_path / "letter").read_text() == "Dear Ana"


# A folder that is replaced while it is open


WRITES: dict[str, Callable[[Memory], object]] = {
    "memorize": lambda memory: memory.memorize("Ana sold the boat."),
    "accept": lambda memory: memory.accept("Ana sold the boat."),
    "insert": lambda memory: memory.items.insert("Ana keeps goats."),
    "put": lambda memory: memory.as_store().put(("a",), "b", {"c": "d"}),
    "forget": lambda memory: memory.forget(everything=True),
    "share": lambda memory: memory.admin.share("eve"),
}


def state(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("what", WRITES)
@pytest.mark.parametrize("replaced", ["replaced", "moved", "deleted"])
def test_a_folder_that_is_moved_or_replaced_while_open_is_not_written(
    what: str, replaced: str, other: Path, tmp_path: Path
) -> None:
    third, away = tmp_path / "third", tmp_path / "away"
    with Memory.open(third) as memory:
        memory.memorize("Eve lives in Faro.")
        memory.recall("Faro")
    memory = Memory.open(other)
    assert memory.recall("mill")
    other.rename(away)
    if replaced == "replaced":
        third.rename(other)
    elif replaced == "deleted":
        shutil.rmtree(away)
    before = {folder: state(folder) for folder in (other, away) if folder.exists()}
    with pytest.raises(StoreMoved, match="moved or replaced while it was open; nothing was written"):
        WRITES[what](memory)
    assert {folder: state(folder) for folder in before} == before
    memory.close()
    if replaced == "replaced":
        assert state(other) == before[other]
        with Memory.open(other) as eve:
            assert [page.text for page in eve.pages()] == ["Eve lives in Faro."]
            assert not any(hit.score for hit in eve.recall("mill"))
    elif replaced == "moved":
        with Memory.open(away) as moved:
            assert moved.recall("mill")


def test_a_memory_that_is_open_elsewhere_keeps_its_log_when_one_that_it_replaced_is_closed(
    other: Path, tmp_path: Path
) -> None:
    memory = Memory.open(other)
    memory.memorize("Ana sold the boat.")
    other.rename(tmp_path / "away")
    with Memory.open(other) as eve:
        eve.memorize("Eve lives in Faro.")
        memory.close()
        eve.memorize("Eve sells figs.")
    with Memory.open(other) as eve:
        assert [page.text for page in eve.pages()] == ["Eve lives in Faro.", "Eve sells figs."]
    with Memory.open(tmp_path / "away") as moved:
        assert moved.recall("boat")[0].text == "Ana sold the boat."


def test_a_truth_that_is_replaced_is_not_read_for_another(other: Path, tmp_path: Path) -> None:
    with Memory.open(tmp_path / "third") as memory:
        memory.memorize("Eve lives in Faro.")
    with Memory.open(other) as memory:
        assert memory.recall("mill")
        os.replace(tmp_path / "third" / FILE_NAME, other / FILE_NAME)
        memory._runtime.database._close_idle()
        with pytest.raises(StoreMoved):
            memory.pages()


def test_the_folder_may_be_named_otherwise_by_a_link_meanwhile(other: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(other)
    with Memory.open(tmp_path / "link") as memory:
        memory.memorize("Ana sold the boat.")
        (tmp_path / "link").unlink()
        (tmp_path / "link").symlink_to(tmp_path / "nowhere")
        with pytest.raises(StoreMoved):
            memory.memorize("Ana bought a van.")
        (tmp_path / "link").unlink()
        (tmp_path / "link").symlink_to(other)
        memory.memorize("Ana bought a van.")
