"""The documents are right: their code runs and prints the output they show, their links and pictures match the code."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from test_layers import FILES, imports, layer, module

from jitmem import Budget, MemorizeOptions, Memory, ResearchOptions
from jitmem.cli import main

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
GROWING = sorted((DOCS / "growing").glob("*.md"))
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/README.md")),
    *sorted(DOCS.rglob("*.md")),
]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
FOLDERS = ("graphs", "nodes", "tools", "stores", "integrations", "evals")

_BLOCK = re.compile(r"^```(?P<kind>[^\n]*)\n(?P<body>.*?)^```$", re.M | re.S)
_FILE = re.compile(r"`(?P<path>[\w./-]+)`[^`]*\Z")
_LINK = re.compile(r"\]\((?!https?://)(?P<path>[^)#\s]*)(?:#(?P<anchor>[^)\s]*))?\)")
_HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.M)
_TABLE_NAME = re.compile(r"^\| `(\w+)` \|", re.M)
_PAGE_ID = re.compile(r"\b0[0-9a-hjkmnp-tv-z]{11}\b")
_RECALLED_ID = re.compile(r'(?<=<recalled-memory id=")[0-9a-f]{16}')
_SECONDS = re.compile(r"\b\d+\.\d+ s\b")
_ARROW = re.compile(r"^ *(\w+)\S* (-->|-\.->) (\w+)\S*$", re.M)
_END_OF_BLOCK = "-- end of block --"


class Block(NamedTuple):
    """A fenced block: the words after the fence, its content, and its line."""

    kind: str
    body: str
    line: int
    before: str
    follows: bool
    """Whether only white space separates it from the block before."""


def relative_name(path: Path) -> str:
    return str(path.relative_to(ROOT))


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


def expected_output(after: Block | None) -> str | None:
    """The output that a document shows for the block before."""
    return after.body if after is not None and after.kind == "text" and after.follows else None


def normalize(text: str) -> str:
    """Without what differs between runs: page ids, hashes of what has some, seconds, white space at the ends."""
    text = _RECALLED_ID.sub("0" * 16, text)
    return _SECONDS.sub("0.0 s", _PAGE_ID.sub("000000000000", text)).strip()


def run_code(code: str, name: str, namespace: dict[str, Any]) -> str:
    """What the code prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, name, "exec"), namespace)
    return out.getvalue()


def parse_commands(console: str) -> Iterator[tuple[list[str], str]]:
    """Each `$ jitmem …` of a console block, with the lines below it."""
    for part in re.split(r"^\$ ", console, flags=re.M)[1:]:
        command, _, output = part.partition("\n")
        words = shlex.split(command)
        if words[0] == "jitmem":
            yield words[1:], output


def run_command(words: list[str]) -> str:
    """What `jitmem …` prints; it must exit with 0 and write no error. `tests/test_cli.py` starts real processes."""
    out, errors = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        patch.setattr(sys, "argv", ["jitmem", *words])
        with pytest.raises(SystemExit) as ended:
            main()
    assert (ended.value.code, errors.getvalue()) == (0, ""), words
    return out.getvalue()


@pytest.fixture
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: empty, and none of the caller's settings."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("JITMEM_", "OPENAI_"))]:
        monkeypatch.delenv(name)
    return tmp_path


@pytest.mark.parametrize("document", [path for path in DOCUMENTS if path not in GROWING], ids=relative_name)
def test_a_document_runs_from_top_to_bottom_and_prints_what_it_shows(document: Path, empty_folder: Path) -> None:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for block, after in pairwise([*blocks(document), None]):
        assert block is not None
        where = f"{document.name}, line {block.line}"
        if block.kind == "python":
            actual = run_code("\n" * block.line + block.body, str(document), namespace)
            expected = expected_output(after)
            assert expected is None or normalize(actual) == normalize(expected), where
        elif block.kind in ("markdown", "jsonl") and (file := _FILE.search(block.before)):
            (empty_folder / file["path"]).parent.mkdir(parents=True, exist_ok=True)
            (empty_folder / file["path"]).write_text(block.body, encoding="utf-8")
        elif block.kind == "console":
            for words, output in parse_commands(block.body):
                actual = run_command(words)
                assert normalize(actual) == normalize(output) or not output.strip(), where


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative_name)
def test_a_document_shows_no_output_that_nothing_printed(document: Path) -> None:
    assert [
        block.line
        for before, block in pairwise(blocks(document))
        if block.kind == "text"
        and block.follows
        and not before.kind.startswith("python")
        and document.name != "reference.md"
    ] == []


def apply_diff(text: str, diff: str) -> str:
    """The text with a diff applied whose lines begin with ` `, `-` or `+`; the lines it replaces must occur once."""
    lines = diff.splitlines(keepends=True)
    before = "".join(line[1:] for line in lines if line[0] in " -")
    assert text.count(before) == 1, f"not found, or not once:\n{before}"
    return text.replace(before, "".join(line[1:] for line in lines if line[0] in " +"))


def copy_package(folder: Path) -> Path:
    """A copy of the package as it is installed, with the contract tests."""
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "src" / "jitmem", folder / "jitmem", ignore=ignore)
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / "jitmem" / name, ignore=ignore)
    for name in ("contracts", "model_server"):  # the second is what conftest.py imports
        shutil.copytree(ROOT / "tests" / name, folder / name, ignore=ignore)
    for name in ("conftest.py", "postgres_server.py"):
        shutil.copy(ROOT / "tests" / name, folder)
    return folder


@pytest.mark.parametrize("document", GROWING, ids=relative_name)
def test_a_copy_changed_as_a_page_on_growing_says_prints_what_it_shows(document: Path, empty_folder: Path) -> None:
    copy = copy_package(empty_folder / "copy")
    inside = copy / "jitmem"
    code, expected = "", []
    for block, after in pairwise([*blocks(document), None]):
        assert block is not None
        kind, _, path = block.kind.partition(" ")
        path = path.removeprefix("src/jitmem/")
        target = copy / path.removeprefix("tests/") if path.startswith("tests/") else inside / path
        if kind in ("python", "markdown") and path:
            assert not target.exists(), f"{path} exists"
            target.write_text(block.body, encoding="utf-8")
        elif kind == "diff":
            target.write_text(apply_diff(target.read_text(encoding="utf-8"), block.body), encoding="utf-8")
        elif kind == "python":
            code += f"{block.body}\nprint({_END_OF_BLOCK!r})\n"
            expected.append(expected_output(after))
    # The copy comes before any installed jitmem, and the hook of an editable install finds no module of that name.
    run = [sys.executable, "-c", f"import sys\nsys.path.insert(0, {str(copy)!r})\n{code}"]
    done = subprocess.run(run, capture_output=True, text=True, encoding="utf-8", check=False, cwd=copy)
    assert done.returncode == 0, done.stderr
    for actual, output in zip(done.stdout.split(_END_OF_BLOCK)[:-1], expected, strict=True):
        assert output is None or normalize(actual) == normalize(output)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_runs_and_prints_what_it_shows(notebook: Path, empty_folder: Path) -> None:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for number, cell in enumerate(json.loads(notebook.read_text(encoding="utf-8"))["cells"], start=1):
        if cell["cell_type"] == "code":
            actual = run_code("".join(cell["source"]), f"{notebook.name}, cell {number}", namespace)
            expected = "".join("".join(output.get("text", "")) for output in cell["outputs"])
            assert normalize(actual) == normalize(expected), f"{notebook.name}, cell {number}"


def test_a_notebook_holds_no_path_of_the_machine_it_ran_on() -> None:
    assert NOTEBOOKS
    for notebook in NOTEBOOKS:
        assert re.findall(r"/(?:home|root|tmp|Users|work)/|[A-Z]:\\\\", notebook.read_text(encoding="utf-8")) == []


def heading_anchors(document: Path) -> set[str]:
    """What a link may name after `#`, as GitHub derives it from the headings."""
    text = _BLOCK.sub("", document.read_text(encoding="utf-8"))
    found: list[str] = []
    for heading in _HEADING.findall(text):
        slug = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()).replace(" ", "-")
        again = sum(one == slug or re.fullmatch(re.escape(slug) + r"-\d+", one) is not None for one in found)
        found.append(f"{slug}-{again}" if again else slug)
    return set(found)


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative_name)
def test_every_link_between_documents_leads_to_a_page_and_a_heading(document: Path) -> None:
    dead = []
    for path, anchor in _LINK.findall(_BLOCK.sub("", document.read_text(encoding="utf-8"))):
        target = (document.parent / path).resolve() if path else document
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in heading_anchors(target)):
            dead.append(f"{path}#{anchor}")
    assert dead == []


def drawn_arrows(heading: str) -> list[set[tuple[str, str, bool]]]:
    """Of each picture under a heading of the architecture page: `(start, end, dashed)` of every arrow."""
    text = (
        (DOCS / "architecture.md").read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    )
    drawn = [body for kind, body in _BLOCK.findall(text) if kind == "mermaid"]
    return [{(start, end, arrow == "-.->") for start, arrow, end in _ARROW.findall(body)} for body in drawn]


def test_the_picture_of_the_layers_is_what_the_imports_are() -> None:
    real: dict[tuple[str, str], bool] = {}
    for file in FILES:
        here = layer(module(file))
        at_load = imports(file, at_load=True)
        for other in imports(file) - {here}:
            real[here, other] = real.get((here, other), True) and other not in at_load
    assert drawn_arrows("Layers") == [{(*pair, lazy) for pair, lazy in real.items()}]


def test_the_pictures_of_the_graphs_are_what_the_code_draws(memory: Memory) -> None:
    names = {"__start__": "start", "__end__": "stop"}
    real = [
        {
            (names.get(edge.source, edge.source), names.get(edge.target, edge.target), edge.conditional)
            for edge in graph.get_graph().edges
        }
        for graph in (memory.memorizer, memory.researcher)
    ]
    assert drawn_arrows("The graphs") == real


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, open_ = set(), [ROOT / "README.md"]
    while open_:
        page = open_.pop()
        if page not in reached and page.suffix == ".md":
            reached.add(page)
            text = _BLOCK.sub("", page.read_text(encoding="utf-8"))
            open_ += [(page.parent / path).resolve() for path, _ in _LINK.findall(text) if path]
    assert {relative_name(page) for page in DOCUMENTS} - {relative_name(page) for page in reached} == set()


def test_the_readme_is_short_enough_to_be_read() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 280


def test_the_settings_page_has_every_option_there_is() -> None:
    text = (DOCS / "settings.md").read_text(encoding="utf-8")
    parts = {part.partition("\n")[0]: part for part in text.split("\n## ")[1:]}
    assert _TABLE_NAME.findall(parts["ResearchOptions"]) == list(ResearchOptions.model_fields)
    assert _TABLE_NAME.findall(parts["MemorizeOptions"]) == list(MemorizeOptions.model_fields)
    assert _TABLE_NAME.findall(parts["Budget"]) == list(Budget.model_fields)


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative_name)
def test_tests_that_a_document_names_exist(document: Path) -> None:
    tests = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("*.py"))
    names = set(re.findall(r"`(test_\w+)`", document.read_text(encoding="utf-8")))
    assert {name for name in names if f"def {name}(" not in tests} == set()


def test_every_guarantee_names_a_test_that_is_there() -> None:
    tests = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("*.py"))
    named_tests = re.findall(r"`(test_\w+)(…)?`", (DOCS / "guarantees.md").read_text(encoding="utf-8"))
    assert len(named_tests) > 100
    assert [name for name, cut in named_tests if f"def {name}{'' if cut else '('}" not in tests] == []
