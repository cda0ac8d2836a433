"""A `.env` adds settings and keys; one that came with a folder sends nothing anywhere."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from wiretap import Wiretap

from jitmem.env_file import DESTINATIONS, KEYS, LOCAL, load_env_file
from jitmem.settings import Settings
from jitmem.stores.errors import BadInput

Patch = pytest.MonkeyPatch
JITMEM = [sys.executable, "-c", "from jitmem.cli import main; main()"]
SETTINGS = Path(__file__).parents[1] / "docs" / "settings.md"


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: Patch) -> Iterator[None]:
    """An empty folder and none of our variables; what a test adds is taken away again."""
    monkeypatch.chdir(tmp_path)
    before = dict(os.environ)
    for name in before:
        if name.startswith(("JITMEM_", "OPENAI_", "LANGSMITH_", "LANGCHAIN_")):
            del os.environ[name]
    yield
    os.environ.clear()
    os.environ.update(before)


def test_a_file_adds_what_the_environment_does_not_say_and_the_report_names_it_without_values(
    monkeypatch: Patch, tmp_path: Path
) -> None:
    monkeypatch.setenv("JITMEM_NAMESPACE", "ben")
    Path(".env").write_text(
        "# ours\nJITMEM_NAMESPACE=ana\nexport JITMEM_EFFORT='fast' # quick\nOPENAI_API_KEY=\"a b\"\n"
        "DATABASE_URL=postgres://ana:secret@host/db\nJITMEM_TIMEOUT=\nUNSAID\n",
        encoding="utf-8",
    )
    report = load_env_file()
    settings = Settings.from_environment()
    assert (settings.namespace, settings.effort, settings.timeout_s) == ("ben", "fast", 120)
    assert os.environ["OPENAI_API_KEY"] == "a b"
    assert os.environ.keys() & {"DATABASE_URL", "UNSAID", "JITMEM_TIMEOUT"} == set()
    assert report == f"{tmp_path}/.env sets JITMEM_EFFORT, OPENAI_API_KEY"


def test_a_file_decides_nothing_about_where_text_goes(tmp_path: Path) -> None:
    others = ("HTTPS_PROXY", "all_proxy", "LANGSMITH_TRACING", "LANGCHAIN_ENDPOINT", "OLLAMA_HOST", "JITMEM_USERS")
    Path(".env").write_text("".join(f"{name}=http://evil.example\n" for name in (*DESTINATIONS, *others)))
    before = dict(os.environ)
    report = load_env_file()
    assert dict(os.environ) == before
    assert report.startswith(f"{tmp_path}/.env may not set {', '.join((*DESTINATIONS, *others))} (where text goes")
    assert "evil" not in report


def test_a_file_that_is_named_may_say_where_text_goes_and_still_sets_no_proxy_and_no_trace(monkeypatch: Patch) -> None:
    Path("mine.env").write_text(
        "JITMEM_MODEL=openai:small\nJITMEM_BASE_URL=http://localhost:8000/v1\nJITMEM_MEMORY=/elsewhere\n"
        "HTTPS_PROXY=http://evil.example\nLANGSMITH_TRACING=true\n"
    )
    monkeypatch.setenv("JITMEM_ENV_FILE", "mine.env")
    report = load_env_file()
    settings = Settings.from_environment()
    assert (settings.model, settings.base_url) == ("openai:small", "http://localhost:8000/v1")
    assert settings.memory == Path("/elsewhere")
    assert os.environ.keys() & {"HTTPS_PROXY", "LANGSMITH_TRACING"} == set()
    assert report.startswith(
        "mine.env sets JITMEM_MODEL, JITMEM_BASE_URL, JITMEM_MEMORY; mine.env may not set HTTPS_PROXY, LANGSMITH_TRACING"
    )


def test_a_named_file_that_is_not_there_is_an_error_and_a_file_cannot_name_another(monkeypatch: Patch) -> None:
    Path(".env").write_text("JITMEM_ENV_FILE=other.env\n")
    Path("other.env").write_text("JITMEM_MODEL=openai:small\n")
    load_env_file()
    assert Settings.from_environment().model is None
    monkeypatch.setenv("JITMEM_ENV_FILE", "nowhere.env")
    with pytest.raises(BadInput, match=r"nowhere\.env cannot be read: No such file"):
        load_env_file()


@pytest.mark.parametrize(
    "memory", ["/somewhere/else", "../sibling", "link/memory", "below/../../sibling", "postgresql://host/db"]
)
def test_a_memory_outside_of_the_folder_is_refused(memory: str) -> None:
    Path("link").symlink_to("/")
    Path(".env").write_text(f"JITMEM_NAMESPACE=ana\nJITMEM_MEMORY={memory}\n")
    with pytest.raises(BadInput, match="JITMEM_MEMORY must lie in this folder; --memory may name any other"):
        load_env_file()
    assert "JITMEM_NAMESPACE" not in os.environ


def test_a_value_is_taken_as_it_stands_and_brings_no_other_variable_into_the_memory(monkeypatch: Patch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "the user's own")
    Path(".env").write_text("JITMEM_NAMESPACE=${OPENAI_API_KEY}\n")
    with pytest.raises(BadInput, match="JITMEM_NAMESPACE holds"):
        load_env_file()
    Path(".env").write_text("JITMEM_NAMESPACE=$OPENAI_API_KEY\n")
    load_env_file()
    assert Settings.from_environment().namespace == "$OPENAI_API_KEY"


def test_a_file_written_on_windows_is_read() -> None:
    Path(".env").write_bytes("\ufeffJITMEM_NAMESPACE=Zoë\r\nJITMEM_EFFORT=fast\r\n".encode())
    load_env_file()
    settings = Settings.from_environment()
    assert (settings.namespace, settings.effort) == ("Zoë", "fast")


def test_only_the_folder_itself_is_looked_at(tmp_path: Path) -> None:
    Path(".env").write_text("JITMEM_NAMESPACE=ana\n")
    (tmp_path / "below").mkdir()
    load_env_file(tmp_path / "below")
    assert "JITMEM_NAMESPACE" not in os.environ
    load_env_file(tmp_path)
    assert os.environ["JITMEM_NAMESPACE"] == "ana"


def test_without_a_file_or_with_a_folder_of_its_name_nothing_happens() -> None:
    before = dict(os.environ)
    assert load_env_file() == ""
    Path(".env").mkdir()
    assert load_env_file() == ""
    assert dict(os.environ) == before


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"JITMEM_NAMESPACE=ana\nJITMEM_MODEL=\xff\xfe\n", r"\.env, line 2: this is not UTF-8"),
        (
            b'JITMEM_NAMESPACE=ana\n\n# keys\n\nJITMEM_MODEL="openai\nX=1\n',
            r"\.env, line 5: this cannot be read; write",
        ),
        (b"JITMEM_NAMESPACE=ana\nmy model = 3 = 4 is best\n", r"\.env, line 2: this cannot be read; write NAME=value"),
        (b"JITMEM_NAMESPACE=ana\nJITMEM_MODEL=a\0b\n", r"\.env, line 2: this cannot be read"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_whole_and_its_line_named(content: bytes, complaint: str) -> None:
    Path(".env").write_bytes(content)
    with pytest.raises(BadInput, match=complaint) as refused:
        load_env_file()
    assert "ana" not in str(refused.value) + os.environ.get("JITMEM_NAMESPACE", "")


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_named() -> None:
    Path(".env").touch(0o000)
    with pytest.raises(BadInput, match=r"\.env cannot be read: Permission denied\."):
        load_env_file()


def test_the_list_of_names_is_the_one_that_is_documented() -> None:
    text = SETTINGS.read_text(encoding="utf-8")
    part = text[text.index("A `.env` file") : text.index("| exit code")]
    assert [name for name in (*LOCAL, *KEYS, *DESTINATIONS, "JITMEM_ENV_FILE") if f"`{name}`" not in part] == []


HOSTILE: dict[str, Callable[[str], dict[str, str]]] = {
    "our own address": lambda url: {"JITMEM_BASE_URL": f"{url}/v1"},
    "the address of embeddings": lambda url: {"JITMEM_EMBEDDINGS_BASE_URL": f"{url}/v1"},
    "the address of the package": lambda url: {"OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_BASE": f"{url}/v1"},
    "a proxy": lambda url: dict.fromkeys(("OPENAI_PROXY", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"), url),
    "traces": lambda url: {
        "LANGSMITH_TRACING": "true",
        "LANGCHAIN_TRACING_V2": "true",
        "LANGSMITH_API_KEY": "theirs",
        "LANGSMITH_ENDPOINT": url,
        "LANGCHAIN_ENDPOINT": url,
    },
    "model, address and key": lambda url: {
        "JITMEM_MODEL": "openai:small",
        "JITMEM_EMBEDDINGS": "openai:small",
        "JITMEM_BASE_URL": f"{url}/v1",
        "OPENAI_API_KEY": "theirs",
    },
    "another file": lambda url: {"JITMEM_ENV_FILE": ".env", "JITMEM_BASE_URL": f"{url}/v1", "JITMEM_MODEL": "openai:a"},
    "telemetry": lambda url: {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "LANGSMITH_OTEL_ENABLED": "true", "ANONYMIZED": "1"},
}


@pytest.mark.parametrize("own", ["a model", "no model"])
@pytest.mark.parametrize("attack", HOSTILE)
def test_the_file_of_a_cloned_folder_sends_no_text_anywhere(attack: str, own: str, tmp_path: Path) -> None:
    with Wiretap() as theirs, Wiretap() as ours:
        Path(".env").write_text("".join(f"{name}={value}\n" for name, value in HOSTILE[attack](theirs.url).items()))
        mine = {"OPENAI_API_KEY": "the user's own"}
        if own == "a model":
            address = f"{ours.url}/v1"
            mine |= {"JITMEM_MODEL": "openai:mine", "JITMEM_EMBEDDINGS": "openai:mine", "JITMEM_BASE_URL": address}
        for words in (["memorize", "-"], ["research", "Where does Ana live?"]):
            done = subprocess.run(
                [*JITMEM, *words, *(["--set", "timeout_s=1"] if own == "a model" else [])],
                input="Ana moved to Porto.",
                env={**os.environ, **mine},
                capture_output=True,
                text=True,
                check=False,
                timeout=120,
            )
            assert "the user's own" not in done.stderr + done.stdout
            if own == "no model":
                assert done.returncode == 0, done.stderr
        assert theirs.requests == []
        assert bool(ours.requests) == (own == "a model")
