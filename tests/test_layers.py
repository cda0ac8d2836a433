"""Imports point down only, names say what they are for, and every package on disk is shipped."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HOUSE = {  # folder: what the package is called once installed
    "src/jitmem": "jitmem",
    "graphs": "jitmem.graphs",
    "nodes": "jitmem.nodes",
    "tools": "jitmem.tools",
    "stores": "jitmem.stores",
    "integrations": "jitmem.integrations",
    "evals": "jitmem.evals",
    "learn": "jitmem.learn",
}
MAY_IMPORT = {
    "stores": {"stores"},
    "tools": {"tools", "stores"},
    "nodes": {"nodes", "stores"},
    "graphs": {"graphs", "nodes", "tools", "stores"},
}
ABOVE = {"integrations", "evals", "learn"}
SAY_NOTHING = {"utils", "util", "helpers", "helper", "common", "base", "core", "types", "misc", "manager"}
FILES = sorted(file for folder in HOUSE for file in (ROOT / folder).rglob("*.py") if "__pycache__" not in file.parts)
NAMES = [str(file.relative_to(ROOT)) for file in FILES]
TWO_WAY = {
    frozenset(("jitmem", "jitmem.integrations")),  # the face hands out its integrations, and loads them only then
}
"""Pairs of packages that import each other."""


def module(file: Path) -> str:
    """Its dotted name once installed; a package's own for its `__init__`."""
    for folder, package in HOUSE.items():
        if file.is_relative_to(ROOT / folder):
            parts = file.relative_to(ROOT / folder).with_suffix("").parts
            return ".".join([package, *(part for part in parts if part != "__init__")])
    raise AssertionError(f"{file} lies in no folder of the house")


PACKAGES = {module(file) for file in FILES if file.name == "__init__.py"}


def layer(name: str) -> str:
    """`stores` for `jitmem.stores.truth.pages`; the face's modules are `jitmem` itself."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and f"jitmem.{parts[1]}" in HOUSE.values() else "jitmem"


def imports(file: Path, *, at_load: bool = False) -> set[str]:
    """The layers of ours that a file imports: anywhere in it, or only what runs `at_load`."""
    return {layer(name) for name in imported_names(file, at_load=at_load)}


def imported_names(file: Path, *, at_load: bool = False) -> set[str]:
    """The dotted names of ours that a file imports: anywhere in it, or only what runs `at_load`."""
    package = module(file).split(".")
    if file.name != "__init__.py":
        package = package[:-1]
    found = set()
    for node in at_module_level(ast.parse(file.read_text())) if at_load else ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            stem = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*stem, *([node.module] if node.module else [])])
            found |= {f"{base}.{alias.name}" for alias in node.names}
    return {name for name in found if name.split(".")[0] == "jitmem"}


def folder_of(name: str) -> str:
    """The package that holds an imported name: `jitmem.stores` for `jitmem.stores.truth.pages.Pages`."""
    parts = name.split(".")
    while ".".join(parts) not in PACKAGES:
        parts.pop()
    return ".".join(parts)


def edges() -> set[tuple[str, str]]:
    """`(importing, imported)` of every two packages, in functions and for type checkers too.

    A package's `__init__` is its front door: it may re-export from its own subpackages.
    """
    found = set()
    for file in FILES:
        own = folder_of(module(file))
        for name in imported_names(file):
            other = folder_of(name)
            if not (file.name == "__init__.py" and other.startswith(f"{own}.")):
                found.add((own, other))
    return {(own, other) for own, other in found if own != other}


def at_module_level(tree: ast.AST) -> Iterator[ast.AST]:
    """Every statement that runs when the module is loaded: not in functions, not for type checkers alone."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        yield from at_module_level(node)


def test_there_is_something_to_look_at() -> None:
    assert {name.split("/")[0] for name in NAMES} >= {"src", "graphs", "nodes", "tools", "stores"}
    assert imports(ROOT / "graphs/researcher.py") == {"nodes", "stores"}
    assert imports(ROOT / "stores/index/snapshot.py") == {"stores"}


@pytest.mark.parametrize("name", [name for name in NAMES if name.split("/")[0] in MAY_IMPORT])
def test_a_layer_imports_only_what_lies_below_it(name: str) -> None:
    assert imports(ROOT / name) <= MAY_IMPORT[name.split("/")[0]]


def test_no_other_two_packages_import_each_other() -> None:
    found = edges()
    assert {frozenset(edge) for edge in found if edge[::-1] in found} == TWO_WAY


STORES = (
    "jitmem.stores",
    *(f"jitmem.stores.{name}" for name in ("truth", "index", "deletion", "integrity", "postgres")),
)
"""From the records, which import none of the others, up to the repair of a damaged memory, and PostgreSQL."""


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("stores/")])
def test_a_folder_of_the_stores_imports_only_those_before_it(name: str) -> None:
    own = STORES.index(folder_of(module(ROOT / name)))
    assert {folder_of(one) for one in imported_names(ROOT / name)} <= set(STORES[: own + 1])


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("src/")])
def test_the_face_loads_nothing_that_stands_above_it(name: str) -> None:
    assert imports(ROOT / name, at_load=True) & ABOVE == set()


@pytest.mark.parametrize("name", NAMES)
def test_no_module_has_a_name_that_says_nothing(name: str) -> None:
    assert set(Path(name).with_suffix("").parts) & SAY_NOTHING == set()


def test_every_package_on_disk_is_listed_where_it_lies() -> None:
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    on_disk = {module(file): str(file.parent.relative_to(ROOT)) for file in FILES if file.name == "__init__.py"}
    assert set(setuptools["packages"]) == set(on_disk)
    where = setuptools["package-dir"]
    found = {package: where.get(package) or f"{where['jitmem']}/{package.partition('.')[2]}" for package in on_disk}
    assert found == on_disk


def test_every_folder_with_modules_is_a_package() -> None:
    assert {
        name for name, file in zip(NAMES, FILES, strict=True) if not (file.parent / "__init__.py").exists()
    } == set()
