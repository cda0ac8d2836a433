"""No key or password leaves by what jitmem says or writes, and nothing that it reads is executed."""

from __future__ import annotations

import ast
import asyncio
import json
import logging
import os
import pickle
import subprocess
import sys
import threading
import traceback
from base64 import b64encode
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import HumanMessage
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

from jitmem import Memory, ModelOptions, Session
from jitmem.integrations.background_filing import file_in_background, wait
from jitmem.models import chat_model, embedding_model, validate_url
from jitmem.nodes.llm.redaction import redact
from jitmem.settings import Settings
from jitmem.stores.errors import BadInput, ModelError
from jitmem.testing import RecordingModel

ROOT = Path(__file__).parents[1]
FOLDERS = ("src", "graphs", "nodes", "tools", "stores", "integrations", "evals")
JITMEM = [sys.executable, "-c", "from jitmem.cli import main; main()"]
KEY, PASSWORD = "kq7-Zt.ordinary-words-no-prefix", "open/sesame-42"
LOGIN = b64encode(f"ana:{PASSWORD}".encode()).decode()
SECRETS = (KEY, PASSWORD, LOGIN, "open%2Fsesame-42")
EXECUTED = (
    {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "jsonpickle"},
    {"eval", "exec", "compile", "__import__"},
    {("yaml", "load"), ("yaml", "unsafe_load"), ("numpy", "load"), ("np", "load"), ("os", "system"), ("os", "popen")},
)
Told = Callable[[], str]


def _error(status: int, told: str) -> tuple[int, str, str]:
    return status, "application/json", json.dumps({"error": {"message": f"No: {told}", "code": told, "type": told}})


def _said(**message: Any) -> tuple[int, str, str]:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    reply = {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "small",
        "choices": [choice],
        "usage": usage,
    }
    return 200, "application/json", json.dumps(reply)


REPLIES: dict[str, Callable[[str], tuple[int, str, str]]] = {
    "unauthorized": lambda told: _error(401, told),
    "forbidden": lambda told: (403, "text/plain", f"Not with {told}."),
    "rate_limit": lambda told: _error(429, told),
    "bad_request": lambda told: _error(400, told),
    "server_error": lambda told: (500, "text/html", f"<h1>{told}</h1>"),
    "html": lambda told: (200, "text/html", f"<h1>Welcome, {told}</h1>"),
    "no_json": lambda told: (200, "application/json", f"{{{told}"),
    "no_completion": lambda told: (200, "application/json", json.dumps({told: [told], "choices": told, "data": told})),
    "prose": lambda told: _said(content=f"I would rather tell you that you are {told}."),
    "wrong_form": lambda told: _said(content=json.dumps({"memo": {told: told}, "queries": told})),
    "refusal": lambda told: _said(content=None, refusal=f"I do not talk to {told}."),
}


class Echo(ThreadingHTTPServer):
    """A model server that never does what it is asked, and repeats what it was sent as a key."""

    reply = "unauthorized"

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Echoing)

    def url(self, login: str = "") -> str:
        return f"http://{login}127.0.0.1:{self.server_port}/v1"


class _Echoing(BaseHTTPRequestHandler):
    server: Echo

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        sent = self.headers["Authorization"]
        told = f"{sent} {sent.partition(' ')[2]} {PASSWORD if sent.startswith('Basic') else ''}".strip()
        status, kind, text = REPLIES[self.server.reply](told)
        self.send_response(status)
        for name, value in (("Content-Type", kind), ("Content-Length", str(len(text.encode()))), ("Retry-After", "0")):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *args: object) -> None:
        pass


class Trace(BaseCallbackHandler):
    """What a tracer is told of the failures of graphs and of models, as tracers write it down."""

    def __init__(self) -> None:
        self.graphs: list[str] = []
        self.models: list[str] = []

    def on_chain_error(self, error: BaseException, **told: Any) -> None:
        self.graphs.append(everything(error) + repr(told))

    def on_llm_error(self, error: BaseException, **told: Any) -> None:
        self.models.append("".join(traceback.format_exception(error)) + repr(error) + repr(told))


def everything(error: BaseException) -> str:
    """What is printed of an error, its causes and its state included."""
    told = ["".join(traceback.format_exception(error))]
    now: BaseException | None = error
    while now is not None:
        told += [repr(now), str(now), repr(now.args), repr(vars(now))]
        now = now.__cause__ or (None if now.__suppress_context__ else now.__context__)
    return "\n".join(told)


def leaked(text: str) -> list[str]:
    return [secret for secret in SECRETS if secret in text]


def in_files(place: Path) -> dict[str, list[bytes]]:
    """Which files below the place hold a secret."""
    held = {
        str(path.relative_to(place)): [secret.encode() for secret in SECRETS if secret.encode() in path.read_bytes()]
        for path in place.rglob("*")
        if path.is_file() and path.name != ".env"
    }
    return {name: found for name, found in held.items() if found}


@pytest.fixture
def echo() -> Iterator[Echo]:
    with Echo() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Told:
    """Everything that anybody logs, at any level, with its traces."""
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpx2", "httpcore", "httpcore2", "openai", "jitmem", "langchain", "chromadb"):
        caplog.set_level(logging.DEBUG, name)
    return lambda: caplog.text


@pytest.fixture(params=["key in the environment", "key as an argument", "login in the address"])
def models(request: pytest.FixtureRequest, echo: Echo, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A model and embeddings of the echoing server, as `Memory.open` takes them, and who they are."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    if request.param == "key as an argument":
        told: dict[str, Any] = {"base_url": echo.url(), "api_key": KEY, "max_retries": 0}
        embeddings = OpenAIEmbeddings(model="small", check_embedding_ctx_length=False, **told)
        return {"model": ChatOpenAI(model="small", **told), "embeddings": embeddings}
    login = ""
    if request.param == "key in the environment":
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
    else:
        login = "ana:open%2Fsesame-42@"
    return {"model": "openai:small", "embeddings": "openai:small", "base_url": echo.url(login)}


@pytest.mark.parametrize("reply", REPLIES)
def test_an_error_of_a_server_that_repeats_the_key_does_not(
    reply: str, models: dict[str, Any], echo: Echo, logged: Told, tmp_path: Path
) -> None:
    echo.reply = reply
    trace = Trace()
    with Memory.open(tmp_path / "memory", model_options=ModelOptions(timeout_s=0.8), **models) as memory:
        asks = [
            lambda: memory.memorizer.invoke({"session": "Ana bought the mill."}, {"callbacks": [trace]}),
            lambda: asyncio.run(memory.aresearch("What did Ana buy?")),
            lambda: memory.recall("mill"),
        ]
        for ask in asks:
            with pytest.raises(ModelError) as failed:
                ask()
            assert leaked(everything(failed.value)) == []
        result = memory.research("What did Ana buy?", on_model_failure="rules")
        assert result.failures
        assert leaked(repr(result)) == []
        session = Session(text="Ben keeps bees.")
        memory.accept(session)
        file_in_background(memory, session)
        wait(memory)
        assert leaked(repr(memory) + repr(memory._runtime)) == []
    assert trace.graphs
    assert leaked("".join(trace.graphs)) == []
    if isinstance(models["model"], str):  # a model of the caller's own speaks to tracers before jitmem hears of it
        assert leaked("".join(trace.models)) == []
    assert "is not filed and waits in the journal" in logged()
    assert leaked(logged()) == []
    assert in_files(tmp_path) == {}


@pytest.mark.parametrize(("reply", "login"), [("unauthorized", ""), ("html", "ana:open%2Fsesame-42@")])
def test_a_command_shows_no_key_even_with_debug(reply: str, login: str, echo: Echo, tmp_path: Path) -> None:
    echo.reply = reply
    settings = {"JITMEM_MODEL": "openai:small", "JITMEM_BASE_URL": echo.url(login), "OPENAI_API_KEY": KEY}
    (tmp_path / ".env").write_text("".join(f"{name}='{value}'\n" for name, value in settings.items()))
    environment = {name: value for name, value in os.environ.items() if name not in settings}
    environment["JITMEM_ENV_FILE"] = ".env"
    session = tmp_path / "session.txt"
    session.write_text("Ana bought the mill.")

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*JITMEM, *words], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    memorized = run("memorize", "session.txt", "--debug", "--set", "timeout_s=1")
    assert memorized.returncode == 1, memorized.stderr
    asked = run("research", "What did Ana buy?", "--debug", "--set", "timeout_s=1")
    assert "Traceback" in asked.stderr
    by_rules = run("research", "What did Ana buy?", "--json", "--set", "on_model_failure=rules", "--set", "timeout_s=1")
    assert by_rules.returncode == 0, by_rules.stderr
    assert json.loads(by_rules.stdout)["failures"]
    exported = run("export", "all.jsonl")
    assert exported.returncode == 0, exported.stderr
    said = "".join(one.stdout + one.stderr for one in (memorized, asked, by_rules, exported))
    assert leaked(said) == []
    assert in_files(tmp_path) == {}


def test_a_recording_holds_no_key_even_where_the_model_says_it(echo: Echo, tmp_path: Path) -> None:
    echo.reply = "prose"
    asked = ChatOpenAI(model="small", base_url=echo.url(), api_key=KEY, max_retries=0)
    model = RecordingModel(model=asked, path=tmp_path / "chat.jsonl")
    assert KEY in str(model.invoke([HumanMessage("Who am I?")]).content)
    assert in_files(tmp_path) == {}
    (line,) = (tmp_path / "chat.jsonl").read_text().splitlines()
    assert json.loads(line)["reply"]["data"]["content"] == "I would rather tell you that you are Bearer … …."


def test_the_address_of_a_model_holds_no_password_and_the_server_gets_it(
    echo: Echo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    echo.reply = "prose"
    url = echo.url("ana:open%2Fsesame-42@")
    made: list[Any] = [chat_model("openai:small", base_url=url), embedding_model("openai:small", base_url=url)]
    for model in made:
        assert leaked(repr(model) + str(model.root_client.base_url if hasattr(model, "root_client") else "")) == []
    assert LOGIN in str(made[0].invoke("Who am I?").content)
    assert LOGIN in str(asyncio.run(made[0].ainvoke("Who am I?")).content)
    assert chat_model("openai:small", base_url=echo.url()) is not made[0]
    assert chat_model("openai:small", base_url=url) is made[0]


def test_settings_and_the_error_of_an_address_show_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JITMEM_BASE_URL", f"http://ana:{PASSWORD.replace('/', '')}@127.0.0.1:1/v1")
    assert "sesame" not in repr(Settings.from_environment())
    for wrong in ("ftp://ana:sesame-42@host/v1", "ana:sesame-42@host", "http://ana:sesame-42@host:port"):
        with pytest.raises(BadInput, match="is not the address of a server") as failed:
            validate_url(wrong)
        assert "sesame" not in everything(failed.value).replace("validate_url(wrong)", "")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Incorrect API key provided: sk-proj-12345678abc.", "Incorrect API key provided: …."),
        ("Authorization: Bearer abcdef-123456 was not accepted", "Authorization: Bearer … was not accepted"),
        ("cannot reach http://ana:pass@127.0.0.1/v1", "cannot reach http://…@127.0.0.1/v1"),
        ("a bearer instrument, a basic misunderstanding", "a bearer instrument, a basic misunderstanding"),
        ("mail ana@example.org about none of it", "mail ana@example.org about none of it"),
    ],
)
def test_what_looks_like_a_secret_is_covered_and_words_are_not(text: str, shown: str) -> None:
    assert redact(text) == shown


def test_nothing_of_ours_executes_what_it_reads() -> None:
    modules, names, attributes = EXECUTED
    found = []
    for path in (path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Import(names=aliases):
                    told = [alias.name for alias in aliases if alias.name.partition(".")[0] in modules]
                case ast.ImportFrom(module=str(module), level=0) if module.partition(".")[0] in modules:
                    told = [module]
                case ast.Name(id=name) if name in names:
                    told = [name]
                case ast.Attribute(value=ast.Name(id=owner), attr=name) if (owner, name) in attributes:
                    told = [f"{owner}.{name}"]
                case ast.keyword(arg="shell" | "allow_pickle" | "allow_dangerous_deserialization"):
                    told = [str(node.arg)]
                case _:
                    continue
            found += [f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}: {name}" for name in told]
    assert found == []


class Hostile:
    """A pickle of it makes a file where it is read by Python."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


def test_a_pickle_that_somebody_planted_beside_the_vectors_is_not_executed(folder: Path, tmp_path: Path) -> None:
    mark = tmp_path / "executed"
    turns = [("Ana", f"Stone number {number} of the mill lies in row {number % 7}.") for number in range(1_100)]
    with Memory.open(folder) as memory:
        memory.memorize(Session(turns=turns))
        memory.flush()
        before = memory.recall("stone number 42")
    pickles = list((folder / "vectors").rglob("*.pickle"))
    assert pickles, "Chroma keeps its last file as a pickle; where it does no more, this test is about nothing"
    for path in pickles:
        path.write_bytes(pickle.dumps(Hostile(mark)))
    with Memory.open(folder) as memory:
        assert memory.recall("stone number 42")[0].text == before[0].text
        memory.memorize("Ben keeps bees.")
        memory.flush()
        assert memory.recall("bees")
        assert memory._runtime.archive.vectors.owner
    assert not mark.exists()
    pickle.loads(pickle.dumps(Hostile(mark)))
    assert mark.exists(), "the pickle was a hostile one"


def test_neither_a_backup_nor_an_export_carries_the_folder_that_has_a_pickle(memory: Memory, tmp_path: Path) -> None:
    memory.memorize("Ana bought the mill.")
    memory.flush()
    memory.transfer.backup(tmp_path / "copy")
    assert [path.name for path in (tmp_path / "copy").iterdir()] == ["truth.sqlite3"]
    memory.transfer.export(tmp_path / "all.jsonl", vectors=True)
    for line in (tmp_path / "all.jsonl").read_text(encoding="utf-8").splitlines():
        assert isinstance(json.loads(line), dict)
