"""What the documents show is what happens: their code runs, their output is ours, their links lead somewhere."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from jitmem import Budget
from jitmem.nodes.options import MemorizeOptions, ResearchOptions

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
DOCUMENTS = [
    README,
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    ROOT / "benchmarks" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
JITMEM = [sys.executable, "-c", "from jitmem.cli import main; main()"]

_BLOCK = re.compile(r"^```(?P<kind>[^\n]*)\n(?P<body>.*?)^```$", re.M | re.S)
_FILE = re.compile(r"`(?P<path>[\w./-]+)`[^`]*\Z")
_LINK = re.compile(r"\]\((?!https?://|#)(?P<path>[^)#\s]+)(?:#[^)]*)?\)")
_TABLE_NAME = re.compile(r"^\| `(\w+)` \|", re.M)
_PAGE_ID = re.compile(r"\b0[0-9a-hjkmnp-tv-z]{11}\b")
_SECONDS = re.compile(r"\b\d+\.\d+ s\b")


class Block(NamedTuple):
    """A fenced block: what stands after the fence, what it holds, and its line."""

    kind: str
    body: str
    line: int
    before: str
    follows: bool
    """Whether nothing but white space lies between the block before and this one."""


def blocks(document: Path) -> list[Block]:
    text = document.read_text(encoding="utf-8")
    found: list[Block] = []
    end = 0
    for match in _BLOCK.finditer(text):
        before = text[end : match.start()]
        line = text.count("\n", 0, match.start()) + 1
        found.append(Block(match["kind"].strip(), match["body"], line, before, bool(found) and not before.strip()))
        end = match.end()
    return found


def settled(text: str) -> str:
    """Without what differs from run to run: page ids, seconds, white space at the ends."""
    return _SECONDS.sub("0.0 s", _PAGE_ID.sub("000000000000", text)).strip()


def printed(code: str, name: str, namespace: dict[str, Any]) -> str:
    """Run it; what it printed."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, name, "exec"), namespace)
    return out.getvalue()


@pytest.fixture
def away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to stand in, and none of the caller's settings."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("JITMEM_", "OPENAI_"))]:
        monkeypatch.delenv(name)
    return tmp_path


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_python_of_a_document_runs_and_prints_what_it_shows(document: Path, away: Path) -> None:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for block, after in pairwise([*blocks(document), None]):
        if block is None or block.kind != "python":
            continue
        said = printed("\n" * block.line + block.body, str(document), namespace)
        if after is not None and after.kind == "text" and after.follows:
            assert settled(said) == settled(after.body), f"{document.name}, line {after.line}"


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_runs_and_prints_what_it_shows(notebook: Path, away: Path) -> None:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for number, cell in enumerate(json.loads(notebook.read_text(encoding="utf-8"))["cells"], start=1):
        if cell["cell_type"] == "code":
            said = printed("".join(cell["source"]), f"{notebook.name}, cell {number}", namespace)
            shown = "".join("".join(output.get("text", "")) for output in cell["outputs"])
            assert settled(said) == settled(shown), f"{notebook.name}, cell {number}"


def test_a_notebook_holds_no_path_of_the_machine_it_ran_on() -> None:
    assert NOTEBOOKS
    for notebook in NOTEBOOKS:
        assert re.findall(r"/(?:home|root|tmp|Users|work)/|[A-Z]:\\\\", notebook.read_text(encoding="utf-8")) == []


def commands(console: str) -> Iterator[tuple[str, str]]:
    """Each `$ command` of a console block, with the lines that stand under it."""
    for part in re.split(r"^\$ ", console, flags=re.M)[1:]:
        command, _, shown = part.partition("\n")
        yield command, shown


def test_the_commands_of_the_readme_run_on_the_files_it_shows_and_print_what_it_shows(away: Path) -> None:
    ran = 0
    for block in blocks(README):
        if block.kind in ("markdown", "jsonl") and (named := _FILE.search(block.before)):
            (away / named["path"]).parent.mkdir(parents=True, exist_ok=True)
            (away / named["path"]).write_text(block.body, encoding="utf-8")
        if block.kind != "console":
            continue
        for command, shown in commands(block.body):
            program, *arguments = shlex.split(command)
            if program != "jitmem":
                continue
            done = subprocess.run([*JITMEM, *arguments], capture_output=True, text=True, encoding="utf-8", check=False)
            assert (done.returncode, done.stderr) == (0, ""), command
            assert settled(done.stdout) == settled(shown) or not shown.strip(), command
            ran += 1
    assert ran >= 4


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    assert [link for link in _LINK.findall(text) if not (document.parent / link).exists()] == []


def test_the_settings_of_the_readme_are_all_there_are() -> None:
    settings = README.read_text(encoding="utf-8").partition("\n## Settings")[2].partition("\n## ")[0]
    tables = {part.partition("`")[0]: part for part in re.split(r"^`(?=\w)", settings, flags=re.M)[1:]}
    assert _TABLE_NAME.findall(tables["ResearchOptions"]) == list(ResearchOptions.model_fields)
    assert _TABLE_NAME.findall(tables["MemorizeOptions"]) == list(MemorizeOptions.model_fields)
    assert _TABLE_NAME.findall(tables["Budget"]) == list(Budget.model_fields)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_tests_that_a_document_names_exist(document: Path) -> None:
    tests = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("*.py"))
    named = set(re.findall(r"`(test_\w+)`", document.read_text(encoding="utf-8")))
    assert {name for name in named if f"def {name}(" not in tests} == set()
