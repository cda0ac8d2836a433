"""Models by name: what they are made with, and that their connections are kept, whoever calls from wherever."""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.language_models import BaseChatModel
from langchain_openai import ChatOpenAI
from model_server import ModelServer
from openai import APITimeoutError, NotFoundError
from pydantic import SecretStr

from jitmem.models import chat_model, embedding_model
from jitmem.stores.errors import BadInput, MissingPackage, ModelUnavailable
from jitmem.testing import ScriptedModel

Start = Callable[..., Any]


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing about models or proxies comes from the machine that runs the tests."""
    for name in list(os.environ):
        if name.startswith(("OPENAI_", "LANGSMITH_", "LANGCHAIN_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as started:
        yield started


async def ask_once(model: BaseChatModel) -> None:
    await model.ainvoke("Hello")


def connections(server: ModelServer) -> list[int]:
    """Which connection each request came by, numbered by their first use."""
    used = [request["connection"] for request in server.requests()]
    order = list(dict.fromkeys(used))
    return [order.index(one) for one in used]


# -- what a name becomes -----------------------------------------------------------------------------------


def test_a_users_own_chat_model_answers_in_one_event_loop_after_another(server: ModelServer) -> None:
    own = ChatOpenAI(model="m", base_url=server.base_url, api_key=SecretStr("x"), max_retries=0)
    with_client = own.model_copy(update={"http_async_client": httpx.AsyncClient()})
    model = chat_model(own)
    for _ in range(3):
        asyncio.run(ask_once(model))
    assert len(server.requests()) == 3
    assert chat_model(with_client) is with_client


def test_objects_are_returned_as_they_are() -> None:
    model, embeddings = ScriptedModel(lines={}), DeterministicFakeEmbedding(size=3)
    assert chat_model(model, base_url="http://elsewhere") is model
    assert embedding_model(embeddings, base_url="http://elsewhere") is embeddings


@pytest.mark.parametrize("name", ["gpt-4.1", "", ":x", "openai:", 7])
def test_a_name_without_provider_is_refused_with_an_example(name: Any) -> None:
    with pytest.raises(BadInput, match=r"write provider and name, such as 'openai:gpt-4.1-mini'"):
        chat_model(name)


def test_a_server_of_ones_own_needs_no_key_and_gets_chat_completions_and_plain_texts(server: ModelServer) -> None:
    chat_model("openai:gpt-5-codex", base_url=server.base_url).invoke("Hello")
    embedding_model("openai:nomic-embed-text", base_url=server.base_url).embed_documents(["a", "b"])
    asked, embedded = server.requests()
    assert (asked["path"], asked["model"]) == ("/v1/chat/completions", "gpt-5-codex")
    assert (embedded["path"], embedded["model"], embedded["body"]["input"]) == (
        "/v1/embeddings",
        "nomic-embed-text",
        ["a", "b"],
    )


def test_the_server_may_come_from_the_environment(server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_BASE", "")
    monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
    chat_model("openai:small").invoke("Hello")
    embedding_model("openai:small").embed_query("a")
    assert [request["model"] for request in server.requests()] == ["small", "small"]


def test_the_argument_wins_over_the_environment(server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    chat_model("openai:small", base_url=server.base_url).invoke("Hello")
    assert len(server.requests()) == 1


@pytest.mark.parametrize("make", [chat_model, embedding_model])
@pytest.mark.parametrize("given", [{}, {"OPENAI_API_KEY": "", "OPENAI_BASE_URL": ""}])
def test_without_key_and_server_it_says_what_to_set(
    make: Callable[..., Any], given: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ModelUnavailable, match="No key for small: set OPENAI_API_KEY"):
        make("openai:small")


def test_openai_itself_is_the_server_when_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    monkeypatch.setenv("OPENAI_BASE_URL", "")
    model: Any = chat_model("openai:gpt-5-codex")
    assert str(model.root_client.base_url) == "https://api.openai.com/v1/"
    assert model._use_responses_api({}), "OpenAI serves this model by its other protocol only"
    assert model.stream_usage


def test_models_do_not_retry_and_wait_as_long_as_they_are_told(server: ModelServer) -> None:
    chat: Any = chat_model("openai:small", base_url=server.base_url, timeout_s=7)
    embeddings: Any = embedding_model("openai:small", base_url=server.base_url, timeout_s=7)
    assert {(model.max_retries, model.request_timeout) for model in (chat, embeddings)} == {(0, 7)}
    assert {client.timeout for client in (chat.root_client, chat.root_async_client)} == {7}


def test_a_silent_server_is_left_after_the_timeout_and_not_asked_again(server: ModelServer) -> None:
    chat = chat_model("openai:small", base_url=server.base_url, timeout_s=0.2)
    embeddings = embedding_model("openai:small", base_url=server.base_url, timeout_s=0.2)
    server.set(latency_s=2)
    with pytest.raises(APITimeoutError):
        chat.invoke("Hello")
    with pytest.raises(APITimeoutError):
        asyncio.run(ask_once(chat))
    with pytest.raises(APITimeoutError):
        embeddings.embed_query("a")
    assert len(server.requests()) == 3


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("localhost:8000/v1", "http://localhost:8000/v1"),
        ("127.0.0.1/v1", "http://127.0.0.1/v1"),
        ("ftp://models/v1", "http://localhost:8000/v1"),
        ("http://", "http://localhost:8000/v1"),
        ("http://host:port/v1", "http://localhost:8000/v1"),
        ("http://[::1/v1", "http://localhost:8000/v1"),
    ],
)
@pytest.mark.parametrize("make", [chat_model, embedding_model])
def test_a_wrong_address_is_refused_with_a_right_one(make: Callable[..., Any], wrong: str, right: str) -> None:
    for provider in ("openai", "ollama"):
        with pytest.raises((BadInput, MissingPackage)) as refused:
            make(f"{provider}:small", base_url=wrong)
        if provider == "openai":
            assert (
                str(refused.value) == f"base_url {wrong!r} is not the address of a server; write one such as {right!r}."
            )


def test_a_wrong_address_in_the_environment_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "models.lan/v1")
    with pytest.raises(BadInput, match=r"OPENAI_BASE_URL 'models.lan/v1' is not the address of a server"):
        chat_model("openai:small")


# -- other providers ---------------------------------------------------------------------------------------


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes a package look as if it were not installed."""

    def hide(package: str) -> None:
        for name in [name for name in sys.modules if name.partition(".")[0] == package]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, package, None)

    return hide


@pytest.mark.parametrize(
    ("provider", "package"),
    [("ollama", "langchain-ollama"), ("google_genai", "langchain-google-genai"), ("bedrock", "langchain-aws")],
)
def test_without_langchain_both_packages_are_named(without: Callable[[str], None], provider: str, package: str) -> None:
    without("langchain")
    for make in (chat_model, embedding_model):
        with pytest.raises(MissingPackage, match=f"pip install langchain {package}$"):
            make(f"{provider}:small")


def test_an_unknown_provider_is_named(without: Callable[[str], None]) -> None:
    without("langchain")
    for make in (chat_model, embedding_model):
        with pytest.raises(BadInput, match="'frob:small': there is no provider 'frob'; known are openai, anthropic"):
            make("frob:small")


def test_without_langchain_openai_it_is_named(without: Callable[[str], None]) -> None:
    without("langchain_openai")
    with pytest.raises(MissingPackage, match=r"pip install langchain-openai$"):
        chat_model("openai:small")


needs_langchain = pytest.mark.skipif(importlib.util.find_spec("langchain") is None, reason="langchain is not installed")


@needs_langchain
def test_with_langchain_the_package_of_the_provider_is_named(without: Callable[[str], None]) -> None:
    without("langchain_ollama")
    without("langchain_community")  # where langchain 1.4 looks next
    for make in (chat_model, embedding_model):
        with pytest.raises(MissingPackage, match=r"small: .*langchain-ollama"):
            make("ollama:small")


@needs_langchain
def test_with_langchain_an_unknown_provider_is_named() -> None:
    for make in (chat_model, embedding_model):
        with pytest.raises(BadInput, match=r"small: .*frob"):
            make("frob:small")


@pytest.mark.skipif(importlib.util.find_spec("langchain_ollama") is None, reason="langchain-ollama is not installed")
def test_another_provider_gets_the_address_and_the_timeout() -> None:
    for make in (chat_model, embedding_model):
        made: Any = make("ollama:small", base_url="http://localhost:1", timeout_s=7)
        assert (made.base_url, made.client_kwargs) == ("http://localhost:1", {"timeout": 7})


# -- connections -------------------------------------------------------------------------------------------


def test_a_model_is_made_once_while_somebody_holds_it(server: ModelServer) -> None:
    first = chat_model("openai:small", base_url=server.base_url)
    assert chat_model("openai:small", base_url=server.base_url) is first
    others = [
        chat_model("openai:large", base_url=server.base_url),
        chat_model("openai:small", base_url=server.base_url + "/"),
        chat_model("openai:small", base_url=server.base_url, timeout_s=1),
    ]
    assert all(other is not first for other in others)
    del first
    gc.collect()
    from jitmem.models import _cache

    assert sum(key[2] == server.base_url for key in _cache) == 2


def test_calls_one_after_the_other_share_a_connection(server: ModelServer) -> None:
    for _ in range(3):
        model = chat_model("openai:small", base_url=server.base_url)
        model.invoke("Hello")

    async def ask() -> None:
        for _ in range(3):
            await model.ainvoke("Hello")

    asyncio.run(ask())
    assert connections(server) == [0, 0, 0, 1, 1, 1]


def test_a_model_outlives_an_event_loop(server: ModelServer) -> None:
    chat = chat_model("openai:small", base_url=server.base_url)
    embeddings = embedding_model("openai:small", base_url=server.base_url)

    async def ask() -> None:
        await asyncio.gather(chat.ainvoke("Hello"), embeddings.aembed_query("a"))
        await chat.ainvoke("Hello")
        await embeddings.aembed_query("a")

    chat.invoke("Hello")
    asyncio.run(ask())
    chat.invoke("Hello")
    asyncio.run(ask())
    embeddings.embed_query("a")
    by_kind = {
        path: [r["connection"] for r in server.requests() if r["path"].endswith(path)]
        for path in ("completions", "embeddings")
    }
    sync, first, again, sync_again, second, second_again = by_kind["completions"]
    assert (first, sync, second) == (again, sync_again, second_again)
    assert len({first, sync, second}) == 3
    assert len(by_kind["embeddings"]) == 5


def test_two_threads_with_a_loop_each_do_not_disturb_each_other(server: ModelServer) -> None:
    model = chat_model("openai:small", base_url=server.base_url)
    failed: list[Exception] = []

    async def ask() -> None:
        for _ in range(10):
            await model.ainvoke("Hello")
            await asyncio.to_thread(model.invoke, "Hello")

    def work() -> None:
        try:
            for _ in range(2):
                asyncio.run(ask())
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(server.requests()) == 80
    assert len(set(connections(server))) <= 6, "4 loops, and 2 threads that call at once"


def test_what_an_event_loop_opened_is_closed_when_it_ends(server: ModelServer, start: Start) -> None:
    script = """
import asyncio, gc, sys
from jitmem.models import chat_model
model = chat_model("openai:small", base_url=sys.argv[1])
async def ask():
    await asyncio.gather(*(model.ainvoke("Hello") for _ in range(3)))
for _ in range(5):
    asyncio.run(ask())
loop = asyncio.new_event_loop()
loop.run_until_complete(ask())
loop.close()  # and no shutdown_asyncgens
asyncio.run(ask())
print(len(model.http_async_client._inner))
model.invoke("Hello")
del model
gc.collect()
"""
    child = start(script, server.base_url)
    shown, complaint = child.communicate()
    assert (shown, complaint, child.returncode) == ("1\n", "", 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_process_opens_its_own_connections(server: ModelServer, start: Start) -> None:
    script = """
import asyncio, os, sys
from jitmem.models import chat_model
model = chat_model("openai:small", base_url=sys.argv[1], timeout_s=5)
model.invoke("before")
child = os.fork()
for _ in range(10):
    model.invoke("child" if child == 0 else "parent")
    asyncio.run(model.ainvoke("child" if child == 0 else "parent"))
sys.exit(os.waitpid(child, 0)[1] if child else 0)
"""
    child = start(script, server.base_url)
    complaint = child.communicate()[1]
    assert (child.returncode, complaint) == (0, "")
    own: dict[str, set[int]] = {"child": set(), "parent": set()}
    for request in server.requests()[1:]:
        own[request["body"]["messages"][0]["content"]].add(request["connection"])
    assert own["child"] & own["parent"] == set()


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "all_proxy", "OPENAI_PROXY"])
def test_proxies_of_the_environment_are_used(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, variable: str
) -> None:
    if variable == "OPENAI_PROXY":  # which wins
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv(variable, server.base_url.removesuffix("/v1"))
    site = f"http://models-{variable.lower().replace('_', '-')}.example/v1"
    model = chat_model("openai:small", base_url=site)
    embeddings = embedding_model("openai:small", base_url=site)

    async def embed() -> None:
        await embeddings.aembed_query("a")

    for call in (
        lambda: model.invoke("Hello"),
        lambda: asyncio.run(ask_once(model)),
        lambda: embeddings.embed_query("a"),
        lambda: asyncio.run(embed()),
    ):
        with pytest.raises(NotFoundError):  # the server of the tests is no proxy, but we learn that it was asked
            call()
    assert caplog.messages == []
    paths = [f"{site}/chat/completions"] * 2 + [f"{site}/embeddings"] * 2
    assert [request["path"] for request in server.requests()] == paths


def test_a_server_in_no_proxy_is_reached_directly(server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    model = chat_model("openai:small", base_url=server.base_url)
    model.invoke("Hello")
    asyncio.run(ask_once(model))
    assert [request["path"] for request in server.requests()] == ["/v1/chat/completions"] * 2


def test_no_tokenizer_and_no_other_machine_is_asked_for(server: ModelServer, tmp_path: Path) -> None:
    """The fixture `no_network` fails this test if anything is looked up."""
    chat_model("openai:gpt-4.1-mini", base_url=server.base_url).invoke("Hello " * 20000)
    embedding_model("openai:text-embedding-3-small", base_url=server.base_url).embed_documents(["word " * 9000])
    assert server.requests()[1]["body"]["input"] == ["word " * 9000]
