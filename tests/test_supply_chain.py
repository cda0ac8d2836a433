"""What jitmem brings along: licences on a list, upper bounds, and a constraints file that fits pyproject.toml."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from licences import installed_packages
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
ALLOWED = {
    *("MIT", "MIT License", "MIT-0", "MIT-CMU", "0BSD", "ISC License (ISCL", "Zlib", "CC0-1.0"),
    *("Apache-2.0", "Apache Software License", "Apache2.0"),
    *("BSD License", "BSD-2-Clause", "BSD-3-Clause", "3-Clause BSD License"),
    *("PSF-2.0", "Python Software Foundation License", "CNRI-Python"),
    *("MPL-2.0", "Mozilla Public License 2.0 (MPL 2.0"),  # of the package's own files; nothing of them is changed here
}
"""Licences that ask nothing of an application but a notice; without the bracket at the end, which `parts_of` strips."""
EXCEPTIONS = {
    "langgraph-api": "Elastic-2.0",
    "langgraph-runtime-inmem": "Elastic-2.0",
    "forbiddenfruit": "GNU General Public License v3 or later (GPLv3+) / MIT License",  # a choice: MIT
    "axe-playwright-python": "",  # MIT, with axe-core under MPL-2.0, which its metadata does not say; only for tests
    **dict.fromkeys(("psycopg", "psycopg-pool", "psycopg-binary"), "LGPL-3.0-only"),  # imported, not changed or shipped
    "docutils": "BSD License / GNU General Public License (GPL) / Public Domain",  # a choice: BSD; for `twine check`
    "atheris": "",  # Apache-2.0, which its metadata does not say; only for `make fuzz`
}
"""Packages that are known by name; those of Elastic-2.0 come only with the extra [studio]."""
UNBOUNDED = {"rank-bm25", "typing-extensions", "filelock", "rich", "langgraph-cli", "matplotlib", "torch"}
"""Where the next major version breaks nothing that is used: a few stable functions, or a command."""


def parts_of(expression: str) -> list[str]:
    return [part.strip("() ") for part in re.split(r" AND | OR | / ", expression)]


def test_every_licence_is_on_the_list() -> None:
    packages = installed_packages()
    assert len(packages) > 80
    unknown = {
        one.name: one.licence
        for one in packages
        if EXCEPTIONS.get(one.name) != one.licence and not all(part in ALLOWED for part in parts_of(one.licence))
    }
    assert unknown == {}


def test_the_elastic_licence_comes_only_with_studio_and_the_readme_says_so() -> None:
    elastic = [one for one in installed_packages() if "Elastic" in one.licence]
    assert {one.name for one in elastic} == {"langgraph-api", "langgraph-runtime-inmem"}
    assert {extra for one in elastic for extra in one.extras} == {"studio", "test", "dev"}
    for document in ("README.md", "docs/limits.md", "SECURITY.md"):
        assert "Elastic" in (ROOT / document).read_text(encoding="utf-8"), document


def test_a_licence_that_is_on_no_list_would_be_found() -> None:
    assert not all(part in ALLOWED for part in parts_of("MIT AND AGPL-3.0-only"))
    assert not all(part in ALLOWED for part in parts_of(""))


def requirements() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [
        text
        for name, texts in project["optional-dependencies"].items()
        if name not in ("test", "dev")
        for text in texts
    ]
    return [Requirement(text) for text in (*project["dependencies"], *extras)]


def test_every_dependency_has_a_lower_bound_and_an_upper_one_or_a_reason() -> None:
    bounds = {one.name: {part.operator for part in one.specifier} for one in requirements()}
    assert [name for name, operators in bounds.items() if ">=" not in operators] == []
    assert {name for name, operators in bounds.items() if "<" not in operators} == UNBOUNDED


def test_the_pins_of_ci_fit_the_bounds_and_name_no_server() -> None:
    text = (ROOT / "requirements-ci.txt").read_text(encoding="utf-8")
    pins = dict(line.split("==") for line in text.splitlines() if not line.startswith("#"))
    assert "://" not in text
    assert "@" not in text
    for one in requirements():
        name = canonicalize_name(one.name)
        if name not in ("torch", "transformers", "trl"):  # of the extra [train], which CI does not install
            assert name in pins, f"{name} has no pin; run make lock"
            assert one.specifier.contains(pins[name], prereleases=True), f"{name} {pins[name]}; run make lock"


@pytest.mark.parametrize("words", [[], ["--pins"]])
def test_the_command_lists_every_package(words: list[str]) -> None:
    listed = subprocess.run(
        [sys.executable, "-m", "licences", *words], cwd=ROOT / "tests", capture_output=True, text=True, check=True
    ).stdout
    lines = [line for line in listed.splitlines() if not line.startswith("#")]
    assert len(lines) == len(installed_packages())
    assert any(line.startswith("langgraph==" if words else "langgraph ") for line in lines)
