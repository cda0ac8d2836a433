"""Settings come from the environment; what is wrong is named."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from jitmem.nodes.llm.ask import TIMEOUT_S
from jitmem.settings import Settings
from jitmem.stores.errors import BadInput

Patch = pytest.MonkeyPatch


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: Patch) -> Iterator[None]:
    """An empty folder and none of our variables; what a test adds is taken away again."""
    monkeypatch.chdir(tmp_path)
    before = dict(os.environ)
    for name in before:
        if name.startswith(("JITMEM_", "OPENAI_")):
            del os.environ[name]
    yield
    os.environ.clear()
    os.environ.update(before)


def test_without_any_variable_the_defaults_stand() -> None:
    assert asdict(Settings.from_environment()) == {
        "memory": Path("memory"),
        "namespace": "default",
        "model": None,
        "memorizer_model": None,
        "researcher_model": None,
        "embeddings": None,
        "base_url": None,
        "embeddings_base_url": None,
        "timeout_s": TIMEOUT_S,
        "prompts": None,
        "on_model_failure": None,
        "effort": "deep",
        "trace_content": False,
    }


def test_every_setting_has_its_variable(monkeypatch: Patch) -> None:
    given = {
        "JITMEM_MEMORY": "~/notes",
        "JITMEM_NAMESPACE": "ana",
        "JITMEM_MODEL": "openai:large",
        "JITMEM_MEMORIZER_MODEL": "openai:small",
        "JITMEM_RESEARCHER_MODEL": "ollama:qwen3:8b",
        "JITMEM_EMBEDDINGS": "openai:vectors",
        "JITMEM_BASE_URL": "http://localhost:8000/v1",
        "JITMEM_EMBEDDINGS_BASE_URL": "https://vectors.example/v1",
        "JITMEM_TIMEOUT": "2.5",
        "JITMEM_PROMPTS": "words.md",
        "JITMEM_ON_MODEL_FAILURE": "rules",
        "JITMEM_EFFORT": "fast",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, f" {value} ")
    monkeypatch.setenv("JITMEM_TRACE_CONTENT", "yes")
    assert [str(value) for value in asdict(Settings.from_environment()).values()] == [*given.values(), "True"]


def test_an_empty_variable_is_none(monkeypatch: Patch) -> None:
    for name in ("MEMORY", "MODEL", "TIMEOUT", "EFFORT", "BASE_URL"):
        monkeypatch.setenv(f"JITMEM_{name}", "")
    assert Settings.from_environment() == Settings()


@pytest.mark.parametrize("name", ["minilm", "multilingual"])
def test_a_model_of_meaning_is_named_by_one_word(monkeypatch: Patch, name: str) -> None:
    monkeypatch.setenv("JITMEM_EMBEDDINGS", name)
    assert Settings.from_environment().embeddings == name


@pytest.mark.parametrize(
    ("variable", "value", "complaint"),
    [
        (
            "JITMEM_MODEL",
            "gpt-4.1",
            "JITMEM_MODEL: 'gpt-4.1' is not a model; write provider and name, such as 'openai:",
        ),
        ("JITMEM_EMBEDDINGS", "bge", "JITMEM_EMBEDDINGS: 'bge' is not a model; write provider and name, such as"),
        ("JITMEM_BASE_URL", "localhost:8000/v1", "JITMEM_BASE_URL 'localhost:8000/v1' is not the address of a server;"),
        ("JITMEM_EMBEDDINGS_BASE_URL", "x", "JITMEM_EMBEDDINGS_BASE_URL 'x' is not the address of a server; write one"),
        ("JITMEM_TIMEOUT", "soon", "JITMEM_TIMEOUT must be a number of seconds above 0, such as 120, not 'soon'."),
        ("JITMEM_TIMEOUT", "0", "JITMEM_TIMEOUT must be a number of seconds above 0, such as 120, not '0'."),
        ("JITMEM_TIMEOUT", "nan", "JITMEM_TIMEOUT must be a number of seconds above 0, such as 120, not 'nan'."),
        ("JITMEM_ON_MODEL_FAILURE", "ignore", "JITMEM_ON_MODEL_FAILURE must be one of raise, rules, not 'ignore'."),
        ("JITMEM_EFFORT", "Deep", "JITMEM_EFFORT must be one of deep, fast, recall, not 'Deep'."),
        ("JITMEM_TRACE_CONTENT", "1", "JITMEM_TRACE_CONTENT must be one of no, yes, not '1'."),
    ],
)
def test_a_wrong_value_is_named_with_what_would_be_right(
    monkeypatch: Patch, variable: str, value: str, complaint: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(BadInput) as refused:
        Settings.from_environment()
    assert str(refused.value).startswith(complaint)


def test_reading_settings_loads_no_heavy_package() -> None:
    script = (
        "import sys; from jitmem.env_file import load_env_file; from jitmem.settings import Settings\n"
        "load_env_file(); Settings.from_environment()\n"
        "print({name.partition('.')[0] for name in sys.modules} & {'langchain_core', 'pydantic', 'numpy', 'openai'})"
    )
    result: Any = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (result.stdout, result.stderr) == ("set()\n", "")
