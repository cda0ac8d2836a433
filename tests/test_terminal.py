"""A terminal is not a page: nothing that a memory holds reaches it as a control or an invisible character."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_cli import all_commands
from test_eval_datasets import LOCOMO
from typer.main import get_command
from typer.testing import CliRunner

from jitmem import ItemOptions, Memory, Session
from jitmem.cli.app import app
from jitmem.cli.output import escape_output
from jitmem.stores.invisible import escape_invisible

POISON = (
    "\x1b]52;c;ZXZpbA==\x07\x1b[2J\x1b[8m\x1b]8;;https://evil\x1b\\\x9b5n\x90\x9c\x7f\x08\x0c\u202e\u2066\u200e"
    "\u061c\u2028\u2029\u200b\u2060\ufeff\xad\U000e0041\ufe0f [link=https://evil]here[/link] [red]red[/red] :smile:"
)
NAME = "te\x1b[2Jam\u202e"
FOLDER = "me\x1b[8mmory\u2066"
WORD = "Moinho"
# What Rich writes of its own: our styles, and how a bar is drawn again.
OURS = re.compile(r"\x1b\[(?:0|[12](?:;2)?(?:;3[1-6])?|3[1-6]|38;5;\d+)m|\x1b\[\?25[lh]|\x1b\[2K|\x1b\[1A|\r")

SERVER = ["--model", f"openai:{POISON}", "--base-url", "http://127.0.0.1:9/v1"]
SHARED = ["--memory", FOLDER, "--namespace", NAME]
# By command, what is run over the poisoned memory; `{…}` is an id of it. The end of input is "\x04".
CASES: dict[str, list[list[str]]] = {
    "memorize": [["memorize", "in", *SHARED], ["memorize", f"no{POISON[:12]}where", *SHARED]],
    "research": [
        ["research", f"Who works at {WORD}? {POISON}", "--trace", "--answer", *SHARED],
        ["research", WORD, "--effort", POISON, *SHARED],
    ],
    "recall": [["recall", WORD, *SHARED], ["recall", WORD, "--json", *SHARED]],
    "pages": [
        ["pages", *SHARED],
        ["pages", "{page}", *SHARED],
        ["pages", POISON, *SHARED],
        ["pages", "--session", POISON, *SHARED],
    ],
    "work": [["work", "--once", *SHARED], ["work", "--once", "--json", *SHARED]],
    "formats": [["formats"], ["formats", "--json"]],
    "items": [["items", *SHARED], ["items", "--kind", POISON, *SHARED]],
    "insert": [
        ["insert", f"{WORD} is a bakery. {POISON}", *SHARED],
        ["insert", "x", "--time", POISON, *SHARED],
    ],
    "update": [["update", "{item}", f"Other. {POISON}", *SHARED], ["update", POISON, "x", *SHARED]],
    "delete": [["delete", "{item}", *SHARED]],
    "history": [["history", "{item}", *SHARED], ["history", POISON, *SHARED], ["history", POISON, *SHARED, "--debug"]],
    "undo": [["undo", "{change}", *SHARED]],
    "proposals": [["proposals", *SHARED], ["proposals", "--approve", "1", *SHARED]],
    "namespaces": [["namespaces", *SHARED]],
    "share": [["share", *SHARED], ["share", POISON, "--stop", *SHARED]],
    "export": [["export", *SHARED], ["export", "out.jsonl", *SHARED]],
    "import": [["import", "export.jsonl", *SHARED], ["import", "bad.jsonl", *SHARED], ["import", POISON, *SHARED]],
    "backup": [["backup", "copy\x1b[8m", *SHARED]],
    "forget": [
        ["forget", "--query", WORD, *SHARED],
        ["forget", "--session", POISON, "--dry-run", *SHARED],
        ["forget", "--item", "{item}", "--yes", *SHARED],
        ["forget", "--after", POISON, *SHARED],
    ],
    "retention": [["retention", *SHARED], ["retention", "--pages", POISON, *SHARED]],
    "purge": [["purge", *SHARED]],
    "mcp": [["mcp", "--read-only", *SHARED], ["mcp", "--read-only", "--memory", f"no{FOLDER}"]],
    "serve": [["serve", "--read-only", "--memory", f"no{FOLDER}"], ["serve", "--host", POISON[:12], *SHARED]],
    "ui": [["ui", "--read-only", "--no-browser", "--memory", f"no{FOLDER}"]],
    "doctor": [
        ["doctor", *SHARED],
        ["doctor", "--memory", f"no{FOLDER}"],
        ["doctor", "--salvage", "saved\x1b[8m", *SHARED],
    ],
    "stats": [["stats", *SHARED]],
    "graph": [["graph", "memorizer"], ["graph", POISON]],
    "demo": [["demo", "--memory", f"demo{FOLDER}"]],
    "model check": [["model", "check", *SERVER]],
    "eval run": [
        ["eval", "locomo", "--data", "locomo.json", "--no-plots", "--vary", "system=recall", "--out", "card\x1b[8m"],
        ["eval", "locomo", "--data", "bad_locomo.json"],
        ["eval", POISON],
    ],
    "eval compare": [["eval", "compare", "card-a", "card-b"], ["eval", "compare", POISON[:12]]],
    "eval sources": [["eval", "sources"]],
    "eval report": [["eval", "report", "card-a"]],
    "eval languages": [
        ["eval", "languages", "--data", "bad_locomo.json"],
        ["eval", "languages", "--data", POISON[:12]],
    ],
    "eval abstention": [["eval", "abstention", "card-a"], ["eval", "abstention", POISON[:12]]],
    "setup": [["setup", f"postgresql://ana:{POISON[:12]}@127.0.0.1:9/x"], ["setup", POISON[:12]]],
    "learn rollout": [["learn", "rollout", "--tasks", "tasks.jsonl", "--out", "runs\x1b[8m"]],
    "learn advantages": [["learn", "advantages", f"runs{FOLDER}"]],
    "learn prompts": [
        ["learn", "prompts", "--train", "tasks.jsonl", "--val", POISON, "--role", "both", "--budget", "1", *SERVER]
    ],
    "learn export": [["learn", "export", f"runs{FOLDER}", "--out", "rows.jsonl"]],
    "learn grpo": [
        ["learn", "grpo", "--model", "weights", "--tasks", POISON, "--out", "trained", "--set", f"a={POISON}"]
    ],
    "learn evaluate": [["learn", "evaluate", "--model", "weights", "--tasks", POISON]],
}


def words_of(name: str) -> list[str]:
    return [" ".join(case) for case in CASES[name]]


@pytest.fixture(scope="module")
def poisoned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A folder with a memory that has poison in every place, files and a bench card with poison; and ids."""
    folder = tmp_path_factory.mktemp("poisoned")
    session = Session(
        turns=[(f"Ana{POISON[:40]}", f"I work at {WORD}. {POISON}"), ("Ben", f"And {WORD} bakes.\r\n{POISON}")],
        id=f"s{POISON}\ns",
        time="2024-05-08",
        metadata={"title": POISON, POISON: POISON},
    )
    with Memory.open(folder / FOLDER, namespace=NAME) as memory:
        page = memory.memorize(session).page_ids[0]
        memory.memorize(Session(text=f"{POISON}\n{WORD} again.", id=POISON))
        item = memory.items.insert(f"Known. {POISON}")
        memory.items.update("core", f"{WORD}: {POISON}")
        memory.admin.share(f"reader{POISON[:60]}")
        memory.as_store().put(("a", POISON), POISON, {POISON: f"{WORD} {POISON}"})
        memory.transfer.export(folder / "export.jsonl")
    with Memory.open(folder / FOLDER, namespace=NAME, item_options=ItemOptions(mode="propose")) as memory:
        memory.items.insert(f"Proposed. {POISON}")
    assert item.item is not None
    (folder / "in").mkdir()
    (folder / "in" / "a\x1b[2J.txt").write_text(f"Hello. {POISON}", encoding="utf-8")
    (folder / "in" / "b\x1b[2J.json").write_text(json.dumps({POISON: POISON}), encoding="utf-8")
    (folder / "bad.jsonl").write_text(json.dumps({"format": POISON}), encoding="utf-8")
    rows = json.loads(json.dumps(LOCOMO))
    rows[0]["sample_id"] = POISON
    (folder / "locomo.json").write_text(json.dumps(rows), encoding="utf-8")
    rows[0]["qa"][2]["category"] = POISON
    (folder / "bad_locomo.json").write_text(json.dumps(rows), encoding="utf-8")
    task = {"id": POISON, "sessions": [{"text": POISON}], "questions": [{"id": "q", "text": POISON, "answers": ["x"]}]}
    (folder / "tasks.jsonl").write_text(f"{json.dumps(task)}\n{json.dumps(task)}\n", encoding="utf-8")
    for card in ("card-a", "card-b"):
        run = ["eval", "locomo", "--data", str(folder / "locomo.json"), "--no-plots", "--vary", "system=recall"]
        made = CliRunner().invoke(app, [*run, "--out", str(folder / card)])
        assert made.exit_code == 0, made.output
        for file in (folder / card).iterdir():
            if file.suffix in (".json", ".jsonl"):
                text = file.read_text(encoding="utf-8")
                file.write_text(
                    text.replace("recall context", f"recall{json.dumps(POISON)[1:-1]} context"), encoding="utf-8"
                )
    return folder, {"page": page, "item": item.item.id, "change": str(item.change)}


@pytest.fixture(scope="module")
def received(poisoned: tuple[Path, dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """What the terminal got, by command line; with `opened`, what it would get without escapes."""
    folder, ids = poisoned
    found: dict[bool, dict[str, str]] = {}

    def run(opened: bool) -> dict[str, str]:
        if opened not in found:
            place = tmp_path_factory.mktemp("cases")
            several = [cases[:1] if opened else cases for cases in CASES.values()]
            lines = [(" ".join(words), words) for cases in several for words in cases]
            cases = []
            for number, (_, words) in enumerate(lines):
                shutil.copytree(folder, place / str(number), symlinks=True)
                filled = [re.sub(r"^\{(\w+)\}$", lambda found: ids[found[1]], word) for word in words]
                sent = "\x04" if words[0] == "mcp" else "n\n"
                cases.append({"folder": str(place / str(number)), "words": filled, "input": sent})
            (place / "cases.json").write_text(json.dumps(cases), encoding="utf-8")
            command = [sys.executable, str(Path(__file__).with_name("pseudo_terminal.py")), str(place / "cases.json")]
            env = {name: value for name, value in os.environ.items() if not name.startswith("JITMEM_")}
            done = subprocess.run(
                [*command, *(["--open"] if opened else [])],
                capture_output=True,
                text=True,
                check=False,
                env=env | {"TERM": "xterm-256color", "COLUMNS": "100"},
                timeout=600,
            )
            assert done.returncode == 0, done.stderr
            outputs = json.loads(done.stdout)
            found[opened] = {line: output for (line, _), output in zip(lines, outputs, strict=True)}
        return found[opened]

    return run


def unsafe(output: str) -> list[str]:
    """Control, bidi and invisible characters beside line breaks, tabs and what Rich writes of its own."""
    text = OURS.sub("", output)
    return sorted({c for c in text if c not in "\n\t" and unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")})


def test_every_command_has_a_case() -> None:
    commands = {name: found for name, found in all_commands(get_command(app)).items() if not hasattr(found, "commands")}
    assert {name.removeprefix("jitmem ") for name in commands} == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_nothing_of_a_memory_reaches_the_terminal_as_a_control(received: Callable[..., Any], name: str) -> None:
    outputs = received(False)
    for line in words_of(name):
        assert outputs[line].strip() or "mcp" in line, "the command printed nothing"
        assert unsafe(outputs[line]) == [], outputs[line]
        assert "\x1b]8;" not in outputs[line]


def test_without_escapes_the_poison_arrives_by_nearly_every_command(received: Callable[..., Any]) -> None:
    arrived = {name for name in CASES if unsafe(received(True)[words_of(name)[0]])}
    assert arrived >= {
        *("research", "recall", "pages", "items", "history", "namespaces", "share", "export", "import", "backup"),
        *("forget", "doctor", "stats", "demo", "eval run", "eval report", "eval compare"),
    }


# -- the one function, and the streams -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "می‌خواهم کتاب‌ها",
        "שָׁלוֹם עולם, مرحبا بالعالم",
        "क्‍ष र्‍य श्री নমস্কার",
        "สวัสดี\u200bครับ",
        "👩‍👩‍👧 👩🏽‍🚀 ❤️ 1️⃣ 🏳️‍🌈 👨‍⚕️ 🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
        "葛\U000e0100城 〇 東京都 한국어 ᠮᠣᠩᠭᠣᠯ",
        "e\u0301 naïve\u00a0© ½ €",
        "lines\nand\ttabs\r\n",
    ],
)
def test_what_people_write_stays_as_it_is(text: str) -> None:
    assert escape_invisible(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J\x9b5n\x7f\x00", r"\u001b[2J\u009b5n\u007f\u0000"),
        ("a\rb", r"a\rb"),
        ("\u202eevil\u2069\u200f\u061c", r"\u202eevil\u2069\u200f\u061c"),
        ("pay\u200bpal so\xadft \ufeff", r"pay\u200bpal so\u00adft \ufeff"),
        ("x\u200dy x\ufe0f", r"x\u200dy x\ufe0f"),
        ("😀\U000e0041\U000e0142", r"😀\udb40\udc41\udb40\udd42"),
        ("ب\u200c\u200cب", r"ب\u200c\u200cب"),
        ("a\u2028b\u2029c\x85d", r"a\u2028b\u2029c\u0085d"),
        ("\u3164\u115f", r"\u3164\u115f"),
    ],
)
def test_what_a_terminal_obeys_or_nobody_sees_is_an_escape(text: str, shown: str) -> None:
    assert escape_invisible(text) == shown


@given(st.text(st.characters(categories=["Cc", "Cf", "Zl", "Zp", "L", "M", "So", "Po"])))
def test_escapes_leave_no_control_change_nothing_twice_and_keep_a_json_document(text: str) -> None:
    shown = escape_invisible(text)
    assert not [
        c for c in shown.replace("\r\n", "") if unicodedata.category(c) in ("Cc", "Zl", "Zp") and c not in "\n\t"
    ]
    assert (
        not re.search("[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c\u200b\ufeff](?![\u0e00-\u109f])", shown)
        or "\u200b" in text
    )
    assert escape_invisible(shown) == shown
    assert json.loads(escape_invisible(json.dumps({text: text}, ensure_ascii=False))) == {text: text}


def test_prints_logs_warnings_and_tracebacks_are_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    escape_output()
    escape_output()
    print(POISON)
    sys.stdout.writelines([POISON])
    logging.lastResort.handle(logging.makeLogRecord({"msg": POISON, "levelno": logging.WARNING}))  # type: ignore[union-attr]
    try:
        raise ValueError(POISON)
    except ValueError:
        sys.__excepthook__(*sys.exc_info())  # type: ignore[arg-type]
    out, err = capsys.readouterr()
    assert unsafe(out) == unsafe(err) == []
    assert (out.count(r"\u001b]52"), err.count(r"\u001b]52")) == (2, 2)


def test_a_page_and_an_export_in_a_pipe_are_word_for_word(poisoned: tuple[Path, dict[str, str]]) -> None:
    folder, ids = poisoned
    shared = ["--memory", str(folder / FOLDER), "--namespace", NAME]
    assert f"bakes.\r\n{POISON}" in CliRunner().invoke(app, ["pages", ids["page"], *shared]).stdout_bytes.decode()
    exported = CliRunner().invoke(app, ["export", *shared]).stdout_bytes
    assert any(POISON in str(json.loads(line).get("text")) for line in exported.split(b"\n") if line)
