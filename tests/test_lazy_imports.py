"""A command loads its own module and what that needs: only `jitmem eval` and `jitmem learn` import their code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import json, sys
from typer.testing import CliRunner
from jitmem.cli.app import app

for arguments in json.loads(sys.argv[1]):
    result = CliRunner().invoke(app, arguments, input="Ana: I moved to Porto.")
    assert result.exit_code == 0, (arguments, result.output, result.exception)
print(json.dumps([name for name in sys.modules if name.split(".")[0] == "jitmem"]))
"""
COMMANDS = [
    ["memorize", "-"],
    ["research", "Where does Ana live?"],
    ["recall", "Porto"],
    ["pages"],
    ["items"],
    ["namespaces"],
    ["export", "all.jsonl"],
    ["backup", "copy"],
    ["doctor"],
    ["stats"],
]


def imported(folder: Path, commands: list[list[str]]) -> list[str]:
    run = [sys.executable, "-c", SCRIPT, json.dumps(commands)]
    done = subprocess.run(run, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    names: list[str] = json.loads(done.stdout.splitlines()[-1])
    return names


def test_the_ten_main_commands_import_neither_evals_nor_learn(tmp_path: Path) -> None:
    assert [name for name in imported(tmp_path, COMMANDS) if name.startswith(("jitmem.evals", "jitmem.learn"))] == []


def test_a_command_of_its_own_imports_evals(tmp_path: Path) -> None:
    assert "jitmem.evals.datasets" in imported(tmp_path, [["eval", "sources"]])


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["learn", "--help"]])
def test_the_list_of_commands_imports_none_of_them(tmp_path: Path, arguments: list[str]) -> None:
    assert cli_modules(imported(tmp_path, [arguments])) == {"app", "errors", "output", "settings"}


def test_the_help_of_a_command_imports_its_module_alone(tmp_path: Path) -> None:
    assert cli_modules(imported(tmp_path, [["recall", "--help"]])) == {"app", "errors", "output", "pages", "settings"}


def cli_modules(names: list[str]) -> set[str]:
    return {name.removeprefix("jitmem.cli.") for name in names if name.startswith("jitmem.cli.")}
