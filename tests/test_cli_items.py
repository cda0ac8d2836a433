"""The commands for memory items as their users meet them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from jitmem import ItemOptions, Memory
from jitmem.cli.app import app

Run = Callable[..., Result]

COFFEE = "Ana drinks her coffee black."
MOVED = "Ana moved to [bold]Lisbon[/bold] :smile:."


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in this process, in an empty folder; its memory is ./memory."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("JITMEM_"):
            monkeypatch.delenv(name)
    return lambda *arguments: CliRunner().invoke(app, [str(one) for one in arguments])


@pytest.fixture
def kept(run: Run) -> dict[str, str]:
    """Two items in ./memory: their ids by kind."""
    said = [run("insert", COFFEE), run("insert", MOVED, "--kind", "episodic", "--time", "8 May 2024 13:05")]
    return {kind: item for kind, item, _ in map(told, said)}


def told(result: Result) -> tuple[str, str, int]:
    """The kind, id and change of the item that a command says it has edited."""
    assert (result.exit_code, result.stderr) == (0, "")
    match = re.fullmatch(r"[A-Z][\w ]+: (\w+) (\w{12}) \(change (\d+)\)\.\n", result.stdout)
    assert match is not None, result.stdout
    return match[1], match[2], int(match[3])


def refused(result: Result) -> tuple[int, str]:
    """The exit code and the one line on stderr."""
    assert result.stdout == ""
    [line] = result.stderr.splitlines()
    assert line.startswith("jitmem: ")
    return result.exit_code, line.removeprefix("jitmem: ")


def listed(run: Run, *options: str) -> Any:
    return json.loads(run("items", *options, "--json").stdout)


# -- items and remember ------------------------------------------------------------------------------------


def test_items_are_listed_with_kind_time_pages_and_content(run: Run, kept: dict[str, str]) -> None:
    assert run("items").stdout.splitlines() == [
        "item          kind      time              pages  content",
        f"{kept['semantic']}  semantic  -                 -      {COFFEE}",
        f"{kept['episodic']}  episodic  2024-05-08 13:05  -      {MOVED}",
    ]
    assert [item["id"] for item in listed(run, "--kind", "episodic")] == [kept["episodic"]]


def test_the_pages_that_an_item_comes_from_are_shown(run: Run) -> None:
    with Memory.open("memory") as memory:
        memory._runtime.editor.insert("semantic", "Ana bakes.", page_ids=("0m7vt5h1tg5s", "0m7vt5h1tg5t"))
        memory._runtime.editor.insert("episodic", "Ana moved.", "2024-05-08", page_ids=("0m7vt5h1tg5s",))
    _, baked, moved = run("items").stdout.splitlines()
    assert baked.split()[1:] == ["semantic", "-", "0m7vt5h1tg5s", "+1", "Ana", "bakes."]
    assert moved.split()[1:] == ["episodic", "2024-05-08", "0m7vt5h1tg5s", "Ana", "moved."]


def test_json_is_what_the_library_gives(run: Run, kept: dict[str, str]) -> None:
    with Memory.open("memory") as memory:
        coffee, moved = memory.items.list()
    first, second = listed(run)
    assert (first["id"], first["cause"], first["time"]) == (coffee.id, "person", None)
    assert (second["content"], second["time"], second["page_ids"]) == (MOVED, "2024-05-08T13:05:00", [])
    assert second["changed_at"] == moved.changed_at.isoformat()


def test_items_are_shown_as_they_stood(run: Run, kept: dict[str, str]) -> None:
    with Memory.open("memory") as memory:
        made = memory.items.get(kept["episodic"]).changed_at
    run("update", kept["semantic"], "Ana drinks tea.")
    before = (made + timedelta(microseconds=1)).isoformat()
    assert [item["content"] for item in listed(run, "--as-of", before)] == [COFFEE, MOVED]
    assert [item["content"] for item in listed(run)] == ["Ana drinks tea.", MOVED]
    assert run("items", "--as-of", "2020-01-01").stdout == "No memory item in namespace default at 2020-01-01.\n"


def test_nothing_is_listed_as_nothing(run: Run, kept: dict[str, str]) -> None:
    assert run("items", "--kind", "core").stdout == "No core item in namespace default.\n"
    assert run("items", "--namespace", "other").stdout == "No memory item in namespace other.\n"
    assert listed(run, "--kind", "core") == []


def test_what_is_known_is_not_kept_twice(run: Run, kept: dict[str, str]) -> None:
    result = run("insert", "Ana drinks her COFFEE, black")
    assert result.exit_code == 0
    assert result.stdout == f"Known already: semantic {kept['semantic']} says: {COFFEE}\n"
    assert len(listed(run)) == 2


# -- edit and delete ---------------------------------------------------------------------------------------


def test_an_item_is_changed_and_keeps_what_is_not_given(run: Run, kept: dict[str, str]) -> None:
    id = kept["episodic"]
    assert told(run("update", id, "Ana moved to Faro."))[:2] == ("episodic", id)
    told(run("update", id, "--time", "9 May 2024"))
    [item] = listed(run, "--kind", "episodic")
    assert (item["content"], item["time"], item["version"]) == ("Ana moved to Faro.", "2024-05-09T00:00:00", 3)


def test_the_core_paragraph_is_written_changed_and_taken_away(run: Run) -> None:
    run("insert", COFFEE)
    kind, id, _ = told(run("update", "core", "Ana, 34."))
    assert kind == "core"
    assert told(run("update", "core", "Ana, 35."))[:2] == ("core", id)
    assert [item["content"] for item in listed(run, "--kind", "core")] == ["Ana, 35."]
    assert told(run("delete", "core"))[:2] == ("core", id)
    assert listed(run, "--kind", "core") == []
    assert refused(run("delete", "core"))[0] == 1


def test_an_item_is_deleted_and_brought_back(run: Run, kept: dict[str, str]) -> None:
    _, id, change = told(run("delete", kept["semantic"]))
    assert [item["id"] for item in listed(run)] == [kept["episodic"]]
    done, now = run("undo", change).stdout.splitlines()
    assert re.fullmatch(rf"Undone: change {change}, by change \d+\.", done)
    assert now == f"semantic {id} says: {COFFEE}"
    assert len(listed(run)) == 2


# -- history and undo --------------------------------------------------------------------------------------


def test_history_tells_when_who_and_what_of_every_version(run: Run, kept: dict[str, str]) -> None:
    id = kept["episodic"]
    run("update", id, "Ana moved to Faro.")
    run("delete", id)
    with Memory.open("memory") as memory:
        versions = memory.items.history(id)
    day = [f"{one.changed_at.astimezone():%Y-%m-%d %H:%M}" for one in versions]
    change = [one.change for one in versions]
    assert run("history", id).stdout.splitlines() == [
        f"{id}  episodic  3 versions",
        "",
        f"version 1  {day[0]}  person  change {change[0]}",
        MOVED,
        "time: 2024-05-08 13:05",
        "",
        f"version 2  {day[1]}  person  change {change[1]}",
        "Ana moved to Faro.",
        "time: 2024-05-08 13:05",
        "",
        f"version 3  {day[2]}  person  change {change[2]}",
        "(deleted)",
    ]
    shown = json.loads(run("history", id, "--json").stdout)
    assert [one["deleted"] for one in shown] == [False, False, True]


def test_the_history_of_core_needs_no_id(run: Run) -> None:
    run("insert", COFFEE)
    assert refused(run("history", "core"))[0] == 1
    run("update", "core", "Ana, 34.")
    assert "Ana, 34." in run("history", "core").stdout.splitlines()


def test_undoing_the_first_version_takes_the_item_away(run: Run) -> None:
    _, id, change = told(run("insert", COFFEE))
    assert run("undo", change).stdout.splitlines()[1] == f"semantic {id} is deleted."
    assert listed(run) == []


def test_a_change_that_is_not_the_last_is_not_undone(run: Run) -> None:
    _, id, first = told(run("insert", COFFEE))
    _, _, second = told(run("update", id, "Ana drinks tea."))
    code, line = refused(run("undo", first))
    assert (code, f"changed since, by change {second}" in line) == (2, True)
    assert [item["content"] for item in listed(run)] == ["Ana drinks tea."]


# -- proposals ---------------------------------------------------------------------------------------------


@pytest.fixture
def waiting(run: Run) -> Run:
    """Three edits that wait in ./memory, the last of an item that is there."""
    _, id, _ = told(run("insert", COFFEE))
    with Memory.open("memory", item_options=ItemOptions(mode="propose")) as memory:
        memory.items.insert("Ana bakes bread.")
        memory.items.insert("Ana moved.", "episodic", "8 May 2024")
        memory.items.delete(id)
    return run


def test_proposals_are_listed_and_decided(waiting: Run) -> None:
    head, *rows = waiting("proposals").stdout.splitlines()
    assert head.split() == ["proposal", "made", "state", "edit", "why", "content"]
    assert [re.split(r" {2,}", row)[3] for row in rows][:2] == ["insert semantic", "insert episodic (2024-05-08)"]
    assert [re.split(r" {2,}", row)[-1] for row in rows] == ["Ana bakes bread.", "Ana moved.", "-"]
    assert told(waiting("proposals", "--approve", "1"))[0] == "semantic"
    assert waiting("proposals", "--reject", "2").stdout == "Rejected proposal 2.\n"
    assert [item["content"] for item in listed(waiting)] == [COFFEE, "Ana bakes bread."]
    told(waiting("proposals", "--approve", "3"))
    assert [item["content"] for item in listed(waiting)] == ["Ana bakes bread."]
    assert waiting("proposals").stdout == "No proposal waits in namespace default.\n"
    shown = json.loads(waiting("proposals", "--all", "--json").stdout)
    assert [one["decision"] for one in shown] == ["approved", "rejected", "approved"]
    assert shown[1]["edit"]["time"] == "2024-05-08T00:00:00"


def test_a_proposal_is_decided_once(waiting: Run) -> None:
    waiting("proposals", "--reject", "1")
    assert refused(waiting("proposals", "--approve", "1")) == (2, "Proposal 1 was rejected already.")
    assert refused(waiting("proposals", "--approve", "9"))[0] == 1
    assert refused(waiting("proposals", "--approve", "2", "--reject", "3"))[0] == 2


def test_a_proposal_that_says_what_is_known_by_now_is_told_so(waiting: Run) -> None:
    _, id, _ = told(waiting("insert", "Ana bakes bread."))
    result = waiting("proposals", "--approve", "1")
    assert (result.exit_code, result.stdout) == (0, f"Known already: semantic {id} says: Ana bakes bread.\n")


# -- what cannot be done -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        (["insert", "  "], 2, "The content is empty"),
        (["insert", "Ana moved.", "--kind", "episodic"], 2, "needs the time of the event"),
        (["insert", "Ana moved.", "--time", "soon"], 2, "is not a time"),
        (["insert", "Ana moved.", "--kind", "procedural"], 2, "there are core, semantic, episodic"),
        (["insert", "x" * 2049, "--kind", "core"], 2, "513 tokens, and a core memory holds 512"),
        (["items", "--kind", "page"], 2, "there are core, semantic, episodic"),
        (["items", "--as-of", "soon"], 2, "is not a time"),
        (["update", "nope", "Ana moved."], 1, "No item 'nope'"),
        (["update", "core"], 2, "The content is empty"),
        (["delete", "nope"], 1, "No item 'nope'"),
        (["history", "nope"], 1, "No item 'nope'"),
        (["undo", "99"], 1, "No change 99"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_an_exit_code(
    run: Run, kept: dict[str, str], command: list[str], code: int, said: str
) -> None:
    ended, line = refused(run(*command))
    assert (ended, said in line) == (code, True), line
    assert {item["id"] for item in listed(run)} == set(kept.values())


def test_an_id_of_another_namespace_is_unknown(run: Run, kept: dict[str, str]) -> None:
    other = ["--namespace", "other"]
    id = kept["semantic"]
    for command in (["update", id, "Mine."], ["delete", id], ["history", id], ["undo", "1"]):
        assert refused(run(*command, *other))[0] == 1
    assert [item["content"] for item in listed(run)] == [COFFEE, MOVED]


@pytest.mark.parametrize(
    "command", [["items"], ["update", "x", "y"], ["delete", "x"], ["history", "x"], ["undo", "1"], ["proposals"]]
)
def test_only_remember_makes_a_memory(run: Run, command: list[str]) -> None:
    code, line = refused(run(*command))
    assert (code, line.startswith("There is no memory at memory")) == (1, True)
    assert not Path("memory").exists()


@pytest.mark.parametrize(
    "command",
    [["insert"], ["update"], ["delete"], ["undo", "soon"], ["undo", "0"], ["items", "x"], ["proposals", "--approve"]],
)
def test_wrong_usage_ends_with_2(run: Run, command: list[str]) -> None:
    assert run(*command).exit_code == 2


@pytest.mark.parametrize("name", ["items", "insert", "update", "delete", "history", "undo", "proposals"])
def test_every_command_shows_examples(run: Run, name: str) -> None:
    assert re.search(rf"^ *Examples?:\n +jitmem {name} ?", run(name, "--help").stdout, re.M)


def test_times_are_those_of_this_computer(run: Run) -> None:
    run("insert", COFFEE)
    now = datetime.now()
    assert str(now.year) in run("history", listed(run)[0]["id"]).stdout
    assert len(listed(run, "--as-of", (now + timedelta(minutes=1)).isoformat())) == 1
    assert listed(run, "--as-of", (now - timedelta(hours=1)).isoformat()) == []
