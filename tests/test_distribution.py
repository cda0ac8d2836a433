"""The wheel and the source distribution hold what they must and nothing else, and a package index would take them."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = {"src/jitmem": "jitmem"} | {
    name: f"jitmem/{name}" for name in ("graphs", "nodes", "tools", "stores", "integrations", "evals", "learn")
}

pytestmark = [
    pytest.mark.skipif(not all(map(find_spec, ("build", "twine"))), reason="needs build and twine, of the extra dev"),
    pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs the repository"),
]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both, made of the files that git knows, as they are now."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, source / name)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(source)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stdout[-2000:] + made.stderr[-2000:]
    return out


def only(folder: Path, pattern: str) -> Path:
    [found] = folder.glob(pattern)
    return found


def test_the_wheel_holds_every_module_and_no_test(built: Path) -> None:
    names = set(zipfile.ZipFile(only(built, "*.whl")).namelist())
    packed = {name for name in names if name.startswith("jitmem/")}
    wanted = {
        f"{package}/{file.relative_to(ROOT / folder).as_posix()}"
        for folder, package in FOLDERS.items()
        for file in (ROOT / folder).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert packed == wanted
    assert {name.split("/")[0] for name in names} == {"jitmem", only_info(names)}


def only_info(names: set[str]) -> str:
    return next(name.split("/")[0] for name in names if ".dist-info/" in name)


def test_the_metadata_name_the_pythons_and_the_command(built: Path) -> None:
    wheel = zipfile.ZipFile(only(built, "*.whl"))
    info = only_info(set(wheel.namelist()))
    metadata = message_from_bytes(wheel.read(f"{info}/METADATA"))
    assert metadata["Requires-Python"] == ">=3.11"
    versions = [one.rpartition(" ")[2] for one in metadata.get_all("Classifier", []) if " 3." in one]
    assert versions == ["3.11", "3.12", "3.13"]
    assert b"jitmem = jitmem.cli" in wheel.read(f"{info}/entry_points.txt")
    assert f"{info}/licenses/LICENSE" in wheel.namelist()


def test_the_source_distribution_is_whole_and_clean(built: Path) -> None:
    with tarfile.open(only(built, "*.tar.gz")) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE", "stores/truth/schema.sql", "src/jitmem/py.typed"} <= names
    assert [name for name in names if name.endswith((".pyc", ".sqlite3", ".env")) or "__pycache__" in name] == []


def test_a_package_index_would_take_both(built: Path) -> None:
    files = [str(only(built, "*.whl")), str(only(built, "*.tar.gz"))]
    checked = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", *files], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def find_python(version: str) -> str | None:
    """On the path, or beside this one where pyenv keeps them."""
    beside = Path(sys.base_prefix).parent.glob(f"{version}.*/bin/python3")
    candidates = [shutil.which(f"python{version}"), *map(str, sorted(beside))]
    runs = (
        one
        for one in candidates
        if one and not subprocess.run([one, "--version"], capture_output=True, check=False).returncode
    )
    return next(runs, None)


@pytest.mark.parametrize("version", ["3.12", "3.13"])
def test_every_module_compiles_on_the_newer_pythons(version: str, built: Path, tmp_path: Path) -> None:
    python = find_python(version)
    if python is None:
        pytest.skip(f"no Python {version} here")
    zipfile.ZipFile(only(built, "*.whl")).extractall(tmp_path)
    compiled = subprocess.run(
        [python, "-W", "error", "-m", "compileall", "-q", str(tmp_path / "jitmem")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert compiled.returncode == 0, compiled.stdout
